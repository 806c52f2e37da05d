/** Why the admin interface did not do what it was asked, in words that say what to do about it. */

import { printable, printableLines } from "../format/printable.ts";

export class AdminError extends Error {
  override readonly name = "AdminError";
  /** `unreachable`, `unintelligible`, or the code of the proxy's own answer, see docs/api.md. */
  readonly code: string;
  /** The message without what to do about it. */
  readonly reason: string;

  constructor(code: string, message: string, options: ErrorOptions & { readonly reason?: string } = {}) {
    super(message, options);
    this.code = code;
    this.reason = options.reason ?? message;
  }
}

/** No answer from `address`, or not the whole of it. */
export function unreachable(address: string, cause: unknown): AdminError {
  const reason = reasonOf(cause);
  return new AdminError(
    "unreachable",
    `Cannot reach the admin interface at ${address}: ${reason}; is it running, and is admin.listen set?`,
    { cause, reason },
  );
}

/** Something answers at `address`, but not as sluice does. */
export function unintelligible(address: string, status: number): AdminError {
  return new AdminError(
    "unintelligible",
    `What answers at ${address} (HTTP status ${status}) is not the admin interface of sluice: check the address`,
  );
}

/** The answer is an error; `body` is what it says, as JSON. */
export function refusal(
  { address, status, isTokenGiven }: { address: string; status: number; isTokenGiven: boolean },
  body: unknown,
): AdminError {
  const { code, message } = (body as { error?: { code?: unknown; message?: unknown } } | null)?.error ?? {};
  if (typeof code !== "string" || typeof message !== "string") return unintelligible(address, status);
  if (code !== "unauthorized") return new AdminError(code, printableLines(message));
  const what = isTokenGiven ? "does not take this token" : "wants its token";
  return new AdminError(
    code,
    `The admin interface at ${address} ${what}: set SLUICE_TOKEN, or give --token-file FILE or -c FILE`,
  );
}

/** `fetch` wraps what the system says into several layers of its own, and adds a number. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const innermost = cause.cause instanceof Error ? cause.cause.message : cause.message;
  const reason = /: ([^:]+)$/.exec(innermost)?.[1] ?? innermost;
  return printable(reason.replace(/ \(os error \d+\)$/, "").toLowerCase());
}
