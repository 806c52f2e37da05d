/**
 * Stages see or change bytes on their way. Throttles, faults and the filters of programs are stages. They can be added
 * and removed while a connection lives.
 */

import type { FilterContext } from "../config/filter.ts";
import { ProxyError } from "../net/errors.ts";
import { sleep } from "../net/timers/sleep.ts";
import { randomOf } from "../faults/seed.ts";

/** The direction of the client's bytes, or of the upstream's. */
export type Way = "upload" | "download";

/** The facts about a connection that its stages can read. */
export type StageConnection = Pick<FilterContext, "id" | "service" | "client" | "serverName" | "endpoint">;

/** The context that a stage is made from. */
export interface StageContext extends FilterContext {
  /** Aborts when the stage is removed, or the connection ends: then the stage must stop waiting. */
  readonly signal: AbortSignal;
  /** Milliseconds of a monotonic clock. */
  now(): number;
  /** Resolves after `milliseconds`, or as soon as the signal aborts. */
  sleep(milliseconds: number): Promise<void>;
}

/** Something that the bytes of one direction of a connection pass through. */
export interface Stage {
  readonly name: string;
  /**
   * It may hold back a bounded number of bytes, and must release them when its writable side is closed: when it is
   * removed, or when the sender has finished. Each chunk has a buffer of its own. Empty chunks are not sent.
   */
  readonly transform: ReadableWritablePair<Uint8Array, Uint8Array>;
  /** The largest read that it accepts, in bytes. Stages before it may still send larger chunks. */
  readonly largestChunk?: number;
  /** Called once, when no more bytes pass it. Must not throw. */
  dispose?(): void;
}

/** Makes a stage, or returns undefined for none. An error that it throws ends the connection. */
export type StageFactory = (context: StageContext) => Stage | undefined;

/** A stage in use by a connection. */
export class PlacedStage {
  readonly way: Way;
  readonly stage: Stage;
  readonly leaving: AbortController;
  #isOver = false;

  constructor(way: Way, stage: Stage, leaving: AbortController) {
    this.way = way;
    this.stage = stage;
    this.leaving = leaving;
  }

  /** The stage is being removed: makes it stop waiting. */
  leave(): void {
    this.leaving.abort();
  }

  /** Disposes of the stage, once. Call it when no more bytes pass it. */
  dispose(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.stage.dispose?.();
  }
}

/** The actions on a connection that its stages may use. */
export interface StageTarget {
  close(): void;
  reset(): void;
}

/**
 * @param position Among the stages of its connection, from 0.
 * @param seed Of the connection.
 */
export function stageContext(
  { id, service, client, serverName, endpoint }: StageConnection,
  target: StageTarget,
  { signal, position, seed }: { signal: AbortSignal; position: number; seed: readonly (string | number)[] },
): StageContext {
  return {
    id,
    service,
    client,
    serverName,
    endpoint,
    signal,
    close: () => target.close(),
    reset: () => target.reset(),
    random: randomOf(...seed, position),
    now: () => performance.now(),
    sleep: (milliseconds) => sleep(milliseconds, signal),
  };
}

/** @throws {TypeError} unless it is a pair of unused streams. */
export function checkTransform(transform: unknown): void {
  const { readable, writable } = Object(transform);
  if (!(readable instanceof ReadableStream) || !(writable instanceof WritableStream)) {
    throw new TypeError("A filter must be a TransformStream");
  }
  if (readable.locked || writable.locked) throw new TypeError("The streams of a filter must not be in use");
}

/** The error that ends a connection when one of its stages has failed. */
export function stageError(cause: unknown): ProxyError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new ProxyError("filter_error", "proxy", { cause, detail });
}
