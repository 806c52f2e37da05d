/** A watch over the health of an endpoint, and connections that a test controls. */

import assert from "node:assert/strict";
import type { HealthCheckConfig } from "../../../../src/config/config.ts";
import { type Address, parseUpstreamAddress } from "../../../../src/net/address.ts";
import type { Conn } from "../../../../src/net/socket/conn.ts";
import type { DialOptions } from "../../../../src/net/socket/dial.ts";
import {
  type CheckResult,
  type HealthWatchOptions,
  watchHealth,
} from "../../../../src/upstream/health/health_check.ts";
import { CHECK as PLAIN } from "../../../support/fakes/upstream_parts.ts";
import { settled } from "../../../support/fakes/fake_time.ts";

export const CHECK: HealthCheckConfig = { ...PLAIN, interval: 60_000, timeout: 30_000, rise: 2, fall: 3 };
export const ADDRESS = parseUpstreamAddress("127.0.0.1:1");
export const beginning = (text: string) => ({ begins: bytes(text), contains: undefined, regex: undefined });
export const PING = { send: bytes("PING\r\n"), expect: beginning("+PONG") };

/** `address` is that of the endpoint, `host` the one to check. */
export type WatchSettings =
  & Partial<Omit<HealthCheckConfig, "address">>
  & Partial<Omit<HealthWatchOptions, "address" | "check">>
  & { address?: string; host?: string };

/** A running watch, its reports, and its end. */
export class Watch implements AsyncDisposable {
  readonly results: CheckResult[] = [];
  readonly changes: string[] = [];
  readonly firstResult: Promise<CheckResult>;
  readonly done: Promise<void>;
  readonly #stop = new AbortController();

  constructor({ address, host, signal, dial, random, leg, ...check }: WatchSettings) {
    const first = Promise.withResolvers<CheckResult>();
    this.firstResult = first.promise;
    this.done = watchHealth({
      address: address === undefined ? ADDRESS : parseUpstreamAddress(address),
      check: { ...CHECK, ...check, address: host },
      ...dial && { dial },
      ...random && { random },
      ...leg && { leg },
      onResult: (result) => {
        this.results.push(result);
        first.resolve(result);
      },
      onChange: (state, cause, detail) => {
        assert.equal(detail, this.results.at(-1));
        this.changes.push(`${state} at ${performance.now()}: ${cause}`);
      },
      signal: signal ?? this.#stop.signal,
    });
  }

  stop(): void {
    this.#stop.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.done;
  }
}

export async function firstResult(settings: WatchSettings): Promise<CheckResult> {
  await using watch = new Watch(settings);
  return await watch.firstResult;
}

export async function firstCause(settings: WatchSettings): Promise<string> {
  const { outcome, cause } = await firstResult(settings);
  return `${outcome}: ${cause}`;
}

export interface FakeConnOptions {
  /** The results of reads, one after another: text, the end, then silence. */
  readonly sends?: readonly (string | null)[];
  /** The result of writes. */
  readonly write?: "blocks" | Error;
  /** Reads, and the end of a write after a close, settle only after everything else has run. */
  readonly isSlow?: boolean;
}

/** A connection that a test controls, and that records its calls. */
export class FakeConn implements Conn {
  readonly localAddress = ADDRESS;
  readonly remoteAddress = ADDRESS;
  readonly calls: string[] = [];
  readonly #sends: (Uint8Array | null)[];
  readonly #write: "blocks" | Error | undefined;
  readonly #isSlow: boolean;
  readonly #closed = Promise.withResolvers<never>();
  isClosed = false;
  isWriting = false;
  onCall: (name: string) => void = () => {};

  constructor({ sends = [], write, isSlow = false }: FakeConnOptions) {
    this.#sends = sends.map((each) => each === null ? null : bytes(each));
    this.#write = write;
    this.#isSlow = isSlow;
    this.#closed.promise.catch(() => {});
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    this.#called(this.calls.includes("closeWrite") ? "last read" : "read");
    if (this.#isSlow) await settled();
    const next = this.#sends[0];
    if (this.isClosed || next === undefined) return await this.#closed.promise;
    if (next === null) return null;
    const count = Math.min(buffer.byteLength, next.byteLength);
    buffer.set(next.subarray(0, count));
    if (count < next.byteLength) this.#sends[0] = next.subarray(count);
    else this.#sends.shift();
    return count;
  }

  async write(chunk: Uint8Array): Promise<number> {
    this.isWriting = true;
    this.#called("write");
    try {
      if (this.isClosed || this.#write === "blocks") return await this.#closed.promise;
      if (this.#write !== undefined) throw this.#write;
      return chunk.byteLength;
    } finally {
      if (this.isClosed && this.#isSlow) await settled();
      this.isWriting = false;
    }
  }

  closeWrite(): Promise<void> {
    this.#called("closeWrite");
    return this.isClosed ? this.#closed.promise : Promise.resolve();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#closed.reject(new Deno.errors.Interrupted("closed"));
    this.#called("close");
  }

  /** Resolves once the method has been called. */
  called(name: string): Promise<void> {
    return new Promise((resolve) => {
      this.onCall = (call) => call === name && resolve();
    });
  }

  reset(): void {
    this.#called("reset");
    this.close();
  }

  setOptions(): void {}

  [Symbol.dispose](): void {
    this.close();
  }

  #called(name: string): void {
    this.calls.push(name === "last read" ? "read" : name);
    this.onCall(name);
  }
}

export function fakeDial(conn: FakeConn): () => Promise<Conn> {
  return () => Promise.resolve(conn);
}

/** A dial that lasts until it is aborted. */
export function untilAborted(_address: Address, { signal }: DialOptions): Promise<Conn> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

/** One byte for each character. */
export function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
