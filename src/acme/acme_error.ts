/** Why an ACME server gives no certificate, in its own words. */

/** A problem document (RFC 7807), as ACME servers answer with (RFC 8555 section 6.7). */
export interface AcmeProblem {
  readonly type?: string;
  readonly detail?: string;
  readonly subproblems?: readonly (AcmeProblem & { readonly identifier?: { readonly value?: string } })[];
}

const NAMESPACE = "urn:ietf:params:acme:error:";
/** The longest text of a server that a message repeats, in characters. */
const MAX_SHOWN = 500;

export interface AcmeErrorOptions {
  /** Such as `rateLimited`. */
  readonly type?: string | undefined;
  /** Milliseconds that the server asks to wait. */
  readonly retryAfter?: number | undefined;
  readonly cause?: unknown;
}

/** The message says what was asked for and what the server said. */
export class AcmeError extends Error {
  override readonly name = "AcmeError";
  readonly type: string | undefined;
  readonly retryAfter: number | undefined;

  constructor(message: string, { type, retryAfter, cause }: AcmeErrorOptions = {}) {
    super(message, { cause });
    this.type = type;
    this.retryAfter = retryAfter;
  }
}

/** The type of a problem without its namespace: `rateLimited`. */
export function typeOf({ type }: AcmeProblem): string | undefined {
  return type?.startsWith(NAMESPACE) ? type.slice(NAMESPACE.length) : type;
}

/** What a problem says: its type and detail, and those of its parts, each with the name it is about. */
export function describeProblem(problem: AcmeProblem): string {
  const parts = (problem.subproblems ?? []).map((part) => `${part.identifier?.value ?? "?"}: ${own(part)}`);
  return printable([own(problem), ...parts].join("; "));
}

function own(problem: AcmeProblem): string {
  return [typeOf(problem), problem.detail].filter((part) => part !== undefined && part !== "").join(": ") ||
    "no reason given";
}

function printable(text: string): string {
  // deno-lint-ignore no-control-regex -- a server must not write to a terminal
  const line = text.replace(/[\u0000-\u001f\u007f]+/g, " ");
  return line.length <= MAX_SHOWN ? line : `${line.slice(0, MAX_SHOWN - 1)}…`;
}
