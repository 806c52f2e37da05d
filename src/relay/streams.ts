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

/** Takes the bytes that a source reads, until the source ends. */
export interface ReadHandlers {
  readonly onRead: (count: number | null) => void;
  readonly onReadError: (cause: unknown) => void;
}

/** A read of this many bytes, or a full buffer, is bulk, not a message. */
export const BULK = 32 * 1024;

/** No queue before a reader: bytes that are not requested stay in the kernel, where they stop the sender. */
const UNQUEUED = { highWaterMark: 0 };
/**
 * Room for one chunk more than is ever under way. The one buffer of a direction bounds what it holds; queues that
 * never fill spare every chunk the promises of back-pressure.
 */
const ROOMY = { highWaterMark: 2 };

/** A stream into the connection of `writer`. */
export function writableTo(writer: ConnWriter): WritableStream<Uint8Array> {
  return new WritableStream(writer, ROOMY);
}

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
  /** How many bytes are in the buffer already. */
  readonly first?: number;
  /** A read is under way already. */
  readonly isReading?: boolean;
  /** Gives each chunk a buffer of its own, as stages may keep it, and says how many bytes may be read at once. */
  readonly largestChunk?: () => number;
}

/**
 * Why a source gives no more: its peer has finished sending; the relay reads no more, or the connection broke; its
 * direction goes on without it.
 */
export type SourceEnd = "finished" | "stopped" | "detached";

/** Reads a connection into a stream. */
export class ConnSource implements UnderlyingDefaultSource<Uint8Array> {
  readonly stream: ReadableStream<Uint8Array>;
  /** A read is under way. */
  isReading: boolean;
  ending: SourceEnd | undefined;
  /** The bytes so far. */
  bytes = 0;
  readonly #end: FlowEnd & ReadHandlers;
  readonly #largestChunk: (() => number) | undefined;
  readonly #first: number;
  /** Whether the last read brought bulk: only that has to wait for its turn. */
  #isBulk: boolean;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  /** The stream waits for a chunk. */
  #isAsked = false;

  constructor(end: FlowEnd & ReadHandlers, { first = 0, isReading = false, largestChunk }: SourceOptions) {
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

  /** The result of a read that was started before the end. */
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

  /** Ends the stream behind what it has given. Others deal with a read that is under way. */
  detach(): void {
    this.#finish("detached");
  }

  stop(): void {
    this.#finish("stopped");
  }

  /** Its direction has failed, whatever it has ended with so far: no FIN may follow. */
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

  /** Ends the stream when the relay reads no more from this side. */
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

/** Writes the output of stages. */
export class StageSink implements UnderlyingSink<Uint8Array> {
  readonly stream: WritableStream<Uint8Array> = new WritableStream(this);
  readonly #writer: ConnWriter;
  readonly #observer: FlowObserver;
  /** The bytes so far. */
  bytes = 0;

  /** @param end Its buffer is not used: each chunk has its own. */
  constructor(end: FlowEnd) {
    this.#writer = new ConnWriter(end);
    this.#observer = end.observer;
  }

  /** @throws {TypeError} when a stage sends something else than bytes. */
  async write(chunk: unknown): Promise<void> {
    if (!(chunk instanceof Uint8Array)) throw new TypeError("The chunks of a filter must be Uint8Arrays");
    if (chunk.byteLength > 0) await this.#writer.write(chunk);
    this.bytes += chunk.byteLength;
    // A stage may hold more than its sender will send for long.
    this.#observer.onActivity();
  }
}
