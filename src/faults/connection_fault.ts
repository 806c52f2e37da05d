/** A fault on one connection. */

import type { FaultContext, Parameters, Values, Way } from "./fault.ts";
import { type FaultType, kindOf } from "./registry.ts";
import { randomOf } from "./seed.ts";
import { sleep } from "../net/timers/sleep.ts";
import type { Trigger } from "./trigger.ts";
import { TriggeredFault } from "./triggered.ts";

/** A fault of a service. */
export interface Fault {
  /** Unique within the service. */
  readonly name: string;
  readonly type: FaultType;
  readonly direction: Way | "both";
  readonly values: Values<Parameters>;
  readonly trigger: Trigger;
}

/** The connection that a fault acts on. */
export interface FaultedConnection {
  /** The seed of the run. */
  readonly seed: number | string;
  readonly service: string;
  /** The number of the connection in its service, from 1. */
  readonly number: number;
  /** Closes the connection; bytes that were passed on are still delivered. */
  close(): void;
  /** Resets both sides (RST). */
  reset(): void;
  /** Asks whether a fault with a limit of connections may act on one more; counts this one if so. */
  take(): boolean;
  /** Called once, when the fault begins to act. */
  onApplied(): void;
}

/** The stage of a fault in one direction. */
export interface FaultStage {
  readonly name: string;
  readonly transform: TransformStream<Uint8Array, Uint8Array>;
  readonly largestChunk?: number;
}

/** One fault on one connection that its trigger selects: both directions count as one. */
export class ConnectionFault {
  readonly #fault: Fault;
  readonly #connection: FaultedConnection;
  #isApplied: boolean | undefined;

  constructor(fault: Fault, connection: FaultedConnection) {
    this.#fault = fault;
    this.#connection = connection;
  }

  /**
   * The stage of a direction; undefined when the fault does not act there.
   *
   * @param signal Aborts when the stage has to leave, or the connection ends.
   */
  stage(way: Way, signal: AbortSignal): FaultStage | undefined {
    const { name, type, direction, values, trigger } = this.#fault;
    const kind = kindOf(type);
    if (kind.bytes === undefined || direction !== "both" && direction !== way) return undefined;
    const fault = new TriggeredFault({
      trigger,
      make: (context) => kind.bytes!(values, context),
      context: this.#context(way),
      signal,
      onBegin: () => this.#begin(),
    });
    const largestChunk = kind.largestChunk?.(values);
    return { name, transform: new TransformStream(fault), ...largestChunk !== undefined && { largestChunk } };
  }

  /**
   * Acts on a client that was accepted.
   *
   * @param signal Aborts when the fault is removed, or the client has gone.
   */
  accept(signal: AbortSignal): void | Promise<void> {
    return this.#act("accept", signal);
  }

  /**
   * Acts before the connection to the upstream.
   *
   * @param signal Aborts when the fault is removed, or the client has gone.
   */
  connect(signal: AbortSignal): void | Promise<void> {
    return this.#act("connect", signal);
  }

  #act(step: "accept" | "connect", signal: AbortSignal): void | Promise<void> {
    const { type, values } = this.#fault;
    const kind = kindOf(type);
    if (kind[step] === undefined || signal.aborted || !this.#begin()) return;
    return kind[step](values, {
      ...this.#context(step),
      signal,
      now: () => performance.now(),
      sleep: (milliseconds) => sleep(milliseconds, signal),
    });
  }

  #context(purpose: string): Pick<FaultContext, "random" | "close" | "reset"> {
    const { seed, service, number } = this.#connection;
    return {
      random: randomOf(seed, service, this.#fault.name, number, purpose),
      close: () => this.#connection.close(),
      reset: () => this.#connection.reset(),
    };
  }

  #begin(): boolean {
    if (this.#isApplied === undefined) {
      this.#isApplied = this.#fault.trigger.times === undefined || this.#connection.take();
      if (this.#isApplied) this.#connection.onApplied();
    }
    return this.#isApplied;
  }
}
