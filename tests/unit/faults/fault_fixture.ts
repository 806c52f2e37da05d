/** A fault in one direction of a connection that the test writes to and reads from. */

import { ConnectionFault, type Fault, type FaultStage } from "../../../src/faults/connection_fault.ts";
import type { Way } from "../../../src/faults/fault.ts";
import { type FaultType, kindOf } from "../../../src/faults/registry.ts";
import { NO_TRIGGER, type Trigger } from "../../../src/faults/trigger.ts";
import { settled } from "../../support/fakes/fake_time.ts";

export interface RunOptions {
  readonly trigger?: Partial<Trigger>;
  readonly way?: Way;
  readonly seed?: number;
  readonly number?: number;
  readonly name?: string;
  /** What `times` allows. */
  readonly takes?: boolean;
  /** Nothing reads until {@linkcode FaultRun.read} is called. */
  readonly isUnread?: boolean;
}

/** The fault, with the defaults of its kind, in both directions. */
export function faultOf(type: FaultType, values: object, options: RunOptions = {}): Fault {
  const { trigger, name = "fault" } = options;
  const presets = Object.entries(kindOf(type).parameters).map(([key, preset]) => [key, preset.default]);
  return {
    name,
    type,
    direction: "both",
    values: { ...Object.fromEntries(presets), ...values },
    trigger: { ...NO_TRIGGER, ...trigger },
  };
}

export class FaultRun {
  readonly fault: ConnectionFault;
  readonly received: Uint8Array[] = [];
  /** When each chunk arrived. */
  readonly times: number[] = [];
  closes = 0;
  resets = 0;
  applied = 0;
  takes = 0;
  isEnded = false;
  readonly stage: FaultStage;
  readonly #ended = Promise.withResolvers<void>();
  #next = Promise.withResolvers<void>();
  readonly #stop = new AbortController();
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #readable: ReadableStream<Uint8Array>;

  constructor(type: FaultType, values: object = {}, options: RunOptions = {}) {
    const { way = "download", seed = 1, number = 1, takes = true, isUnread = false } = options;
    this.fault = new ConnectionFault(faultOf(type, values, options), {
      seed,
      service: "service",
      number,
      close: () => this.closes += 1,
      reset: () => this.resets += 1,
      take: () => {
        this.takes += 1;
        return takes;
      },
      onApplied: () => this.applied += 1,
    });
    this.stage = this.fault.stage(way, this.#stop.signal)!;
    const { transform } = this.stage;
    this.#writer = transform.writable.getWriter();
    this.#writer.closed.catch(() => {});
    this.#readable = transform.readable;
    if (!isUnread) this.read().catch(() => {});
  }

  async read(): Promise<void> {
    for await (const chunk of this.#readable) {
      this.received.push(chunk);
      this.times.push(performance.now());
      this.#next.resolve();
      this.#next = Promise.withResolvers();
    }
    this.isEnded = true;
    this.#ended.resolve();
  }

  /** Resolves when the direction has ended. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Resolves when the next chunk has arrived. */
  next(): Promise<void> {
    return this.#next.promise;
  }

  /** Resolves when the fault takes the next chunk. */
  write(bytes: Uint8Array | string): Promise<void> {
    const chunk = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes.slice();
    return this.#writer.write(chunk);
  }

  /** The sender finishes. */
  end(): Promise<void> {
    return this.#writer.close();
  }

  /** Removes the fault, as when its connection ends. Resolves once only timers are pending. */
  stop(): Promise<void> {
    this.#stop.abort();
    return settled();
  }

  get bytes(): Uint8Array {
    const all = new Uint8Array(this.received.reduce((sum, { byteLength }) => sum + byteLength, 0));
    let at = 0;
    for (const chunk of this.received) {
      all.set(chunk, at);
      at += chunk.byteLength;
    }
    return all;
  }

  get text(): string {
    return new TextDecoder().decode(this.bytes);
  }

  get sizes(): number[] {
    return this.received.map(({ byteLength }) => byteLength);
  }

  /** Stops the fault and ends its stream. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#writer.abort().catch(() => {});
  }
}
