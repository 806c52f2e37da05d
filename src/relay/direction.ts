/** One direction of a relay: bytes from one connection to the other. */

import { RelayBuffer } from "../net/buffers.ts";
import { bulkTurns } from "./bulk_turns.ts";
import type { Conn } from "../net/socket/conn.ts";
import { type Peer, type ProxyError, proxyErrorOf } from "../net/errors.ts";
import { type ChainHost, StageChain } from "./stage_chain.ts";
import { StageSink, writableTo } from "./sinks.ts";
import { type PlacedStage, stageError } from "./stages.ts";
import {
  BULK,
  type ByteCount,
  ConnSource,
  ConnWriter,
  countingStream,
  type FinHandlers,
  type FlowObserver,
  type ReadHandlers,
  type WriteHandlers,
} from "./streams.ts";

/** The relay that a direction belongs to. */
export interface DirectionObserver extends FlowObserver {
  /** The direction has finished, failed, or delivered everything. */
  onSettled(): void;
}

/** The two connections of a direction. */
export interface DirectionEnds {
  readonly from: Peer;
  readonly source: Conn;
  readonly to: Peer;
  readonly sink: Conn;
  readonly count: ByteCount;
  readonly observer: DirectionObserver;
}

const BY_HAND = { preventClose: true };

/**
 * Relays bytes from one connection to another, until the first has finished sending.
 *
 * Short messages, such as queries and their answers, greetings and keystrokes, are read and written by hand. When a
 * read brings bulk, the direction builds its streams and keeps them. Their three queues and dozen promises a chunk do
 * not matter for 32 KiB, but they doubled the CPU time of a request of forty bytes (see tests/bench), and the objects
 * alone took half the memory of an idle connection. The code by hand makes its few callbacks once for each direction:
 * with async functions, a connection of one request left 5 KB more to the garbage collector.
 *
 * While there are stages, all bytes run through streams. A direction switches to streams when its first stage is added,
 * and back when its last stage leaves, each at the end of a chunk.
 */
export class Direction implements ReadHandlers, WriteHandlers, FinHandlers, ChainHost {
  readonly #ends: DirectionEnds;
  readonly #buffer: RelayBuffer;
  readonly #writer: ConnWriter;
  /** A read of at least this many bytes is bulk. */
  readonly #bulk: number;
  /** The source of the streams, while bytes run through them. */
  #source: ConnSource | undefined;
  #chain: StageChain | undefined;
  /** The result of a read that ended between two modes of reading. */
  #early: { readonly length: number | null } | undefined;
  #isStarted = false;
  /** All bytes are written; the FIN is next. */
  #isEnding = false;
  /** A stage has ended the stream: further bytes are discarded. */
  #isDiscarding = false;
  /** Only a read is pending, which ends with its connection. */
  #isResting = false;
  /** The source's FIN was passed on. */
  isFinished = false;
  /** Finished or failed, and no read is under way. */
  isSettled = false;

  /** @param bufferSize The largest buffer, in bytes. */
  constructor(ends: DirectionEnds, bufferSize: number) {
    const { sink: conn, to: side, observer } = ends;
    const buffer = new RelayBuffer(bufferSize);
    this.#ends = ends;
    this.#buffer = buffer;
    this.#writer = new ConnWriter({ conn, side, buffer, observer });
    this.#bulk = Math.min(BULK, buffer.largest);
  }

  /** Bytes were read, but are not written yet. */
  get isBusy(): boolean {
    const source = this.#source;
    if (source === undefined || this.#chain?.isRunning !== true) return this.#buffer.isBusy;
    // Stages are flushed once reading ends. Until then, a stage that changes the number of bytes looks busy.
    return source.ending !== undefined || source.bytes !== this.#chain.delivered;
  }

  /** It relays nothing any more: it has passed the FIN on, or has failed. */
  get isOver(): boolean {
    return this.isFinished || this.isSettled;
  }

  /** Begins to read. Call it once. */
  start(): void {
    this.#isStarted = true;
    this.#read();
  }

  /** Adds a stage before another one, or behind all. A direction that has ended takes none. */
  addStage(placed: PlacedStage, before?: PlacedStage): void {
    if (this.#isEnding || this.isOver) return placed.dispose();
    const { to: side, sink: conn, observer } = this.#ends;
    this.#chain ??= new StageChain(this, new StageSink({ conn, side, observer }));
    this.#chain.add(placed, before);
  }

  /** Resolves when bytes no longer pass the stage. The bytes that it held back have passed before them. */
  removeStage(placed: PlacedStage): Promise<void> {
    return this.#chain?.remove(placed) ?? Promise.resolve();
  }

  /** The relay has failed. The stages deliver the bytes that they hold, unless the relay still reads from this side. */
  stop(): void {
    const { from, observer } = this.#ends;
    if (this.#chain?.isRunning === true && observer.stopped(from) !== undefined) this.#source!.stop();
  }

  /** Both connections are closed; stages cannot deliver anything any more. */
  abort(): void {
    const wasRunning = this.#chain?.isRunning === true;
    this.#chain?.abort();
    if (wasRunning) this.#leaveStages();
  }

  #read(): void {
    const { from, source, observer } = this.#ends;
    if (this.#chain?.isWanted === true) this.#enterStages(0, false);
    else if (observer.stopped(from) === undefined) {
      source.read(this.#buffer.take()).then(this.onRead, this.onReadError);
    } else {
      this.#buffer.unused();
      this.#settle();
    }
  }

  readonly onRead = (length: number | null): void => {
    if (this.#source !== undefined) return this.#onStreamRead(this.#source, length);
    const { from, count, observer } = this.#ends;
    if (length === null) {
      this.#buffer.unused();
      observer.onEnd(from);
      return this.#isDiscarding ? this.#settle() : this.#end();
    }
    observer.onActivity();
    if (length >= this.#bulk && !this.#isDiscarding) return this.#stream(length);
    count.add(length);
    if (this.#isDiscarding) return this.#read();
    this.#writer.send(this.#buffer.filled(length), this);
  };

  readonly onReadError = (cause: unknown): void => {
    if (this.#source !== undefined) {
      this.#source.onReadError(cause);
      if (this.#isResting) this.#settle();
      return;
    }
    this.#buffer.unused();
    this.fail(proxyErrorOf(cause, this.#ends.from));
  };

  #onStreamRead(source: ConnSource, length: number | null): void {
    if (source.ending === undefined) return source.onRead(length);
    source.isReading = false;
    if (source.ending === "detached") this.#early = { length };
    else {
      this.#buffer.unused();
      if (this.#isResting) this.#settle();
    }
  }

  /** The source has finished sending, or a stage has ended the stream. */
  #end(): void {
    this.#isEnding = true;
    this.#writer.finish(this);
  }

  /** Switches to streams for bulk, whose first bytes are in the buffer. */
  #stream(first: number): void {
    const { count } = this.#ends;
    const source = this.#source = new ConnSource(this.#flow, { first });
    bulkTurns.enter();
    source.stream.pipeThrough(countingStream(count)).pipeTo(writableTo(this.#writer), BY_HAND)
      .finally(() => bulkTurns.leave())
      .then(() => this.#onStreamEnd(), (cause) => this.fail(proxyErrorOf(cause, "proxy")));
  }

  /** From now on all bytes pass the stages, including the `first` bytes in the buffer and those of a pending read. */
  #enterStages(first: number, isReading: boolean): void {
    const chain = this.#chain!;
    const source = this.#source = new ConnSource(this.#flow, {
      first,
      isReading,
      largestChunk: () => chain.largestChunk,
    });
    bulkTurns.enter();
    chain.run(source.stream.pipeThrough(countingStream(this.#ends.count, false)));
  }

  get #flow() {
    const { source: conn, from: side, observer } = this.#ends;
    return { conn, side, buffer: this.#buffer, observer, onRead: this.onRead, onReadError: this.onReadError };
  }

  onWanted(): void {
    if (!this.#isStarted || this.#isEnding || this.isOver) return;
    if (this.#source !== undefined) this.#source.detach();
    else if (!this.#buffer.isBusy) this.#enterStages(0, true);
    // Otherwise `#read` does it after the pending write.
  }

  onEmpty(): void {
    this.#source!.detach();
  }

  onFailure(cause: unknown): void {
    this.#source!.fail();
    this.#ends.observer.onFailure(stageError(cause));
  }

  onBroken(error: ProxyError): void {
    this.#source!.stop();
    this.#ends.observer.onFailure(error);
    this.#leaveStages();
  }

  onEnd(): void {
    bulkTurns.leave();
    this.#onStreamEnd();
  }

  #onStreamEnd(): void {
    const source = this.#source!;
    const { ending } = source;
    if (ending === "stopped") return this.#rest();
    this.#source = undefined;
    if (ending === "finished") return this.#end();
    if (ending === undefined) {
      this.#isDiscarding = true;
      source.detach();
      this.#ends.observer.onEnd(this.#ends.from);
      this.#end();
    }
    this.#goOn(source.isReading);
  }

  /** Continues to read after a change of mode, at the end of a chunk: through stages if there are any. */
  #goOn(isReading: boolean): void {
    const early = this.#early;
    this.#early = undefined;
    const isWanted = this.#chain?.isWanted === true;
    if (early !== undefined && isWanted && early.length !== null) {
      this.#ends.observer.onActivity();
      this.#enterStages(early.length, false);
    } else if (early !== undefined) this.onRead(early.length);
    else if (!isReading) this.#read();
    else if (isWanted) this.#enterStages(0, true);
  }

  /** The direction has failed: its stages get no more bytes. */
  #leaveStages(): void {
    bulkTurns.leave();
    this.#source!.stop();
    this.#rest();
  }

  /** At most a read is pending; it ends when the connections are closed. */
  #rest(): void {
    this.#isResting = this.#source!.isReading;
    if (this.#isResting) this.#ends.observer.onSettled();
    else this.#settle();
  }

  onWritten(): void {
    this.#read();
  }

  onFinished(): void {
    this.isFinished = true;
    if (this.#isDiscarding) this.#ends.observer.onSettled();
    else this.#settle();
  }

  fail(error: ProxyError): void {
    this.isSettled = true;
    this.#ends.observer.onFailure(error);
    this.#ends.observer.onSettled();
  }

  #settle(): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.#ends.observer.onSettled();
  }
}
