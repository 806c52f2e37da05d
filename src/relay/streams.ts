/**
 * Web-standard streams over a {@linkcode Conn}, and the counter between them.
 *
 * The built-in `conn.readable` and `conn.writable` are not used: they close the whole socket at EOF, which loses the
 * bytes that the other side still had to send, and allocate 64 KiB for every pending read.
 *
 * Each object serves one stream, and makes its callbacks once per connection: nothing here allocates a closure per
 * chunk.
 */

import type { RelayBuffer } from "../net/buffers.ts";
import { bulkTurns } from "./bulk_turns.ts";
import type { Conn } from "../net/socket/conn.ts";
import { type Peer, type ProxyError, proxyErrorOf } from "../net/errors.ts";

/** Counts bytes while they pass. */
export interface ByteCount {
  /** The bytes so far. */
  readonly bytes: number;
  add(bytes: number): void;
}

/** The relay that a source and a sink belong to. */
export interface FlowObserver {
  /** The error after which nothing more may be read from that side; undefined before. */
  stopped(side: Peer): ProxyError | undefined;
  /** Bytes were read from a peer. */
  onActivity(): void;
  /** A peer has finished sending. */
  onEnd(side: Peer): void;
  /** A read has failed. Called before the stream passes the error on. */
  onFailure(error: ProxyError): void;
  /**
   * Whether the connection to `side` needs no FIN, because it will be closed next: that side has finished sending too.
   */
  closesNext(side: Peer): boolean;
}

/** One end of a direction: a connection, its side, and the buffer. */
export interface FlowEnd {
  readonly conn: Conn;
  readonly side: Peer;
  readonly buffer: RelayBuffer;
  readonly observer: FlowObserver;
}

/** Handles the results of a source's reads. */
export interface ReadHandlers {
  readonly onRead: (count: number | null) => void;
  readonly onReadError: (cause: unknown) => void;
}

/** A read of this many bytes, or a full buffer, is bulk, not a message. */
export const BULK = 32 * 1024;

/** No queue before a reader: bytes that nothing requests stay in the kernel, where they stop the sender. */
const UNQUEUED = { highWaterMark: 0 };
/**
 * Room for one chunk more than a stream ever holds: a direction has only one buffer, so there is never more than one
 * chunk. A queue that never fills saves the promises of back-pressure for every chunk.
 */
export const ROOMY = { highWaterMark: 2 };

/** A TransformStream that passes chunks on unchanged and counts their bytes. */
export function countingStream(count: ByteCount, isRoomy = true): TransformStream<Uint8Array, Uint8Array> {
  const counter = new ByteCounter(count);
  return isRoomy ? new TransformStream(counter, ROOMY, ROOMY) : new TransformStream(counter);
}

class ByteCounter implements Transformer<Uint8Array, Uint8Array> {
  readonly #count: ByteCount;

  constructor(count: ByteCount) {
    this.#count = count;
  }

  transform(chunk: Uint8Array, controller: TransformStreamDefaultController<Uint8Array>): void {
    this.#count.add(chunk.byteLength);
    controller.enqueue(chunk);
  }
}

export interface SourceOptions {
  /** How many bytes are already in the buffer. */
  readonly first: number;
  /** Whether a read is already pending. */
  readonly isReading?: boolean;
  /** The largest read, in bytes. If set, each chunk gets a buffer of its own, because stages may keep it. */
  readonly largestChunk?: () => number;
}

/**
 * Why a source has ended: `finished`: its peer has finished sending; `stopped`: the relay reads no more, or the
 * connection broke; `detached`: the direction continues without it.
 */
export type SourceEnd = "finished" | "stopped" | "detached";

/** Reads a connection into a stream. */
export class ConnSource implements UnderlyingDefaultSource<Uint8Array> {
  readonly stream: ReadableStream<Uint8Array>;
  /** Whether a read is pending. */
  isReading: boolean;
  ending: SourceEnd | undefined;
  /** The bytes so far. */
  bytes = 0;
  readonly #end: FlowEnd & ReadHandlers;
  readonly #largestChunk: (() => number) | undefined;
  readonly #first: number;
  /** Whether the last read brought bulk: only bulk has to wait for its turn. */
  #isBulk: boolean;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  /** The stream waits for a chunk. */
  #isAsked = false;

  constructor(end: FlowEnd & ReadHandlers, { first, isReading = false, largestChunk }: SourceOptions) {
    this.#end = end;
    this.#first = first;
    this.isReading = isReading;
    this.#largestChunk = largestChunk;
    this.#isBulk = largestChunk === undefined;
    this.stream = new ReadableStream(this, UNQUEUED);
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
    if (this.#first > 0) this.#give(this.#first);
  }

  /**
   * Returns at once; the read waits for the current write and its turn, and enqueues later. The stream may
   * ask twice for one chunk, because it does not know that a read is in progress. There is one buffer, so
   * there is one read at a time.
   */
  pull(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    if (!this.isReading) this.#end.buffer.whenWritten(this.#isBulk ? this.#takeTurn : this.#read);
  }

  cancel(): void {
    this.ending ??= "stopped";
  }

  /** The result of a read that began before the end. */
  onRead(count: number | null): void {
    const { buffer, observer, side } = this.#end;
    this.isReading = false;
    if (count === null) {
      buffer.unused();
      observer.onEnd(side);
      this.#finish("finished");
    } else if (this.#stopsNow()) buffer.unused();
    else {
      observer.onActivity();
      this.#isAsked = false;
      this.#give(count);
    }
  }

  onReadError(cause: unknown): void {
    const { buffer, observer, side } = this.#end;
    this.isReading = false;
    buffer.unused();
    observer.onFailure(proxyErrorOf(cause, side));
    this.fail();
  }

  /** Ends the stream after the chunks that it has. The direction handles the result of a pending read. */
  detach(): void {
    this.#finish("detached");
  }

  stop(): void {
    this.#finish("stopped");
  }

  /** The direction has failed: no FIN may follow, even if the source has already ended. */
  fail(): void {
    this.stop();
    this.ending = "stopped";
  }

  readonly #takeTurn = (): void => bulkTurns.take(this.#read);

  readonly #read = (): void => {
    const { conn, buffer, onRead, onReadError } = this.#end;
    if (this.ending !== undefined) return;
    if (this.#stopsNow()) return buffer.unused();
    this.isReading = true;
    conn.read(buffer.take(this.#largestChunk?.())).then(onRead, onReadError);
  };

  /** Ends the stream if the relay reads no more from this side; returns whether it does not. */
  #stopsNow(): boolean {
    if (this.#end.observer.stopped(this.#end.side) === undefined) return false;
    this.stop();
    return true;
  }

  #give(count: number): void {
    const { buffer } = this.#end;
    const bytes = buffer.filled(count);
    this.bytes += count;
    if (this.#largestChunk === undefined) return this.#controller.enqueue(bytes);
    this.#isBulk = count >= Math.min(BULK, buffer.largest, this.#largestChunk());
    this.#controller.enqueue(bytes.slice());
    buffer.written();
  }

  #finish(ending: SourceEnd): void {
    if (this.ending !== undefined) return;
    this.ending = ending;
    this.#controller.close();
  }
}

/** Receives the results of writes by a {@linkcode ConnWriter}: one call for each. */
export interface WriteHandlers {
  /** All bytes are written. */
  onWritten(): void;
  fail(error: ProxyError): void;
}

/** The same for a FIN. */
export interface FinHandlers {
  /** The FIN is sent, or is not needed. */
  onFinished(): void;
  fail(error: ProxyError): void;
}

/** Writes to a connection. Its callbacks are methods of the handlers: closures would cost each connection some more. */
export class ConnWriter {
  readonly #conn: Conn;
  readonly #side: Peer;
  readonly #buffer: RelayBuffer;
  readonly #observer: FlowObserver;
  #unwritten: Uint8Array | undefined;
  #handlers: WriteHandlers | undefined;

  constructor({ conn, side, buffer, observer }: FlowEnd) {
    this.#conn = conn;
    this.#side = side;
    this.#buffer = buffer;
    this.#observer = observer;
  }

  /** Writes all of `bytes`, in as many writes as that takes. One call at a time. */
  send(bytes: Uint8Array, handlers: WriteHandlers): void {
    this.#handlers = handlers;
    this.#write(bytes);
  }

  /** Ends sending, unless the whole connection is closed next. */
  finish(handlers: FinHandlers): void {
    const conn = this.#conn;
    if (conn.sendsCloseNotify !== true && this.#observer.closesNext(this.#side)) return handlers.onFinished();
    conn.closeWrite().then(
      () => handlers.onFinished(),
      (cause) => handlers.fail(this.#failure(cause)),
    );
  }

  #write(bytes: Uint8Array): void {
    this.#unwritten = bytes;
    this.#conn.write(bytes).then(this.#onWritten, this.#onError);
  }

  readonly #onWritten = (count: number): void => {
    const bytes = this.#unwritten!;
    if (count < bytes.byteLength) return this.#write(bytes.subarray(count));
    this.#buffer.written();
    this.#handlers!.onWritten();
  };

  readonly #onError = (cause: unknown): void => {
    this.#handlers!.fail(this.#failure(cause));
  };

  #failure(cause: unknown): ProxyError {
    this.#buffer.abandoned();
    return proxyErrorOf(cause, this.#side);
  }
}
