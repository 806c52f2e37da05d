/** Active health checks: connects to an endpoint regularly, to know its state before a client needs it. */

import type { HealthCheckConfig } from "../../config/config.ts";
import type { Address } from "../../net/address.ts";
import { type Conn, writeAll } from "../../net/socket/conn.ts";
import { dial, type DialOptions } from "../../net/socket/dial.ts";
import { type ErrorCode, ProxyError, proxyErrorOf } from "../../net/errors.ts";
import { sleep } from "../../net/timers/sleep.ts";
import type { CheckLeg } from "./check_leg.ts";
import { Hysteresis } from "./hysteresis.ts";

/** The interval varies by this fraction, so that checks of many proxies do not coincide. */
const JITTER = 0.1;
/** How long the endpoint may take to close after a check, in milliseconds, and how many bytes it may send until then. */
const LINGER = 1000;
const LAST_BYTES = 64 * 1024;

export interface CheckResult {
  /** `skipped`: the proxy had no port or descriptor for the check; the endpoint may be up or down. */
  readonly outcome: "good" | "bad" | "skipped";
  /** For people: `connection refused`, `answered "-ERR" instead of "+PONG"`. */
  readonly cause: string;
  /** Milliseconds from the start of the check to its result. */
  readonly duration: number;
}

export interface HealthWatchOptions {
  readonly address: Address;
  /** What it sends first; nothing by default. */
  readonly leg?: CheckLeg;
  readonly check: HealthCheckConfig;
  /** Throws a ProxyError, or the reason of its signal. */
  readonly dial?: (address: Address, options: DialOptions) => Promise<Conn>;
  /** At least 0 and less than 1, as `Math.random`. */
  readonly random?: () => number;
  /** Called with every result. Neither this nor `onChange` may throw. */
  readonly onResult?: (result: CheckResult) => void;
  /** Called with the first state and every new one; `detail` is the result that decided, `cause` is its cause. */
  readonly onChange: (state: "up" | "down", cause: string, detail: CheckResult) => void;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/**
 * Checks an endpoint at once and then every `interval` ±10 %, counted from start to start; a check that takes longer
 * delays the next one. Never rejects, and resolves once `signal` has aborted and everything is closed.
 */
export async function watchHealth(options: HealthWatchOptions): Promise<void> {
  const { random = Math.random, onResult, onChange, signal } = options;
  const { interval, rise, fall } = options.check;
  const hysteresis = new Hysteresis(rise, fall);
  while (!signal.aborted) {
    const next = performance.now() + interval * (1 + JITTER * (2 * random() - 1));
    await checkOnce(options, (result) => {
      onResult?.(result);
      if (result.outcome === "skipped") return;
      const changed = hysteresis.observe(result.outcome === "good");
      if (changed !== undefined) onChange(changed, result.cause, result);
    });
    await sleep(next - performance.now(), signal);
  }
}

async function checkOnce(
  options: HealthWatchOptions,
  onResult: (result: CheckResult) => void,
): Promise<void> {
  using check = new Check(options);
  const result = await check.run();
  if (!options.signal.aborted) onResult(result);
  await check.leave();
}

/** One check. */
class Check implements Disposable {
  readonly #options: HealthWatchOptions;
  readonly #started = performance.now();
  /** Aborts when the time is up or the watch ends. */
  readonly #over = new AbortController();
  #timer: ReturnType<typeof setTimeout>;
  #conn: Conn | undefined;
  #sending = Promise.resolve();
  /** The cause of a timeout at the current step. */
  #late = "connect timeout";

  constructor(options: HealthWatchOptions) {
    this.#options = options;
    const onTimeout = () => this.#stop(new ProxyError("connect_timeout", "upstream"));
    this.#timer = setTimeout(onTimeout, options.check.timeout);
    options.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Connects, sends, and reads until the answer is known. The result is meaningless once the watch has ended. */
  async run(): Promise<CheckResult> {
    let verdict: Verdict;
    try {
      verdict = await this.#converse();
    } catch (cause) {
      verdict = this.#over.signal.aborted ? bad(this.#late) : verdictOn(cause);
    }
    return { ...verdict, duration: performance.now() - this.#started };
  }

  /**
   * Closes the connection gracefully: sends a FIN, then reads up to the FIN of the endpoint.
   * Closing over unread bytes, or over a greeting under way, would send a RST, which many servers log as an error.
   */
  async leave(): Promise<void> {
    const conn = this.#conn;
    clearTimeout(this.#timer);
    if (conn !== undefined && !this.#over.signal.aborted) {
      this.#timer = setTimeout(() => conn.close(), Math.min(LINGER, this.#options.check.interval / 2));
      await readToEnd(conn);
    }
    conn?.close();
    await this.#sending.catch(() => {});
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    this.#conn?.close();
  }

  readonly #onAbort = (): void => this.#stop(this.#options.signal.reason);

  #stop(reason: unknown): void {
    this.#over.abort(reason);
    this.#conn?.close();
  }

  async #converse(): Promise<Verdict> {
    const { address, check, dial: connect = dial } = this.#options;
    const { signal } = this.#over;
    this.#conn = await connect(address, { adapter: "deno", signal });
    // A dial may succeed although it was aborted.
    signal.throwIfAborted();
    const conn = await this.#begin(this.#conn);
    if (check.send !== undefined) {
      this.#late = `cannot send within ${durationText(check.timeout)}`;
      this.#sending = writeAll(conn, check.send);
      // If an answer is expected, reading shows what the endpoint sent before it closed.
      this.#sending.catch(() => {});
    }
    if (check.expect !== undefined) return await this.#answer(conn, check.expect);
    await this.#sending;
    return good("connected");
  }

  /** Sends the PROXY header and starts TLS. */
  async #begin(conn: Conn): Promise<Conn> {
    const { address, leg, check } = this.#options;
    if (leg?.header !== undefined) {
      this.#late = `cannot send within ${durationText(check.timeout)}`;
      await writeAll(conn, leg.header);
    }
    if (leg?.tls === undefined) return conn;
    this.#late = "TLS handshake timeout";
    return this.#conn = await leg.tls.startTls(conn, address, this.#over.signal);
  }

  async #answer(conn: Conn, expected: Uint8Array): Promise<Verdict> {
    const within = `within ${durationText(this.#options.check.timeout)}`;
    this.#late = `no answer ${within}`;
    const buffer = new Uint8Array(Math.max(expected.byteLength, LONGEST_QUOTE + 1));
    for (let length = 0; length < expected.byteLength;) {
      const count = await conn.read(buffer.subarray(length));
      if (count === null && length === 0) return bad("closed before it answered");
      length += count ?? 0;
      const answer = buffer.subarray(0, length);
      if (count === null || !beginAlike(answer, expected)) {
        return bad(`answered ${quoted(answer)} instead of ${quoted(expected)}`);
      }
      this.#late = `answered only ${quoted(answer)} ${within}`;
    }
    return good(`answered ${quoted(expected)}`);
  }
}

async function readToEnd(conn: Conn): Promise<void> {
  const buffer = new Uint8Array(4096);
  try {
    await conn.closeWrite();
    for (let total = 0; total < LAST_BYTES;) {
      const count = await conn.read(buffer);
      if (count === null) return;
      total += count;
    }
  } catch {
    // Broken, or closed by the timer: nothing is left to wait for.
  }
}

/** Codes of faults of the proxy itself. */
const OWN_SHORTAGE: ReadonlySet<ErrorCode> = new Set(["address_not_available", "too_many_open_files"]);

type Verdict = Pick<CheckResult, "outcome" | "cause">;

function good(cause: string): Verdict {
  return { outcome: "good", cause };
}

function bad(cause: string): Verdict {
  return { outcome: "bad", cause };
}

function verdictOn(failure: unknown): Verdict {
  const error = proxyErrorOf(failure, "upstream");
  return { outcome: OWN_SHORTAGE.has(error.code) ? "skipped" : "bad", cause: causeOf(error) };
}

function causeOf(error: ProxyError): string {
  if (error.code === "io_error") return error.message;
  if (error.isReset) return "connection reset";
  return error.reason.replace(/^upstream /, "");
}

function durationText(milliseconds: number): string {
  return milliseconds % 1000 === 0 ? `${milliseconds / 1000}s` : `${milliseconds}ms`;
}

/** Whether the shorter one is the beginning of the other. */
function beginAlike(one: Uint8Array, other: Uint8Array): boolean {
  const length = Math.min(one.byteLength, other.byteLength);
  for (let at = 0; at < length; at++) if (one[at] !== other[at]) return false;
  return true;
}

/** In characters. */
export const LONGEST_QUOTE = 60;

const ESCAPES: Record<string, string> = {
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
  '"': '\\"',
  "\\": "\\\\",
};

/** Bytes as text in quotes, shortened; bytes that are not printable ASCII are escaped. */
export function quoted(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    const printed = ESCAPES[character] ??
      (/[ -~]/.test(character) ? character : `\\x${byte.toString(16).padStart(2, "0")}`);
    if (text.length + printed.length > LONGEST_QUOTE) return `"${text}…"`;
    text += printed;
  }
  return `"${text}"`;
}
