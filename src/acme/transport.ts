/** Requests to an ACME server (RFC 8555 section 6): nonces, signatures, and errors in words. */

import { AcmeError, type AcmeProblem, describeProblem, typeOf } from "./acme_error.ts";
import { type JwsTarget, signRequest } from "./jws.ts";
import type { EcKey } from "./keys.ts";

/** How often a request is sent again because the server refuses its nonce: some refuse good ones now and then. */
const MOST_NONCES = 8;
/** How long one request may take, in milliseconds. */
const REQUEST_TIMEOUT = 30_000;
/** The longest time that a server may ask to wait, in milliseconds; a longer one is cut. */
const LONGEST_WAIT = 7 * 86_400_000;
/** The longest answer, in bytes. */
const LARGEST_ANSWER = 1024 * 1024;

/** `fetch`, with a client of its own where the authority of the server is private. */
export type Fetch = (
  url: string,
  init: RequestInit & { readonly signal: AbortSignal },
) => Promise<Response>;

/** An answer that was not an error. */
export interface AcmeAnswer {
  readonly text: string;
  /** The URL of what was made. */
  readonly location: string | undefined;
  /** Milliseconds that the server asks to wait. */
  readonly retryAfter: number | undefined;
}

export class AcmeTransport {
  readonly #fetch: Fetch;
  readonly #key: EcKey;
  readonly #signal: AbortSignal;
  readonly #now: () => number;
  #newNonce = "";
  #nonce: string | undefined;
  account: string | undefined;

  constructor(
    { fetch, key, signal, now }: {
      readonly fetch: Fetch;
      readonly key: EcKey;
      readonly signal: AbortSignal;
      readonly now: () => number;
    },
  ) {
    this.#fetch = fetch;
    this.#key = key;
    this.#signal = signal;
    this.#now = now;
  }

  /** @param url Where the server gives nonces. */
  useNonces(url: string): void {
    this.#newNonce = url;
  }

  /** A plain request without a signature. @throws {AcmeError} */
  async get(url: string): Promise<AcmeAnswer> {
    const response = await this.#send(url, {});
    return await this.#answer(url, response);
  }

  /** @param payload Undefined reads what is at the URL (POST-as-GET). @throws {AcmeError} */
  async post(url: string, payload?: unknown): Promise<AcmeAnswer> {
    for (let attempt = 1;; attempt += 1) {
      const target: JwsTarget = { url, nonce: await this.#takeNonce(), account: this.account };
      const response = await this.#send(url, {
        method: "POST",
        headers: { "Content-Type": "application/jose+json" },
        body: JSON.stringify(signRequest(this.#key, target, payload)),
      });
      try {
        return await this.#answer(url, response);
      } catch (error) {
        const isNonce = error instanceof AcmeError && error.type === "badNonce";
        if (!isNonce || attempt === MOST_NONCES) throw error;
      }
    }
  }

  async #takeNonce(): Promise<string> {
    if (this.#nonce === undefined) {
      const response = await this.#send(this.#newNonce, { method: "HEAD" });
      await response.body?.cancel();
    }
    const nonce = this.#nonce;
    this.#nonce = undefined;
    if (nonce === undefined) throw new AcmeError(`${this.#newNonce} gives no nonce`);
    return nonce;
  }

  async #send(url: string, init: RequestInit): Promise<Response> {
    const headers = { ...init.headers, "User-Agent": "sluice" };
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(REQUEST_TIMEOUT)]);
    try {
      const response = await this.#fetch(url, { ...init, headers, signal });
      this.#nonce = response.headers.get("replay-nonce") ?? this.#nonce;
      return response;
    } catch (cause) {
      this.#signal.throwIfAborted();
      throw new AcmeError(`Cannot reach ${url}: ${reasonOf(cause)}`, { cause });
    }
  }

  async #answer(url: string, response: Response): Promise<AcmeAnswer> {
    const text = await this.#read(url, response);
    const retryAfter = this.#retryAfter(response.headers.get("retry-after"));
    if (response.ok) {
      return { text, location: response.headers.get("location") ?? undefined, retryAfter };
    }
    const problem = problemIn(text);
    const said = problem === undefined ? "no reason given" : describeProblem(problem);
    throw new AcmeError(`${url} answered ${response.status}: ${said}`, {
      type: problem && typeOf(problem),
      retryAfter,
    });
  }

  async #read(url: string, response: Response): Promise<string> {
    try {
      let text = "";
      const decoder = new TextDecoder();
      for await (const chunk of response.body ?? []) {
        text += decoder.decode(chunk, { stream: true });
        if (text.length > LARGEST_ANSWER) throw new RangeError("the answer is too long");
      }
      return text + decoder.decode();
    } catch (cause) {
      this.#signal.throwIfAborted();
      throw new AcmeError(`Cannot read the answer of ${url}: ${reasonOf(cause)}`, { cause });
    }
  }

  /** Seconds, or a date (RFC 9110 section 10.2.3). */
  #retryAfter(value: string | null): number | undefined {
    if (value === null) return undefined;
    const wait = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - this.#now();
    return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), LONGEST_WAIT);
  }
}

/**
 * The object in an answer.
 *
 * @throws {AcmeError} when it is something else.
 */
export function objectIn<Answer>(url: string, { text }: AcmeAnswer): Answer {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Answer;
  } catch {
    // The same as any other text.
  }
  throw new AcmeError(`${url} answered with something that is not ACME: is it a directory?`);
}

function problemIn(text: string): AcmeProblem | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if (cause.name === "TimeoutError") return `no answer within ${REQUEST_TIMEOUT / 1000} s`;
  const inner = cause.cause instanceof Error ? `: ${cause.cause.message}` : "";
  return `${cause.message}${inner}`;
}
