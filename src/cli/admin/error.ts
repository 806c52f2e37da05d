/** Errors of requests to the admin interface, with their remedies. */

import { printable, printableLines } from "../format/printable.ts";

export class AdminError extends Error {
  override readonly name = "AdminError";
  /** `unreachable`, `unintelligible`, or a code of the proxy (docs/api.md). */
  readonly code: string;
  /** The message without the remedy. */
  readonly reason: string;

  constructor(code: string, message: string, options: ErrorOptions & { readonly reason?: string } = {}) {
    super(message, options);
    this.code = code;
    this.reason = options.reason ?? message;
  }
}

/** No response, or an incomplete one. */
export function unreachable(address: string, cause: unknown): AdminError {
  const reason = reasonOf(cause);
  return new AdminError(
    "unreachable",
    `Cannot reach the admin interface at ${address}: ${reason}; is it running, and is admin.listen set?`,
    { cause, reason },
  );
}

/** The response is not that of sluice. */
export function unintelligible(address: string, status: number): AdminError {
  return new AdminError(
    "unintelligible",
    `The server at ${address} (HTTP status ${status}) is not the admin interface of sluice: check the address`,
  );
}

/** The response is an error with this JSON body. */
export function refusal(
  { address, status, isTokenGiven }: { address: string; status: number; isTokenGiven: boolean },
  body: unknown,
): AdminError {
  const { code, message } = (body as { error?: { code?: unknown; message?: unknown } } | null)?.error ?? {};
  if (typeof code !== "string" || typeof message !== "string") return unintelligible(address, status);
  if (code !== "unauthorized") return new AdminError(code, printableLines(message));
  const what = isTokenGiven ? "does not accept this token" : "requires a token";
  return new AdminError(
    code,
    `The admin interface at ${address} ${what}: set SLUICE_TOKEN, or give --token-file FILE or -c FILE`,
  );
}

/** The error of the system, which `fetch` wraps in several others. */
export function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const innermost = cause.cause instanceof Error ? cause.cause.message : cause.message;
  const reason = /: ([^:]+)$/.exec(innermost)?.[1] ?? innermost;
  return printable(reason.replace(/ \(os error \d+\)$/, "").toLowerCase());
}
