/** Active health checks: connects to an endpoint regularly, to know its state before a client needs it. */

import type { HealthCheckConfig } from "../../config/config.ts";
import { type Address, formatAddress } from "../../net/address.ts";
import type { Conn } from "../../net/socket/conn.ts";
import { dial, type DialOptions } from "../../net/socket/dial.ts";
import { ProxyError } from "../../net/errors.ts";
import { sleep } from "../../net/timers/sleep.ts";
import type { CheckLeg } from "./check_leg.ts";
import { Exchange } from "./exchange.ts";
import { type HealthState, Hysteresis } from "./hysteresis.ts";
import { type Conversation, conversationOf } from "./kinds/registry.ts";
import { bad, type Verdict, verdictOn } from "./verdict.ts";

/** The interval varies by this fraction, so that checks of many proxies do not coincide. */
const JITTER = 0.1;
/**
 * How long the endpoint may take to close after a check, in milliseconds, and how many bytes it may send until then.
 */
const LINGER = 1000;
const LAST_BYTES = 64 * 1024;

export interface CheckResult extends Verdict {
  /** Milliseconds from the start of the check to its result. */
  readonly duration: number;
}

export interface HealthWatchOptions {
  /** Of the endpoint; `check` may have another host or port. */
  readonly address: Address;
  /** The first bytes of its connections; none by default. */
  readonly leg?: CheckLeg;
  readonly check: HealthCheckConfig;
  /** Its state by earlier checks; `unknown` by default. */
  readonly known?: HealthState;
  /** Throws a ProxyError, or the reason of its signal. */
  readonly dial?: (address: Address, options: DialOptions) => Promise<Conn>;
  /** At least 0 and less than 1, as `Math.random`. */
  readonly random?: () => number;
  /** Called with every result. Neither this nor `onChange` may throw. */
  readonly onResult?: (result: CheckResult) => void;
  /** Called with the first state and every new one. `detail` is the result that caused it, and `cause` its error. */
  readonly onChange: (state: "up" | "down", cause: string, detail: CheckResult) => void;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/**
 * Checks an endpoint at once, and then every `interval` ±10 % from start to start, or every `fast_interval` while the
 * results differ from its state; a longer check delays the next one. Never rejects; resolves when `signal` has aborted
 * and everything is closed.
 */
export async function watchHealth(options: HealthWatchOptions): Promise<void> {
  const { random = Math.random, onResult, onChange, signal } = options;
  const { interval, fastInterval = interval, rise, fall } = options.check;
  const { converse } = conversationOf(options.check);
  const hysteresis = new Hysteresis(rise, fall, options.known);
  while (!signal.aborted) {
    const started = performance.now();
    const jitter = 1 + JITTER * (2 * random() - 1);
    await checkOnce(options, converse, (result) => {
      onResult?.(result);
      if (result.outcome === "skipped") return;
      const changed = hysteresis.observe(result.outcome === "good");
      if (changed !== undefined) onChange(changed, result.cause, result);
    });
    const wait = (hysteresis.isChanging ? fastInterval : interval) * jitter;
    await sleep(started + wait - performance.now(), signal);
  }
}

async function checkOnce(
  options: HealthWatchOptions,
  converse: Conversation,
  onResult: (result: CheckResult) => void,
): Promise<void> {
  using check = new Check(options);
  const result = await check.run(converse);
  if (!options.signal.aborted) onResult(result);
  await check.leave();
}

/** Where to check an endpoint. */
function addressToCheck(endpoint: Address, { address, port }: HealthCheckConfig): Address {
  if (address === undefined && port === undefined) return endpoint;
  // Decoding the configuration ensures that an endpoint on a unix socket has both.
  const own = endpoint.transport === "tcp" ? endpoint : { hostname: "", port: 0 };
  return { transport: "tcp", hostname: address ?? own.hostname, port: port ?? own.port };
}

/** One check. */
class Check implements Disposable {
  readonly #options: HealthWatchOptions;
  readonly #address: Address;
  readonly #started = performance.now();
  /** Aborts when the time is up or the watch ends. */
  readonly #over = new AbortController();
  #timer: ReturnType<typeof setTimeout>;
  #conn: Conn | undefined;
  #exchange: Exchange | undefined;
  /** The cause of a timeout before there is an exchange. */
  #late = "connect timeout";

  constructor(options: HealthWatchOptions) {
    this.#options = options;
    this.#address = addressToCheck(options.address, options.check);
    const onTimeout = () => this.#stop(new ProxyError("connect_timeout", "upstream"));
    this.#timer = setTimeout(onTimeout, options.check.timeout);
    options.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Connects, and converses until the verdict is known. The result is meaningless once the watch has ended. */
  async run(converse: Conversation): Promise<CheckResult> {
    let verdict: Verdict;
    try {
      await this.#connect();
      verdict = await converse(this.#begin());
    } catch (cause) {
      verdict = this.#over.signal.aborted ? bad(this.#exchange?.late ?? this.#late) : verdictOn(cause);
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
      const { interval, fastInterval = interval } = this.#options.check;
      this.#timer = setTimeout(() => conn.close(), Math.min(LINGER, interval / 2, fastInterval / 2));
      await readToEnd(conn);
    }
    conn?.close();
    await this.#exchange?.sent().catch(() => {});
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

  /** Dials, sends the PROXY header and starts TLS. */
  async #connect(): Promise<void> {
    const { leg, dial: connect = dial } = this.#options;
    const { signal } = this.#over;
    this.#conn = await connect(this.#address, { adapter: "deno", signal });
    // An aborted dial may still succeed.
    signal.throwIfAborted();
    if (leg?.header !== undefined) {
      const exchange = this.#begin();
      exchange.send(leg.header);
      await exchange.sent();
      this.#exchange = undefined;
    }
    if (leg?.tls === undefined) return;
    this.#late = "TLS handshake timeout";
    this.#conn = await leg.tls.startTls(this.#conn, this.#address, signal);
  }

  #begin(): Exchange {
    const { timeout } = this.#options.check;
    const authority = this.#address.transport === "unix" ? "localhost" : formatAddress(this.#address);
    return this.#exchange = new Exchange(this.#conn!, { timeout, authority });
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
    // The connection is broken, or the timer has closed it.
  }
}
