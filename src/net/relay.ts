/** The relay: two directions between a client and its upstream, each ended on its own, failing together. */

import { RelayBuffer } from "./buffers.ts";
import type { Conn } from "./conn.ts";
import { type Peer, ProxyError, proxyErrorOf } from "./errors.ts";
import type { IdleClock, Watched } from "./idle_clock.ts";
import {
  type ByteCount,
  ConnSink,
  countingStream,
  type FlowObserver,
  readableFrom,
  writableTo,
} from "./streams.ts";
import { bufferForRate, throttlingStream } from "./throttle.ts";

/** A read of this many bytes, or a full buffer, is no message: from then on the direction runs through streams. */
const BULK = 32 * 1024;
/** How long writes already begun may take once the connection has failed, in milliseconds. */
const LAST_WRITES = 1000;

export interface RelayOptions {
  readonly client: Conn;
  readonly upstream: Conn;
  /** Largest relay buffer, in bytes. */
  readonly bufferSize: number;
  /** Limits in bytes a second; 0 is none. */
  readonly rates: { readonly upload: number; readonly download: number };
  /** `pass`: a reset by one side becomes a reset of the other. */
  readonly reset: "close" | "pass";
  readonly fromClient: ByteCount;
  readonly fromUpstream: ByteCount;
  readonly idleClock: IdleClock;
}

/** How a relay ended: who finished sending first, or what broke it. */
export type RelayOutcome =
  | { readonly kind: "closed"; readonly first: Peer }
  | { readonly kind: "failed"; readonly error: ProxyError };

/** Relays one connection. Made once both sides are connected, and used once. */
export class Relay implements FlowObserver, Watched {
  readonly #options: RelayOptions;
  readonly #upload: Direction;
  readonly #download: Direction;
  #firstToFinish: Peer | undefined;
  #failure: ProxyError | undefined;
  #lastWrites: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  /** Counts reads that brought bytes, from either side: what the idle clock looks at. */
  activity = 0;

  constructor(options: RelayOptions) {
    const { client, upstream, bufferSize, rates } = options;
    this.#options = options;
    this.#upload = new Direction({
      from: "client",
      source: client,
      to: "upstream",
      sink: upstream,
      count: options.fromClient,
      rate: rates.upload,
      bufferSize,
      observer: this,
    });
    this.#download = new Direction({
      from: "upstream",
      source: upstream,
      to: "client",
      sink: client,
      count: options.fromUpstream,
      rate: rates.download,
      bufferSize,
      observer: this,
    });
  }

  /** One side has finished sending, the other has not. */
  get isHalfClosed(): boolean {
    return this.#firstToFinish !== undefined;
  }

  /** Relays until both sides have finished or one has failed; both connections are closed then. Never rejects. */
  async run(): Promise<RelayOutcome> {
    using _watch = this.#options.idleClock.watch(this);
    await Promise.all([this.#runDirection(this.#upload), this.#runDirection(this.#download)]);
    this.#closeBoth();
    return this.#failure === undefined
      ? { kind: "closed", first: this.#firstToFinish! }
      : { kind: "failed", error: this.#failure };
  }

  /** Ends both ways: no more reads, what was read is written for at most a second, then both are closed. */
  onFailure(error: ProxyError): void {
    if (this.#failure !== undefined || this.#closed) return;
    this.#failure = error;
    this.#lastWrites = setTimeout(() => this.#closeBoth(), LAST_WRITES);
    this.#closeWhenDelivered();
  }

  /** Closes both connections now, whatever is still under way. */
  abort(error: ProxyError): void {
    this.#failure ??= error;
    this.#closeBoth();
  }

  /** The idle clock ran out. */
  expire(): void {
    this.onFailure(new ProxyError(this.isHalfClosed ? "half_close_timeout" : "idle_timeout", "proxy"));
  }

  /**
   * After a failure nothing more is read, but for one case: a side that refuses our writes may have answered
   * before it closed, and that answer is still to be had.
   */
  stopped(side: Peer): ProxyError | undefined {
    return this.#failure?.side === side ? undefined : this.#failure;
  }

  onActivity(): void {
    this.activity += 1;
  }

  onEnd(side: Peer): void {
    this.#firstToFinish ??= side;
  }

  onWritten(): void {
    if (this.#failure !== undefined) this.#closeWhenDelivered();
  }

  /** Once a side has finished, the other's end closes both: closing sends the same FIN for one call less. */
  closesNext(side: Peer): boolean {
    return (side === "upstream" ? this.#download : this.#upload).isFinished;
  }

  async #runDirection(direction: Direction): Promise<void> {
    try {
      await direction.run();
    } catch (cause) {
      this.onFailure(proxyErrorOf(cause, "proxy"));
    }
    if (this.#failure !== undefined) this.#closeWhenDelivered();
  }

  #closeWhenDelivered(): void {
    if (this.#upload.isBusy || this.#download.isBusy) return;
    const broken = this.#failure?.side;
    if (broken === "client" && !this.#upload.isSettled) return;
    if (broken === "upstream" && !this.#download.isSettled) return;
    this.#closeBoth();
  }

  #closeBoth(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#lastWrites);
    this.#upload.stopWaiting();
    this.#download.stopWaiting();
    const { client, upstream, reset } = this.#options;
    const broken = reset === "pass" && this.#failure?.isReset === true ? this.#failure.side : undefined;
    // A side that already got its FIN has the whole answer; a RST could take it away from there again.
    if (broken === "client" && !this.#upload.isFinished) upstream.reset();
    if (broken === "upstream" && !this.#download.isFinished) client.reset();
    client.close();
    upstream.close();
  }
}

interface DirectionOptions {
  readonly from: Peer;
  readonly source: Conn;
  readonly to: Peer;
  readonly sink: Conn;
  readonly count: ByteCount;
  /** Bytes a second; 0 is no limit. */
  readonly rate: number;
  readonly bufferSize: number;
  readonly observer: FlowObserver;
}

/** Bytes from one connection to the other, until the first has finished sending. */
class Direction {
  readonly #options: DirectionOptions;
  readonly #buffer: RelayBuffer;
  /** Ends the waiting for the rate. */
  readonly #waiting: AbortController | undefined;
  /** The source's FIN was passed on. */
  isFinished = false;
  /** Finished or failed. */
  isSettled = false;

  constructor(options: DirectionOptions) {
    const { rate, bufferSize } = options;
    this.#options = options;
    this.#buffer = new RelayBuffer(rate > 0 ? bufferForRate(rate, bufferSize) : bufferSize);
    if (rate > 0) this.#waiting = new AbortController();
  }

  /** Bytes were read that are not written yet. */
  get isBusy(): boolean {
    return this.#buffer.isBusy;
  }

  stopWaiting(): void {
    this.#waiting?.abort();
  }

  async run(): Promise<void> {
    try {
      await this.#relay();
      this.isFinished = true;
    } finally {
      this.isSettled = true;
    }
  }

  /**
   * Short messages are passed on by hand, through the same sink: queries and their answers, greetings, keystrokes.
   * The streams are built once a read brings bulk, and stay. Three queues and a dozen promises a chunk cost nothing
   * beside 32 KiB, but for a request of forty bytes they doubled the CPU time (see tests/bench), and the objects
   * alone were half the memory of an idle connection.
   */
  async #relay(): Promise<void> {
    const { to, sink, count, observer } = this.#options;
    const buffer = this.#buffer;
    const into = new ConnSink({ conn: sink, side: to, buffer, observer });
    const bulk = this.#waiting === undefined ? Math.min(BULK, buffer.largest) : 0;
    for (;;) {
      const length = await this.#read();
      if (length === null) return await into.close();
      if (length >= bulk) return await this.#stream(length, into);
      count.add(length);
      await into.write(buffer.filled(length));
    }
  }

  async #stream(first: number, into: ConnSink): Promise<void> {
    const { from: side, source: conn, count, rate, observer } = this.#options;
    const counted = readableFrom({ conn, side, buffer: this.#buffer, observer }, first)
      .pipeThrough(countingStream(count));
    const limited = this.#waiting === undefined
      ? counted
      : counted.pipeThrough(throttlingStream(rate, this.#waiting.signal));
    await limited.pipeTo(writableTo(into));
  }

  async #read(): Promise<number | null> {
    const { from, source, observer } = this.#options;
    const buffer = this.#buffer;
    const failure = observer.stopped(from);
    if (failure !== undefined) throw failure;
    try {
      const count = await source.read(buffer.take());
      if (count !== null) observer.onActivity();
      else {
        buffer.unused();
        observer.onEnd(from);
      }
      return count;
    } catch (cause) {
      buffer.unused();
      throw proxyErrorOf(cause, from);
    }
  }
}
