/**
 * Toxics as faults. The attributes of toxiproxy's own toxics have its units; those of other faults are in ms and bytes.
 */

import { type Toxic, ToxiproxyError } from "../../admin/toxiproxy/backend.ts";
import type { FaultConfig } from "../../config/config.ts";
import { toSnakeCase } from "../../config/schema/section.ts";
import type { Parameter } from "../../faults/fault.ts";
import { NO_TRIGGER } from "../../faults/trigger.ts";
import { FAULT_TYPES, type FaultType, kindOf } from "../../faults/registry.ts";

/** The attributes of toxiproxy's toxics, by their names here: those that are left out are 0. */
const ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  latency: ["latency", "jitter"],
  bandwidth: ["rate"],
  slow_close: ["delay"],
  timeout: ["timeout"],
  reset_peer: ["timeout"],
  slicer: ["averageSize", "sizeVariation", "delay"],
  limit_data: ["bytes"],
  packet_loss: ["lossRate", "correlation"],
};

/** How many of our units one of toxiproxy's is: KB/s in bytes a second, microseconds in milliseconds. */
const SCALES: Readonly<Record<string, number>> = { "bandwidth.rate": 1000, "slicer.delay": 1 / 1000 };

/** The fault of a toxic. @throws {ToxiproxyError} */
export function faultOf({ name, type, stream, toxicity, attributes }: Toxic): FaultConfig {
  if (!isToxicType(type)) throw new ToxiproxyError("invalid toxic type", 400);
  const values = Object.entries(kindOf(type).parameters).map(([key, parameter]) => {
    const given = attributes[toSnakeCase(key)] ?? undefined;
    return [
      key,
      given === undefined ? absent(type, key, parameter) : valueOf(type, key, { parameter, given }),
    ];
  });
  return {
    name,
    type,
    direction: stream === "upstream" ? "upload" : "download",
    isEnabled: true,
    values: Object.fromEntries(values),
    trigger: { ...NO_TRIGGER, probability: toxicity === 1 ? undefined : toxicity },
  };
}

/** A fault in both directions is shown as one of the downstream. */
export function toxicOf({ name, type, direction, values, trigger }: FaultConfig): Toxic {
  const { parameters } = kindOf(type);
  const shown = Object.entries(values).filter(([key, value]) =>
    ATTRIBUTES[type]?.includes(key) !== false || value !== parameters[key]?.default
  );
  return {
    name,
    type,
    stream: direction === "upload" ? "upstream" : "downstream",
    toxicity: trigger.probability ?? 1,
    attributes: Object.fromEntries(
      shown.map(([key, value]) => [toSnakeCase(key), attributeOf(type, key, value)]),
    ),
  };
}

/** One that is no fault of a service as a whole. */
function isToxicType(type: string): type is FaultType {
  return (FAULT_TYPES as readonly string[]).includes(type) && kindOf(type as FaultType).isDown !== true;
}

function absent(type: string, key: string, { default: preset }: Parameter): Value {
  if (ATTRIBUTES[type]?.includes(key)) return 0;
  if (preset !== undefined) return preset;
  throw badAttribute(`missing attribute "${toSnakeCase(key)}"`);
}

type Value = FaultConfig["values"][string];

interface Given {
  readonly parameter: Parameter;
  readonly given: unknown;
}

function valueOf(type: string, key: string, { parameter, given }: Given): Value {
  const name = toSnakeCase(key);
  switch (parameter.kind) {
    case "bytes":
      if (typeof given === "string") return new TextEncoder().encode(given);
      throw badAttribute(`expected text for "${name}"`);
    case "choice":
      if (parameter.choices.includes(given as string)) return given as never;
      throw badAttribute(`expected one of ${parameter.choices.join(", ")} for "${name}"`);
    default: {
      const most = parameter.kind === "share" ? 1 : Number.MAX_SAFE_INTEGER;
      if (typeof given === "number" && given >= 0 && given <= most) {
        return given * (SCALES[`${type}.${key}`] ?? 1);
      }
      throw badAttribute(`expected a number${most === 1 ? " from 0 to 1" : " of 0 or more"} for "${name}"`);
    }
  }
}

function attributeOf(type: string, key: string, value: Value): unknown {
  if ((value as unknown) instanceof Uint8Array) {
    return new TextDecoder().decode(value as unknown as Uint8Array);
  }
  const scale = SCALES[`${type}.${key}`];
  return scale === undefined ? value : Math.round(value as number / scale);
}

function badAttribute(detail: string): ToxiproxyError {
  return new ToxiproxyError(`bad request body: ${detail}`, 400);
}
