/** Begins and ends a fault in one direction of one connection, and lets bytes pass before and after. */

import { sleep } from "../net/timers/sleep.ts";
import { ByteMatcher } from "./byte_matcher.ts";
import type { ByteFault, FaultContext, Output } from "./fault.ts";
import type { Trigger } from "./trigger.ts";

/** The settings of a fault in one direction. */
export interface TriggeredOptions {
  readonly trigger: Pick<Trigger, "afterBytes" | "after" | "match" | "for">;
  /** Makes the fault when it begins. */
  readonly make: (context: FaultContext) => ByteFault;
  readonly context: Pick<FaultContext, "random" | "close" | "reset">;
  /** Aborts when the fault is removed from the connection, or the connection ends. */
  readonly signal: AbortSignal;
  /** Called when it is about to begin; it begins only if this returns true. */
  readonly onBegin: () => boolean;
}

/**
 * Waiting for the trigger; acting; flushing, when the direction ends while the fault acts; ending, while the fault
 * passes on what it holds; over. Bytes pass unchanged while it waits and when it is over.
 */
type Phase = "waiting" | "acting" | "flushing" | "ending" | "over";

export class TriggeredFault implements Transformer<Uint8Array, Uint8Array>, Output {
  readonly #options: TriggeredOptions;
  readonly #activation = new AbortController();
  #phase: Phase = "waiting";
  /** How many bytes must still pass before it may begin. */
  #bytesLeft: number;
  /** Undefined once it has found its bytes. */
  #matcher: ByteMatcher | undefined;
  #isTime: boolean;
  #fault: ByteFault | undefined;
  /** The transformation of the latest chunk. */
  #current: void | Promise<void> = undefined;
  #ended: Promise<void> | undefined;
  #controller!: TransformStreamDefaultController<Uint8Array>;
  /** Whether nothing can be passed on any more. */
  #isClosed = false;
  /** The fault has closed or reset the connection. */
  #hasLeft = false;

  constructor(options: TriggeredOptions) {
    const { afterBytes = 0, match, after = 0 } = options.trigger;
    this.#options = options;
    this.#bytesLeft = afterBytes;
    this.#matcher = match && new ByteMatcher(match);
    this.#isTime = after === 0;
  }

  start(controller: TransformStreamDefaultController<Uint8Array>): void {
    const { signal, trigger: { after } } = this.#options;
    this.#controller = controller;
    if (signal.aborted) this.#phase = "over";
    signal.addEventListener("abort", () => this.#end());
    if (this.#isTime) return this.#beginIfMet();
    void sleep(after!, signal).then(() => {
      this.#isTime = true;
      this.#beginIfMet();
    });
  }

  transform(chunk: Uint8Array): void | Promise<void> {
    if (this.#phase === "acting") return this.#act(chunk);
    if (this.#phase === "ending") return this.#ended!.then(() => this.enqueue(chunk));
    const at = this.#phase === "waiting" ? this.#met(chunk) : -1;
    if (at < 0) return this.enqueue(chunk);
    this.enqueue(chunk.subarray(0, at));
    this.#begin();
    if (at < chunk.byteLength) return this.transform(chunk.subarray(at));
  }

  async flush(): Promise<void> {
    if (this.#phase === "acting") {
      this.#phase = "flushing";
      await this.#fault!.flush?.(this);
    } else {
      await this.#ended;
      // What waits before this stage is behind the gap too, and must not pass where the stage was.
      if (this.#hasLeft) throw new Error("The fault has ended the connection");
    }
    this.#phase = "over";
    this.#isClosed = true;
  }

  cancel(): void {
    this.#isClosed = true;
  }

  enqueue(chunk: Uint8Array): void {
    if (!this.#isClosed) this.#controller.enqueue(chunk);
  }

  terminate(): void {
    this.#isClosed = true;
    this.#controller.terminate();
  }

  /** The position in the chunk at which the fault begins; -1 while a condition is not met. */
  #met(chunk: Uint8Array): number {
    const counted = Math.min(this.#bytesLeft, chunk.byteLength);
    let at = counted;
    this.#bytesLeft -= counted;
    if (this.#matcher !== undefined) {
      const end = this.#matcher.find(chunk);
      if (end < 0) return -1;
      this.#matcher = undefined;
      at = Math.max(at, end);
    }
    return this.#isTime && this.#bytesLeft === 0 ? at : -1;
  }

  #beginIfMet(): void {
    if (this.#phase !== "waiting" || this.#bytesLeft > 0 || this.#matcher !== undefined) return;
    this.#begin();
  }

  #begin(): void {
    const { trigger, make, context, onBegin } = this.#options;
    if (!onBegin()) {
      this.#phase = "over";
      return;
    }
    const { signal } = this.#activation;
    this.#phase = "acting";
    this.#fault = make({
      ...context,
      close: () => this.#leave(context.close),
      reset: () => this.#leave(context.reset),
      signal,
      now: () => performance.now(),
      sleep: (milliseconds) => sleep(milliseconds, signal),
    });
    this.#fault.start?.(this);
    if (trigger.for !== undefined) void sleep(trigger.for, signal).then(() => this.#end());
  }

  /** The fault ends the connection: bytes that are still on their way must not pass behind those that it swallowed. */
  #leave(end: () => void): void {
    this.#hasLeft = true;
    this.#isClosed = true;
    end();
  }

  #act(chunk: Uint8Array): void | Promise<void> {
    this.#current = this.#fault!.transform(chunk, this);
    return this.#current;
  }

  /**
   * Ends the fault: bytes pass again after what it holds. This also ends a fault whose direction has ended, as it may
   * still act on the connection.
   */
  #end(): void {
    this.#activation.abort();
    if (this.#phase === "waiting") this.#phase = "over";
    if (this.#phase !== "acting") return;
    this.#phase = "ending";
    this.#ended = this.#release().catch((cause) => this.#controller.error(cause));
  }

  async #release(): Promise<void> {
    await this.#current;
    await this.#fault!.flush?.(this);
    this.#phase = "over";
  }
}
