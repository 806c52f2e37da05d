/** The relay: two directions between a client and its upstream. They end separately and fail together. */

import type { Conn } from "../net/socket/conn.ts";
import { Direction, type DirectionObserver } from "./direction.ts";
import { type Peer, ProxyError } from "../net/errors.ts";
import type { IdleClock, Watched } from "../net/timers/timeouts.ts";
import {
  checkTransform,
  PlacedStage,
  type StageConnection,
  stageContext,
  stageError,
  type StageFactory,
  type StageTarget,
  type Way,
} from "./stages.ts";
import type { ByteCount } from "./streams.ts";

/** How long pending writes may take after the relay has failed, in milliseconds. */
const LAST_WRITES = 1000;
/**
 * A message of at most this many bytes is a closing message, not an answer: close_notify in any version and cipher of
 * TLS, or a line such as `BYE`.
 */
const FAREWELL = 100;

/** Why a stage ends a connection: a filter did, or a fault. */
type StageCode = "filter_closed" | "fault";
/** Why the rest of the program does. */
type PlannedCode = "failback" | "drain_idle" | "rebalance";

export interface RelayOptions {
  readonly client: Conn;
  readonly upstream: Conn;
  /** Largest relay buffer, in bytes. */
  readonly bufferSize: number;
  /** The facts for its stages. */
  readonly connection: StageConnection;
  /** What the random numbers of its stages come from. */
  readonly seed?: readonly (string | number)[] | undefined;
  /** `pass`: a reset by one side becomes a reset of the other. */
  readonly reset: "close" | "pass";
  readonly fromClient: ByteCount;
  readonly fromUpstream: ByteCount;
  readonly idleClock: IdleClock;
}

/**
 * How a relay ended: which side finished sending first and whether the other one then reset, or the error.
 */
export type RelayOutcome =
  | { readonly kind: "closed"; readonly first: Peer; readonly thenReset?: true }
  | { readonly kind: "failed"; readonly error: ProxyError };

/** Relays one connection, once. Both sides are connected already. */
export class Relay implements DirectionObserver, StageTarget, Watched {
  readonly #options: RelayOptions;
  readonly #upload: Direction;
  readonly #download: Direction;
  readonly #outcome = Promise.withResolvers<RelayOutcome>();
  #watch: Disposable | undefined;
  #firstToFinish: Peer | undefined;
  /** How many bytes the other side had sent when the first finished. */
  #sentByOther = 0;
  #failure: ProxyError | undefined;
  #isResetAfterClose = false;
  #lastWrites: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  /** Makes stages stop waiting. */
  #leaving: Set<AbortController> | undefined;
  /** How many stages it has had. */
  #stages = 0;
  /** How many reads have brought bytes from either side; the idle clock checks it. */
  activity = 0;

  constructor(options: RelayOptions) {
    const { client, upstream, fromClient, fromUpstream, bufferSize } = options;
    this.#options = options;
    this.#upload = new Direction(
      { from: "client", source: client, to: "upstream", sink: upstream, count: fromClient, observer: this },
      bufferSize,
    );
    this.#download = new Direction(
      { from: "upstream", source: upstream, to: "client", sink: client, count: fromUpstream, observer: this },
      bufferSize,
    );
  }

  /** One side has finished sending, the other has not. */
  get isHalfClosed(): boolean {
    return this.#firstToFinish !== undefined;
  }

  /** Relays until both sides have finished or one has failed, then closes both connections. Never rejects. */
  run(): Promise<RelayOutcome> {
    if (this.#failure !== undefined) return Promise.resolve({ kind: "failed", error: this.#failure });
    this.#watch = this.#options.idleClock.watch(this);
    this.#upload.start();
    this.#download.start();
    return this.#outcome.promise;
  }

  /**
   * Adds a stage before another one of its direction, or behind all; from the end of a chunk on, all bytes pass it.
   * Undefined when the factory makes none or throws, which ends the connection.
   */
  addStage(way: Way, factory: StageFactory, before?: PlacedStage): PlacedStage | undefined {
    if (this.#failure !== undefined || this.#closed) return undefined;
    const leaving = new AbortController();
    (this.#leaving ??= new Set()).add(leaving);
    const position = this.#stages++;
    try {
      const { connection, seed = [] } = this.#options;
      const context = stageContext(connection, this, { signal: leaving.signal, position, seed });
      const stage = factory(context);
      if (stage === undefined) return undefined;
      checkTransform(stage.transform);
      const placed = new PlacedStage(way, stage, leaving);
      this.#directionOf(way).addStage(placed, before);
      return placed;
    } catch (cause) {
      this.onFailure(stageError(cause));
      return undefined;
    }
  }

  /**
   * Resolves when bytes no longer pass the stage. The bytes that it held back have passed before them, unless the
   * connection ended.
   */
  removeStage(placed: PlacedStage): Promise<void> {
    placed.leave();
    this.#leaving?.delete(placed.leaving);
    return this.#directionOf(placed.way).removeStage(placed);
  }

  /** Bytes were read from one side, and are not written to the other yet. */
  get isBusy(): boolean {
    return this.#upload.isBusy || this.#download.isBusy;
  }

  /** Ends both ways; what was read is still written. By default, a filter does. */
  close(code: StageCode | PlannedCode = "filter_closed"): void {
    this.onFailure(new ProxyError(code, "proxy"));
  }

  /** A stage resets both sides. */
  reset(code: StageCode = "filter_closed"): void {
    if (this.#closed) return;
    const { client, upstream } = this.#options;
    client.reset();
    upstream.reset();
    this.abort(new ProxyError(code, "proxy"));
  }

  /** Ends both ways: no more reads, what was read is written for at most a second, then both are closed. */
  onFailure(error: ProxyError): void {
    if (this.#failure !== undefined || this.#closed) return;
    this.#failure = error;
    this.#isResetAfterClose = this.#isAfterClose(error);
    this.#lastWrites = setTimeout(() => this.#closeBoth(), LAST_WRITES);
    this.#upload.stop();
    this.#download.stop();
    this.#closeWhenDelivered();
  }

  /** Closes both connections now, even if writes are pending. */
  abort(error: ProxyError): void {
    this.#failure ??= error;
    this.#closeBoth();
  }

  /** The idle clock has expired. */
  expire(): void {
    this.onFailure(new ProxyError(this.isHalfClosed ? "half_close_timeout" : "idle_timeout", "proxy"));
  }

  /**
   * After a failure, the relay reads no more, with one exception: a side that refuses our writes may have answered
   * before it closed, and its answer can still be read.
   */
  stopped(side: Peer): ProxyError | undefined {
    return this.#failure?.side === side ? undefined : this.#failure;
  }

  onActivity(): void {
    this.activity += 1;
  }

  onEnd(side: Peer): void {
    if (this.#firstToFinish !== undefined) return;
    this.#firstToFinish = side;
    this.#sentByOther = this.#countOf(otherThan(side)).bytes;
  }

  /** When the other direction has finished too, closing both connections sends the same FIN, with one call less. */
  closesNext(side: Peer): boolean {
    return (side === "upstream" ? this.#download : this.#upload).isFinished;
  }

  /** A direction has finished, has failed and called {@linkcode onFailure}, or has delivered everything. */
  onSettled(): void {
    if (this.#failure !== undefined) this.#closeWhenDelivered();
    if (!this.#upload.isOver || !this.#download.isOver) return;
    this.#closeBoth();
    if (!this.#upload.isSettled || !this.#download.isSettled) return;
    this.#watch?.[Symbol.dispose]();
    this.#outcome.resolve(this.#howItEnded());
  }

  /**
   * Whether a reset loses no data. It loses none if one side had finished, and the side that resets has received all of
   * its bytes and has sent no more than a closing message since. A server that closes without reading close_notify
   * resets like this. A reset by an upstream that has not answered the client's request, however, loses the answer.
   */
  #isAfterClose({ isReset, side }: ProxyError): boolean {
    if (!isReset || side === "proxy" || this.#firstToFinish !== otherThan(side)) return false;
    if (this.#upload.isBusy || this.#download.isBusy) return false;
    const { fromClient } = this.#options;
    const sentSince = this.#countOf(side).bytes - this.#sentByOther;
    return sentSince <= FAREWELL && (side === "client" || this.#sentByOther > 0 || fromClient.bytes === 0);
  }

  #countOf(side: Peer): ByteCount {
    return side === "client" ? this.#options.fromClient : this.#options.fromUpstream;
  }

  #howItEnded(): RelayOutcome {
    if (this.#failure === undefined) return { kind: "closed", first: this.#firstToFinish! };
    return this.#isResetAfterClose
      ? { kind: "closed", first: this.#firstToFinish!, thenReset: true }
      : { kind: "failed", error: this.#failure };
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
    const { client, upstream, reset } = this.#options;
    const broken = reset === "pass" && this.#failure?.isReset === true ? this.#failure.side : undefined;
    // A side that already got its FIN was sent the whole answer; a RST could still make its kernel discard it.
    if (broken === "client" && !this.#upload.isFinished) upstream.reset();
    if (broken === "upstream" && !this.#download.isFinished) client.reset();
    client.close();
    upstream.close();
    if (this.#leaving !== undefined) {
      for (const leaving of this.#leaving) leaving.abort();
    }
    this.#upload.abort();
    this.#download.abort();
  }

  #directionOf(way: Way): Direction {
    return way === "upload" ? this.#upload : this.#download;
  }
}

function otherThan(side: Peer): Peer {
  return side === "client" ? "upstream" : "client";
}
