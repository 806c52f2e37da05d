/** The stages of one direction in order, and the pipes between them, which can be replaced while bytes flow. */

import { ProxyError } from "../net/errors.ts";
import type { PlacedStage } from "./stages.ts";
import type { StageSink } from "./streams.ts";

/** The direction that the stages belong to. */
export interface ChainHost {
  /** There are stages again: the direction has to go over to streams, and to call {@linkcode StageChain.run}. */
  onWanted(): void;
  /** No stage is left: the feed has to end. */
  onEmpty(): void;
  /** A stage has failed. {@linkcode onEnd} comes once what has already passed it is delivered. */
  onFailure(cause: unknown): void;
  /** All that passed is delivered: the feed has ended, or a stage has ended the stream. */
  onEnd(): void;
  /** Nothing can be delivered any more. */
  onBroken(error: ProxyError): void;
}

/** Ends and errors go from stage to stage by hand, as a stage that leaves must not take the others with it. */
const BY_HAND = { preventClose: true, preventAbort: true, preventCancel: true };
/** The abort reason of a pipe that is replaced. It writes what it has read; the new pipe reads the next chunk. */
const PAUSED = Symbol("paused");

/** The feed or a stage, and the pipe to the next one. */
class Segment {
  readonly placed: PlacedStage | undefined;
  readonly readable: ReadableStream<Uint8Array>;
  /** Nothing comes from it any more. */
  isOver = false;
  isLeaving = false;
  /** A chunk for it was lost, as it takes no more. */
  isCut = false;
  readonly gone = Promise.withResolvers<void>();
  piped: Promise<void> = Promise.resolve();
  #pausing: AbortController | undefined;

  constructor(readable: ReadableStream<Uint8Array>, placed?: PlacedStage) {
    this.readable = readable;
    this.placed = placed;
  }

  /** Never rejects: ends are for `onEnd`, errors for `onError`. */
  pipeTo(writable: WritableStream<Uint8Array>, onEnd: () => void, onError: (cause: unknown) => void): void {
    this.#pausing = new AbortController();
    this.piped = this.readable.pipeTo(writable, { ...BY_HAND, signal: this.#pausing.signal })
      .then(onEnd, (cause) => {
        if (cause !== PAUSED) onError(cause);
      });
  }

  /** Resolves at the end of a chunk. */
  pause(): Promise<void> {
    this.#pausing?.abort(PAUSED);
    return this.piped;
  }

  end(): void {
    this.isOver = true;
    this.placed?.dispose();
    this.gone.resolve();
  }
}

export class StageChain {
  readonly #host: ChainHost;
  readonly #sink: StageSink;
  #feed: Segment | undefined;
  #stages: Segment[] = [];
  /** Changes come one after the other. */
  #changing: Promise<void> = Promise.resolve();
  #changes = 0;
  readonly #over = Promise.withResolvers<void>();
  #isOver = false;

  constructor(host: ChainHost, sink: StageSink) {
    this.#host = host;
    this.#sink = sink;
  }

  /** Bytes pass through streams. */
  get isRunning(): boolean {
    return this.#feed !== undefined;
  }

  /** There are stages that no byte passes yet. */
  get isWanted(): boolean {
    return !this.isRunning && !this.#isOver && this.#stages.length > 0;
  }

  /** How many bytes may be read at once. */
  get largestChunk(): number {
    return Math.min(...this.#stages.map(({ placed }) => placed!.stage.largestChunk ?? Infinity));
  }

  /** Bytes of this run that were delivered. */
  get delivered(): number {
    return this.#sink.bytes;
  }

  /** Passes the bytes of `feed` through the stages. */
  run(feed: ReadableStream<Uint8Array>): void {
    this.#sink.bytes = 0;
    this.#feed = new Segment(feed);
    for (const segment of [this.#feed, ...this.#stages]) this.#connect(segment);
  }

  /** Adds a stage behind the others. While bytes flow, they pass it from the end of a chunk on. */
  add(placed: PlacedStage): void {
    const segment = new Segment(placed.stage.transform.readable, placed);
    if (!this.isRunning && this.#changes === 0) this.#place(segment);
    else void this.#change(() => this.#insert(segment));
  }

  /** Resolves when bytes no longer pass the stage, and what it held back has gone before them. */
  remove(placed: PlacedStage): Promise<void> {
    placed.leave();
    return this.#change(() => this.#takeOut(placed));
  }

  /** Ends everything at once, whatever stages hold. */
  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#over.resolve();
    this.#clear();
  }

  #change(change: () => Promise<void>): Promise<void> {
    this.#changes += 1;
    this.#changing = this.#changing.then(change).finally(() => this.#changes -= 1);
    return this.#changing;
  }

  /** Adds a stage while no byte passes any. */
  #place(segment: Segment): void {
    if (this.#isOver) return segment.end();
    this.#stages.push(segment);
    this.#host.onWanted();
  }

  async #insert(segment: Segment): Promise<void> {
    const last = this.#stages.at(-1) ?? this.#feed;
    if (this.isRunning) await this.#unlessOver(last!.pause());
    if (!this.isRunning) return this.#place(segment);
    this.#stages.push(segment);
    this.#connect(segment);
    this.#goOn(last!);
  }

  async #takeOut(placed: PlacedStage): Promise<void> {
    const segment = this.#stages.find((each) => each.placed === placed);
    if (segment === undefined) return;
    const before = this.isRunning ? this.#before(segment) : undefined;
    if (before !== undefined) {
      segment.isLeaving = true;
      await this.#unlessOver(before.pause());
      if (!before.isOver && !this.#isOver) close(placed);
      await this.#unlessOver(segment.gone.promise);
    }
    segment.end();
    if (this.#isOver || before !== undefined && !this.isRunning) return;
    this.#stages = this.#stages.filter((each) => each !== segment);
    if (before === undefined) return;
    this.#goOn(before);
    if (this.#stages.length > 0 || !this.isRunning) return;
    this.#host.onEmpty();
    // Until then, no other stage must come in between.
    await this.#unlessOver(before.gone.promise);
  }

  /** The end of a chain ends every wait for it. */
  #unlessOver(done: Promise<void>): Promise<void> {
    return Promise.race([done, this.#over.promise]);
  }

  /** Replaces the paused pipe; passes on an end that occurred during the pause. */
  #goOn(segment: Segment): void {
    if (segment.isOver) this.#passEnd(segment);
    else this.#connect(segment);
  }

  #connect(segment: Segment): void {
    const next = this.#after(segment);
    segment.pipeTo(
      next === undefined ? this.#sink.stream : next.placed!.stage.transform.writable,
      () => this.#onEnd(segment),
      (cause) => void this.#onError(segment, next, cause),
    );
  }

  #onEnd(segment: Segment): void {
    if (segment.isOver) return;
    segment.end();
    if (segment.isLeaving && !segment.isCut) return;
    // It may have ended the stream before its sender did.
    this.#cutBefore(segment);
    this.#passEnd(segment);
  }

  async #onError(segment: Segment, next: Segment | undefined, cause: unknown): Promise<void> {
    if (segment.isOver) return;
    if (next === undefined) {
      if (!(cause instanceof ProxyError)) return this.#fail(segment, cause);
      this.#clear();
      return this.#host.onBroken(cause);
    }
    next.isCut = true;
    const own = await errorOf(segment.readable);
    if (own !== undefined) return this.#fail(segment, own.cause);
    // Of a TransformStream, the other side says whether it has failed or has ended the stream.
    if (!(next.placed!.stage.transform instanceof TransformStream)) this.#fail(next, cause);
  }

  #fail(segment: Segment, cause: unknown): void {
    if (segment.isOver || this.#isOver) return;
    segment.end();
    this.#cutBefore(segment);
    this.#host.onFailure(cause);
    if (!this.#isOver) this.#passEnd(segment);
  }

  /** What has not passed `segment` yet will not do so any more: behind a gap nothing may come. */
  #cutBefore(segment: Segment): void {
    for (let before = this.#before(segment); before !== undefined; before = this.#before(before)) {
      if (before.isOver) continue;
      before.end();
      void before.pause();
    }
  }

  #passEnd(segment: Segment): void {
    const next = this.#after(segment);
    if (next !== undefined) return close(next.placed!);
    this.#clear();
    this.#host.onEnd();
  }

  #before(segment: Segment): Segment | undefined {
    const index = this.#stages.indexOf(segment);
    return index < 0 ? undefined : this.#stages[index - 1] ?? this.#feed;
  }

  #after(segment: Segment): Segment | undefined {
    return this.#stages[this.#stages.indexOf(segment) + 1];
  }

  /** Stops everything; aborts streams that have not ended. */
  #clear(): void {
    const segments = this.#feed === undefined ? this.#stages : [this.#feed, ...this.#stages];
    this.#feed = undefined;
    this.#stages = [];
    let before = Promise.resolve();
    for (const segment of segments) {
      const paused = segment.pause();
      void Promise.all([before, paused]).then(() => discard(segment));
      before = paused;
      segment.end();
    }
  }
}

/** Flushes a stage: its readable side ends once what it held back has passed. */
function close({ stage }: PlacedStage): void {
  // What goes wrong is seen at the readable side.
  stage.transform.writable.close().catch(() => {});
}

/** What a stream that is not being read has failed with. */
async function errorOf(readable: ReadableStream<Uint8Array>): Promise<{ cause: unknown } | undefined> {
  if (readable.locked) return { cause: new TypeError("The streams of a filter must not be in use") };
  let error: { cause: unknown } | undefined;
  const reader = readable.getReader();
  let isAsked = true;
  reader.closed.catch((cause) => {
    if (isAsked) error = { cause };
  });
  // The promise of a stream that has failed is rejected already.
  await Promise.resolve();
  isAsked = false;
  reader.releaseLock();
  return error;
}

function discard({ readable, placed }: Segment): void {
  const reason = new DOMException("The connection has ended", "AbortError");
  readable.cancel(reason).catch(() => {});
  placed?.stage.transform.writable.abort(reason).catch(() => {});
}
