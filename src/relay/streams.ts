/**
 * Web-standard streams over a {@linkcode Conn}, and the counter between them.
 *
 * Not the built-in `conn.readable` and `conn.writable`: those close the whole socket at EOF, which loses what
 * the other side still had to say, and allocate 64 KiB for every pending read.
 *
 * Each class is one object handed to one stream. Its callbacks are made once per connection: nothing here
 * allocates a closure per chunk.
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
  /** Why nothing more may be read from that side, once the connection has failed; else undefined. */
  stopped(side: Peer): ProxyError | undefined;
  /** Bytes were read from a peer. */
  onActivity(): void;
  /** A peer has finished sending. */
  onEnd(side: Peer): void;
  /** Called when a read fails, before the stream passes the error on. */
  onFailure(error: ProxyError): void;
  /** Whether the connection to `side` is about to be closed, as that side has finished sending: no FIN is needed. */
  closesNext(side: Peer): boolean;
}

/** One end of a direction: whose connection, with which buffer. */
export interface FlowEnd {
  readonly conn: Conn;
  readonly side: Peer;
  readonly buffer: RelayBuffer;
  readonly observer: FlowObserver;
}

/** No queue in front of a reader: bytes nobody asks for stay in the kernel, where they stop the sender. */
const UNQUEUED = { highWaterMark: 0 };
/**
 * Room for one chunk more than is ever under way. The one buffer of a direction bounds what it holds; queues that
 * never fill spare every chunk the promises of back-pressure.
 */
const ROOMY = { highWaterMark: 2 };

/** A stream of what `end.conn` sends, beginning with the `first` bytes, already read into its buffer. */
export function readableFrom(end: FlowEnd, first: number): ReadableStream<Uint8Array> {
  return new ReadableStream(new ConnSource(end, first), UNQUEUED);
}

/** A stream into the connection of `writer`. */
export function writableTo(writer: ConnWriter): WritableStream<Uint8Array> {
  return new WritableStream(writer, ROOMY);
}

/** A TransformStream that passes chunks on unchanged and counts their bytes. */
export function countingStream(count: ByteCount): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream(new ByteCounter(count), ROOMY, ROOMY);
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

/** Cancelled only after a failed write, during which no read is in progress: there is one buffer. */
class ConnSource implements UnderlyingDefaultSource<Uint8Array> {
  readonly #end: FlowEnd;
  #first: number;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** A read is in progress, or waits for its turn. */
  #isReading = false;

  constructor(end: FlowEnd, first: number) {
    this.#end = end;
    this.#first = first;
  }

  /**
   * Returns at once; the read waits for the current write and its turn, and enqueues later. The stream may
   * ask twice for one chunk, because it does not know that a read is in progress. There is one buffer, so
   * there is one read at a time.
   */
  pull(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const { buffer } = this.#end;
    if (this.#first > 0) {
      const count = this.#first;
      this.#first = 0;
      controller.enqueue(buffer.filled(count));
      return;
    }
    if (this.#isReading) return;
    this.#isReading = true;
    this.#controller = controller;
    buffer.whenWritten(this.#takeTurn);
  }

  readonly #takeTurn = (): void => bulkTurns.take(this.#read);

  readonly #read = (): void => {
    const { conn, buffer } = this.#end;
    if (this.#stop()) return buffer.unused();
    conn.read(buffer.take()).then(this.#onRead, this.#onError);
  };

  /** Ends the stream when the relay reads no more from this side. */
  #stop(): boolean {
    const error = this.#end.observer.stopped(this.#end.side);
    if (error === undefined) return false;
    this.#controller!.error(error);
    return true;
  }

  readonly #onRead = (count: number | null): void => {
    const { buffer, observer, side } = this.#end;
    if (count === null) {
      buffer.unused();
      observer.onEnd(side);
      this.#controller!.close();
    } else if (this.#stop()) buffer.unused();
    else {
      observer.onActivity();
      this.#isReading = false;
      this.#controller!.enqueue(buffer.filled(count));
    }
  };

  readonly #onError = (cause: unknown): void => {
    const { buffer, observer, side } = this.#end;
    buffer.unused();
    const error = proxyErrorOf(cause, side);
    observer.onFailure(error);
    this.#controller!.error(error);
  };
}

/** Writes to a connection: the sink of a stream, or by itself. */
export class ConnWriter implements UnderlyingSink<Uint8Array> {
  readonly #end: FlowEnd;
  #unwritten: Uint8Array | undefined;
  #onDone: (() => void) | undefined;
  #onFailed: ((error: ProxyError) => void) | undefined;

  constructor(end: FlowEnd) {
    this.#end = end;
  }

  /** Writes all of `bytes`, however many writes that takes, and calls `onDone`; or `onFailed`, once. */
  send(bytes: Uint8Array, onDone: () => void, onFailed: (error: ProxyError) => void): void {
    this.#onDone = onDone;
    this.#onFailed = onFailed;
    this.#write(bytes);
  }

  write(chunk: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => this.send(chunk, resolve, reject));
  }

  /** Ends sending, unless the connection is about to be closed as a whole. */
  close(): Promise<void> | undefined {
    const { conn, side, observer } = this.#end;
    if (conn.sendsCloseNotify !== true && observer.closesNext(side)) return undefined;
    return conn.closeWrite().catch((cause) => {
      throw this.#failure(cause);
    });
  }

  #write(bytes: Uint8Array): void {
    this.#unwritten = bytes;
    this.#end.conn.write(bytes).then(this.#onWritten, this.#onError);
  }

  readonly #onWritten = (count: number): void => {
    const bytes = this.#unwritten!;
    if (count < bytes.byteLength) return this.#write(bytes.subarray(count));
    this.#end.buffer.written();
    this.#onDone!();
  };

  readonly #onError = (cause: unknown): void => {
    this.#onFailed!(this.#failure(cause));
  };

  #failure(cause: unknown): ProxyError {
    const { side, buffer } = this.#end;
    buffer.abandoned();
    return proxyErrorOf(cause, side);
  }
}
