/** Faults that have every key of every type, as `encodeConfig()` writes them. */

import type { Parameter } from "../../../src/faults/fault.ts";
import { FAULT_TYPES, type FaultType, kindOf } from "../../../src/faults/registry.ts";
import { toSnakeCase } from "../../../src/config/schema/section.ts";

/** One of each type. */
export const EVERY_FAULT = FAULT_TYPES.map(faultOf);

function faultOf(type: FaultType): Record<string, unknown> {
  const { parameters, bytes, accept, isDown } = kindOf(type);
  const own = Object.entries(parameters).map(([key, parameter]) => [toSnakeCase(key), sampleOf(parameter)]);
  const fault = {
    type,
    ...Object.fromEntries(own) as Record<string, unknown>,
    name: `a-${type}`,
    enabled: false,
    ...bytes && { direction: "both" },
  };
  if (isDown) return fault;
  return {
    ...fault,
    every: 3,
    first: 2,
    probability: 0.5,
    times: 4,
    client: ["10.0.0.0/8"],
    ...!accept && { sni: ["*.example.com"] },
    ...bytes && { after_bytes: "64KiB", after: "2s", match: "hex:00ff", for: "5s" },
  };
}

function sampleOf(parameter: Parameter): unknown {
  switch (parameter.kind) {
    case "duration":
      return "1s500ms";
    case "size":
      return "100B";
    case "bandwidth":
      return "10MB/s";
    case "share":
      return 0.25;
    case "count":
      return 7;
    case "bytes":
      return "hex:00ff";
    case "choice":
      return parameter.choices.at(-1);
  }
}
