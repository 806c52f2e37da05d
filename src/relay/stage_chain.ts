/** The stages of one direction in order, with a pipe from each to the next. Pipes can be replaced while bytes flow. */

import { ProxyError } from "../net/errors.ts";
import type { PlacedStage } from "./stages.ts";
import type { StageSink } from "./sinks.ts";

/** The direction whose stages a chain holds. */
export interface ChainHost {
  /** There are stages, but no stream feeds them: the direction must call {@linkcode StageChain.run} with one. */
  onWanted(): void;
  /** The last stage has left: the direction must end the feed. */
  onEmpty(): void;
  /** A stage has failed. {@linkcode onEnd} follows when the bytes that have passed it are delivered. */
  onFailure(cause: unknown): void;
  /** Everything is delivered, after the feed has ended or a stage has ended the stream. */
  onEnd(): void;
  /** The connection does not accept bytes any more. */
  onBroken(error: ProxyError): void;
}

/** The chain passes ends and errors on itself, because a stage that leaves must not end the others. */
const BY_HAND = { preventClose: true, preventAbort: true, preventCancel: true };
/**
 * The abort reason of a pipe that is replaced. The old pipe writes the chunk that it has read; the new one reads the
 * next.
 */
const PAUSED = Symbol("paused");

/** The feed or a stage, with the pipe to the next segment. */
class Segment {
  readonly placed: PlacedStage | undefined;
  readonly readable: ReadableStream<Uint8Array>;
  /** It has ended or failed: no more bytes come from it. */
  isOver = false;
  isLeaving = false;
  /** It accepts no more chunks, and at least one for it was lost. */
  isCut = false;
  readonly gone = Promise.withResolvers<void>();
  piped: Promise<void> = Promise.resolve();
  #pausing: AbortController | undefined;

  constructor(readable: ReadableStream<Uint8Array>, placed?: PlacedStage) {
    this.readable = readable;
    this.placed = placed;
  }

  /** Never rejects: calls `onEnd` at the end, and `onError` with an error. */
  pipeTo(writable: WritableStream<Uint8Array>, onEnd: () => void, onError: (cause: unknown) => void): void {
    this.#pausing = new AbortController();
    this.piped = this.readable.pipeTo(writable, { ...BY_HAND, signal: this.#pausing.signal })
      .then(onEnd, (cause) => {
        if (cause !== PAUSED) onError(cause);
      });
  }

  /** Stops the pipe; resolves when it has written the current chunk. */
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
  /** Additions and removals run one after the other. */
  #changing: Promise<void> = Promise.resolve();
  #changes = 0;
  /** Ends the wait of the current change. */
  #endWait: (() => void) | undefined;
  #isOver = false;

  constructor(host: ChainHost, sink: StageSink) {
    this.#host = host;
    this.#sink = sink;
  }

  /** Whether bytes pass through the stages. */
  get isRunning(): boolean {
    return this.#feed !== undefined;
  }

  /** Whether there are stages, but no byte passes them yet. */
  get isWanted(): boolean {
    return !this.isRunning && !this.#isOver && this.#stages.length > 0;
  }

  /** The largest read that all stages accept, in bytes. */
  get largestChunk(): number {
    return Math.min(...this.#stages.map(({ placed }) => placed!.stage.largestChunk ?? Infinity));
  }

  /** Bytes delivered since {@linkcode run}. */
  get delivered(): number {
    return this.#sink.bytes;
  }

  /** Passes the bytes of `feed` through the stages. */
  run(feed: ReadableStream<Uint8Array>): void {
    this.#sink.bytes = 0;
    this.#feed = new Segment(feed);
    for (const segment of [this.#feed, ...this.#stages]) this.#connect(segment);
  }

  /** Adds a stage before another one, or behind all. While bytes flow, they pass it from the end of a chunk on. */
  add(placed: PlacedStage, before?: PlacedStage): void {
    const segment = new Segment(placed.stage.transform.readable, placed);
    if (!this.isRunning && this.#changes === 0) this.#place(segment, before);
    else void this.#change(() => this.#insert(segment, before));
  }

  /** Resolves when bytes no longer pass the stage. The bytes that it held back have passed before them. */
  remove(placed: PlacedStage): Promise<void> {
    return this.#change(() => this.#takeOut(placed));
  }

  /** Ends everything at once, and discards the bytes that stages hold. */
  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#endWait?.();
    this.#clear();
  }

  #change(change: () => Promise<void>): Promise<void> {
    this.#changes += 1;
    this.#changing = this.#changing.then(change).finally(() => this.#changes -= 1);
    return this.#changing;
  }

  /** Adds a stage while no byte passes any. */
  #place(segment: Segment, next: PlacedStage | undefined): void {
    if (this.#isOver) return segment.end();
    this.#stages.splice(this.#indexOf(next), 0, segment);
    this.#host.onWanted();
  }

  async #insert(segment: Segment, next: PlacedStage | undefined): Promise<void> {
    const before = this.#stages[this.#indexOf(next) - 1] ?? this.#feed;
    if (this.isRunning) await this.#unlessOver(before!.pause());
    if (!this.isRunning) return this.#place(segment, next);
    // It has passed its end on to the next one.
    if (before!.isOver) return segment.end();
    this.#stages.splice(this.#indexOf(next), 0, segment);
    this.#connect(segment);
    this.#connect(before!);
  }

  /** Behind the last for a stage that is not there. */
  #indexOf(wanted: PlacedStage | undefined): number {
    const index = this.#stages.findIndex(({ placed }) => placed === wanted);
    return index < 0 ? this.#stages.length : index;
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
    // It may have ended during the pause.
    if (before.isOver) this.#passEnd(before);
    else this.#connect(before);
    if (this.#stages.length > 0 || !this.isRunning) return;
    this.#host.onEmpty();
    // No change may insert a stage until the feed has ended.
    await this.#unlessOver(before.gone.promise);
  }

  /** Waits for `done`, or until the chain ends. */
  #unlessOver(done: Promise<void>): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    // Promise.race() with a promise of the whole connection would keep whatever waits for it.
    return new Promise((resolve) => void done.then(this.#endWait = resolve));
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
    // The stage may have ended the stream before its sender did.
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
    // For a TransformStream, its readable side shows whether it has failed or has ended the stream.
    if (!(next.placed!.stage.transform instanceof TransformStream)) this.#fail(next, cause);
  }

  #fail(segment: Segment, cause: unknown): void {
    if (segment.isOver || this.#isOver) return;
    segment.end();
    this.#cutBefore(segment);
    this.#host.onFailure(cause);
    if (!this.#isOver) this.#passEnd(segment);
  }

  /** Stops all segments before `segment`: bytes are lost there, and none may follow a gap. */
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

  /** Stops all segments, and aborts the streams that have not ended. */
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

/** Flushes a stage: its readable side ends after the bytes that it held back. */
function close({ stage }: PlacedStage): void {
  // An error also appears at the readable side.
  stage.transform.writable.close().catch(() => {});
}

/** The error of a failed stream that has no reader; undefined when it has not failed. */
async function errorOf(readable: ReadableStream<Uint8Array>): Promise<{ cause: unknown } | undefined> {
  if (readable.locked) return { cause: new TypeError("The streams of a filter must not be in use") };
  let error: { cause: unknown } | undefined;
  const reader = readable.getReader();
  let isAsked = true;
  reader.closed.catch((cause) => {
    if (isAsked) error = { cause };
  });
  // If the stream has failed, `closed` is already rejected.
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
