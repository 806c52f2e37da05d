/** Faults that lose no byte, however they come and go. */

import { ConnectionFault } from "../../../src/faults/connection_fault.ts";
import { type FaultType, kindOf } from "../../../src/faults/registry.ts";
import type { StageFactory } from "../../../src/relay/stages.ts";

export const LOSSLESS: readonly { readonly type: FaultType; readonly values: object }[] = [
  { type: "latency", values: { latency: 30, jitter: 20 } },
  { type: "latency", values: { latency: 30, jitter: 20, distribution: "normal", buffer: 2000 } },
  { type: "bandwidth", values: { rate: 20_000 } },
  { type: "bandwidth", values: { rate: 0 } },
  { type: "slow_close", values: { delay: 50 } },
  { type: "slicer", values: { averageSize: 100, sizeVariation: 90, delay: 10 } },
  { type: "drip", values: { delay: 10 } },
  { type: "stall", values: { duration: 40 } },
  { type: "freeze", values: {} },
  { type: "half_open", values: {} },
  { type: "replace", values: { find: new Uint8Array([0]), replacement: new Uint8Array([0]) } },
  { type: "replace", values: { find: new Uint8Array([0, 0, 1]), replacement: new Uint8Array([0, 0, 1]) } },
  { type: "corrupt", values: { rate: 0 } },
  { type: "packet_loss", values: { lossRate: 0 } },
];

/** A stage that is one of them, in both directions, and begins and ends at random. */
export function randomFaultStage(random: () => number, onDispose: () => void = () => {}): StageFactory {
  const upTo = (most: number) => Math.floor(random() * most);
  const { type, values } = LOSSLESS[upTo(LOSSLESS.length)]!;
  const maybe = (most: number) => random() < 0.3 ? upTo(most) : undefined;
  const presets = Object.entries(kindOf(type).parameters).map(([key, preset]) => [key, preset.default]);
  const trigger = {
    every: undefined,
    first: undefined,
    probability: undefined,
    client: undefined,
    sni: undefined,
    afterBytes: maybe(100_000),
    after: maybe(5),
    match: random() < 0.3 ? new Uint8Array([upTo(256)]) : undefined,
    // While one holds a chunk, stages neither come before it nor leave.
    for: 1 + upTo(5),
    times: undefined,
  };
  return (context) => {
    const fault = new ConnectionFault({
      name: type,
      type,
      direction: "both",
      values: { ...Object.fromEntries(presets), ...values },
      trigger,
    }, { ...context, seed: 1, number: context.id, take: () => true, onApplied() {} });
    const stage = fault.stage("download", context.signal);
    return stage && { ...stage, dispose: onDispose };
  };
}
