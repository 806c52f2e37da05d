/**
 * Stages: everything that sees or changes bytes on their way. Throttles, faults and the filters of programs are stages,
 * and come and go while a connection lives.
 */

import type { FilterContext } from "../config/filter.ts";
import { ProxyError } from "../net/errors.ts";
import { sleep } from "../net/timers/sleep.ts";
import { seededRandom } from "./random.ts";

/** The direction of the client's bytes, or of the upstream's. */
export type Way = "upload" | "download";

/** The facts about a connection that its stages can read. */
export type StageConnection = Pick<FilterContext, "id" | "service" | "client" | "serverName" | "endpoint">;

/** What a stage is made from. */
export interface StageContext extends FilterContext {
  /** Aborted when the stage has to leave, or the connection ends: nothing waits any longer. */
  readonly signal: AbortSignal;
  /** A number from 0 to below 1. The same ones come again for the same connection and position among its stages. */
  random(): number;
  /** In milliseconds, from any beginning. */
  now(): number;
  /** Resolves after `milliseconds`, or as soon as the signal aborts. */
  sleep(milliseconds: number): Promise<void>;
}

/** Something that bytes of one direction of one connection pass through. */
export interface Stage {
  readonly name: string;
  /**
   * What it holds back is bounded, and leaves when its writable side is closed: when it is removed, or when the sender
   * has finished. Each chunk has a buffer of its own. Empty chunks are not written.
   */
  readonly transform: ReadableWritablePair<Uint8Array, Uint8Array>;
  /** The largest read for it, in bytes. Stages before it may still send larger chunks. */
  readonly largestChunk?: number;
  /** Called once, when no byte passes it any more. Must not throw. */
  dispose?(): void;
}

/** Makes a stage; undefined is none. What it throws ends the connection. */
export type StageFactory = (context: StageContext) => Stage | undefined;

/** A stage of a connection. */
export class PlacedStage {
  readonly way: Way;
  readonly stage: Stage;
  readonly #leaving: AbortController;
  #isOver = false;

  constructor(way: Way, stage: Stage, leaving: AbortController) {
    this.way = way;
    this.stage = stage;
    this.#leaving = leaving;
  }

  /** The stage is being removed: it must not wait any longer. */
  leave(): void {
    this.#leaving.abort();
  }

  /** No more bytes pass it. */
  dispose(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.stage.dispose?.();
  }
}

/** What stages may do to their connection. */
export interface StageTarget {
  close(): void;
  reset(): void;
}

/** @param position Among the stages of its connection, from 0. */
export function stageContext(
  { id, service, client, serverName, endpoint }: StageConnection,
  target: StageTarget,
  { signal, position }: { signal: AbortSignal; position: number },
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
    random: seededRandom(Math.imul(id, 0x9e3779b1) ^ position),
    now: () => performance.now(),
    sleep: (milliseconds) => sleep(milliseconds, signal),
  };
}

/** @throws {TypeError} unless it is a pair of streams that bytes can pass through. */
export function checkTransform(transform: unknown): void {
  const { readable, writable } = Object(transform);
  if (!(readable instanceof ReadableStream) || !(writable instanceof WritableStream)) {
    throw new TypeError("A filter must be a TransformStream");
  }
  if (readable.locked || writable.locked) throw new TypeError("The streams of a filter must not be in use");
}

/** What ends a connection of which a stage has failed. */
export function stageError(cause: unknown): ProxyError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new ProxyError("filter_error", "proxy", { cause, detail });
}
