/** One direction of a relay: bytes from one connection to the other. */

import { RelayBuffer } from "../net/buffers.ts";
import { bulkTurns } from "./bulk_turns.ts";
import type { Conn } from "../net/socket/conn.ts";
import { type Peer, proxyErrorOf } from "../net/errors.ts";
import {
  type ByteCount,
  ConnWriter,
  countingStream,
  type FlowObserver,
  readableFrom,
  writableTo,
} from "./streams.ts";
import { bufferForRate, throttlingStream } from "./throttle.ts";

/** A read of this many bytes, or a full buffer, is no message: from then on the direction runs through streams. */
const BULK = 32 * 1024;

/** The relay that a direction belongs to. */
export interface DirectionObserver extends FlowObserver {
  /** The direction has finished, or failed. */
  onSettled(): void;
}

/** What a direction is between. */
export interface DirectionEnds {
  readonly from: Peer;
  readonly source: Conn;
  readonly to: Peer;
  readonly sink: Conn;
  readonly count: ByteCount;
  readonly observer: DirectionObserver;
}

export interface DirectionOptions {
  /** Bytes a second; 0 is no limit. */
  readonly rate: number;
  /** The largest buffer, in bytes. */
  readonly bufferSize: number;
}

/**
 * Bytes from one connection to the other, until the first has finished sending.
 *
 * Short messages are passed on by hand, through the same writer: queries and their answers, greetings, keystrokes.
 * The streams are built once a read brings bulk, and stay. Three queues and a dozen promises a chunk cost nothing
 * beside 32 KiB, but for a request of forty bytes they doubled the CPU time (see tests/bench), and the objects
 * alone were half the memory of an idle connection. What is done by hand is done in callbacks made once for each
 * direction: with async functions a connection of one request left 25 KB to the garbage collector instead of 20.
 */
export class Direction {
  readonly #ends: DirectionEnds;
  readonly #rate: number;
  readonly #buffer: RelayBuffer;
  readonly #writer: ConnWriter;
  /** A read of so many bytes is bulk. */
  readonly #bulk: number;
  /** Ends the waiting for the rate. */
  readonly #waiting: AbortController | undefined;
  /** The source's FIN was passed on. */
  isFinished = false;
  /** Finished or failed. */
  isSettled = false;

  constructor(ends: DirectionEnds, { rate, bufferSize }: DirectionOptions) {
    const { sink: conn, to: side, observer } = ends;
    const buffer = new RelayBuffer(rate > 0 ? bufferForRate(rate, bufferSize) : bufferSize);
    this.#ends = ends;
    this.#rate = rate;
    this.#buffer = buffer;
    this.#writer = new ConnWriter({ conn, side, buffer, observer });
    this.#bulk = rate > 0 ? 0 : Math.min(BULK, buffer.largest);
    if (rate > 0) this.#waiting = new AbortController();
  }

  /** Bytes were read that are not written yet. */
  get isBusy(): boolean {
    return this.#buffer.isBusy;
  }

  /** Begins to read. To be called once. */
  start(): void {
    this.#read();
  }

  stopWaiting(): void {
    this.#waiting?.abort();
  }

  readonly #read = (): void => {
    const { from, source, observer } = this.#ends;
    if (observer.stopped(from) === undefined) {
      source.read(this.#buffer.take()).then(this.#onRead, this.#onReadError);
    } else {
      this.#buffer.unused();
      this.#settle();
    }
  };

  readonly #onRead = (length: number | null): void => {
    const { from, count, observer } = this.#ends;
    if (length === null) {
      this.#buffer.unused();
      observer.onEnd(from);
      return this.#end();
    }
    observer.onActivity();
    if (length >= this.#bulk) return this.#stream(length);
    count.add(length);
    this.#writer.send(this.#buffer.filled(length), this.#read, this.#onError);
  };

  readonly #onReadError = (cause: unknown): void => {
    this.#buffer.unused();
    this.#onError(proxyErrorOf(cause, this.#ends.from));
  };

  /** The source has finished sending. */
  #end(): void {
    const closing = this.#writer.close();
    if (closing === undefined) this.#onFinished();
    else closing.then(this.#onFinished, this.#onError);
  }

  #stream(first: number): void {
    const { from: side, source: conn, count, observer } = this.#ends;
    const counted = readableFrom({ conn, side, buffer: this.#buffer, observer }, first)
      .pipeThrough(countingStream(count));
    const limited = this.#waiting === undefined
      ? counted
      : counted.pipeThrough(throttlingStream(this.#rate, this.#waiting.signal));
    bulkTurns.enter();
    limited.pipeTo(writableTo(this.#writer))
      .finally(() => bulkTurns.leave())
      .then(this.#onFinished, this.#onError);
  }

  readonly #onFinished = (): void => {
    this.isFinished = true;
    this.#settle();
  };

  readonly #onError = (cause: unknown): void => {
    this.isSettled = true;
    this.#ends.observer.onFailure(proxyErrorOf(cause, "proxy"));
    this.#ends.observer.onSettled();
  };

  #settle(): void {
    this.isSettled = true;
    this.#ends.observer.onSettled();
  }
}
