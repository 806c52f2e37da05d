/** The types of faults and their keys as data, for programs that offer them to people. */

import * as z from "zod";
import { FAULT_TYPES, type FaultType, kindOf } from "../faults/registry.ts";
import { faultShapes, triggers } from "./schema/fault_schema.ts";
import { type Schema, waysOf } from "./schema/keys.ts";
import { toSnakeCase } from "./schema/section.ts";

/** Every type, with its parameters as a file has them and the names of its triggers; and every trigger. */
export function faultTypes() {
  return {
    types: FAULT_TYPES.map(describeType),
    triggers: Object.entries(triggers()).map(([name, schema]) => describeKey(name, schema)),
  };
}

function describeType(type: FaultType) {
  const { summary, bytes, direction, parameters } = kindOf(type);
  const shape: Readonly<Record<string, Schema>> = faultShapes()[type];
  return {
    type,
    summary,
    direction: bytes === undefined ? null : direction,
    parameters: Object.entries(parameters).map(([key, parameter]) => {
      const name = toSnakeCase(key);
      return describeKey(name, shape[name]!, "choices" in parameter ? parameter.choices : null);
    }),
    triggers: Object.keys(triggers()).filter((name) => Object.hasOwn(shape, name)),
  };
}

function describeKey(name: string, schema: Schema, choices: readonly string[] | null = null) {
  const { type, defaultValue } = schema._zod.def as {
    readonly type: string;
    readonly defaultValue?: string | number | boolean;
  };
  const { description = "" } = z.globalRegistry.get(schema) ?? {};
  return {
    name,
    expected: waysOf(schema)[0]!.kind!.expected,
    required: type !== "optional" && type !== "prefault",
    default: defaultValue ?? null,
    choices,
    description,
  };
}
