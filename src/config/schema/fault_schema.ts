/** The shape of a fault: the parameters of its kind, which connections it acts on, and when. */

import * as z from "zod";
import type { Parameter, Values, Way } from "../../faults/fault.ts";
import { FAULT_TYPES, type FaultType, kindOf } from "../../faults/registry.ts";
import type { Trigger } from "../../faults/trigger.ts";
import { addressBlocks } from "./address_fields.ts";
import { serverNames } from "./client_hello_fields.ts";
import { anyOf, closestOf } from "../input/closest.ts";
import { bandwidth, choice, count, duration, flag, name, payload, share, size } from "./fields.ts";
import { encode, section, toCamelCase, toSnakeCase } from "./section.ts";
import { ANYTHING, setKind } from "../values/scalar.ts";

/** A fault of a service. */
export interface FaultConfig {
  /** As logs and metrics show it. No two faults of a service have the same. */
  readonly name: string;
  readonly type: FaultType;
  /** Both for a fault that does not act on bytes. */
  readonly direction: Way | "both";
  /** One that is not enabled does nothing until it is. */
  readonly isEnabled: boolean;
  /** The parameters of its kind. */
  readonly values: Values<Readonly<Record<string, Parameter>>>;
  readonly trigger: Trigger;
}

/** A fault that may have no name yet. */
export type FaultEntry = Omit<FaultConfig, "name"> & { readonly name: string | undefined };

/** Keys that several types have, made at their first use: a start without faults need not spend 20 ms on them. */
export const faultKeys = once(() => ({
  all: {
    name: name().optional().describe(
      "The name of the fault in logs and metrics. Left out, its type and direction: latency_download.",
    ),
    enabled: flag().prefault(true).describe("false: it does nothing until it is enabled."),
  },
  /** Which connections a fault acts on. */
  connections: {
    every: count(1).optional().describe(
      "Only every nth connection of the service, counted from when the fault was added.",
    ),
    first: count(1).optional().describe(
      "Only the first n connections of the service, counted from when the fault was added.",
    ),
    probability: share({ orNone: true }).optional().describe(
      "The share of connections, 0 to 1. The seed decides which.",
    ),
    times: count(1).optional().describe("Acts on this many connections at most."),
    client: addressBlocks().optional().describe(
      'Only clients with these addresses: one, a block such as "10.1.0.0/16", or a list.',
    ),
  },
  /** The same, where the ClientHello is known. */
  names: {
    sni: serverNames().optional().describe(
      'Only connections whose ClientHello asks for one of these names: one, a pattern such as "*.example.com", or a list.',
    ),
  },
  /** From when to when a fault acts on the bytes of a connection. */
  moments: {
    after_bytes: size().optional().describe("Begins once this many bytes have passed in its direction."),
    after: duration().optional().describe("Begins this long after the upstream was connected."),
    match: payload({ isSecret: false }).optional().describe(
      'Begins behind these bytes in its direction: text such as "SELECT", or bytes such as "hex:0d0a".',
    ),
    for: duration(1).optional().describe("How long it acts on a connection. After that, bytes pass again."),
  },
}));

/** What says which connections a fault acts on, and when. A type has some of them. */
export function triggers() {
  const { connections, names, moments } = faultKeys();
  return { ...connections, ...names, ...moments };
}

/** Whose bytes a fault acts on. @param preset What that is when the key is left out. */
export function directionOf(preset: Way | "both") {
  return choice("upload", "download", "both").prefault(preset).describe(
    "Whose bytes it acts on: the client's (upload), the upstream's (download), or both.",
  );
}

/** The keys that a fault of a type can have, by their names in a file. */
function shapeOf(type: FaultType) {
  const { parameters, direction, bytes, accept, isDown, summary } = kindOf(type);
  const { all, connections, names, moments } = faultKeys();
  const literal = z.literal(type).describe(summary);
  setKind(literal, { expected: type });
  const own = Object.entries(parameters).map(([key, parameter]) => [toSnakeCase(key), fieldOf(parameter)]);
  return {
    type: literal,
    ...Object.fromEntries(own) as Readonly<Record<string, z.ZodType>>,
    ...all,
    ...bytes && { direction: directionOf(direction) },
    ...!isDown && connections,
    ...!isDown && !accept && names,
    ...bytes && moments,
  };
}

function fieldOf(parameter: Parameter): z.ZodType {
  const field = valueOf(parameter);
  const { default: preset, description } = parameter;
  if (preset === undefined) return field.describe(description);
  return field.prefault(encode(field, preset)).describe(description);
}

function valueOf(parameter: Parameter): z.ZodType {
  switch (parameter.kind) {
    case "duration":
      return duration();
    case "size":
      return size();
    case "bandwidth":
      return bandwidth(1);
    case "share":
      return share({ orNone: true });
    case "count":
      return count(1);
    case "bytes":
      return payload({ isSecret: false, orNone: parameter.default?.length === 0 });
    case "choice":
      return choice(...parameter.choices);
  }
}

/** The keys of each type, by their names in a file. */
export const faultShapes = once(() => {
  return Object.fromEntries(FAULT_TYPES.map((type) => [type, shapeOf(type)])) as Readonly<
    Record<FaultType, ReturnType<typeof shapeOf>>
  >;
});

/** A fault of one type, as a mapping. */
function faultOf(type: FaultType) {
  const mapping = section(`a mapping such as "type: ${type}"`, faultShapes()[type]).describe(
    kindOf(type).summary,
  );
  const parameters = Object.keys(kindOf(type).parameters);
  const ofTrigger = Object.keys(triggers()).map(toCamelCase);
  return z.codec(mapping, ANYTHING as z.ZodType<FaultEntry, FaultEntry>, {
    decode: (settings: Settings): FaultEntry => ({
      name: settings["name"] as string | undefined,
      type,
      direction: (settings["direction"] ?? "both") as FaultEntry["direction"],
      isEnabled: settings["enabled"] as boolean,
      values: pick(settings, parameters) as FaultEntry["values"],
      trigger: pick(settings, ofTrigger) as unknown as Trigger,
    }),
    encode: (fault: FaultEntry): Settings => ({
      ...fault.values,
      ...fault.trigger,
      type: fault.type,
      name: fault.name,
      direction: fault.direction,
      enabled: fault.isEnabled,
    }),
  } as never);
}

/** A fault as it is written. Its other keys depend on its type. */
interface FaultInput {
  readonly type: FaultType;
}

type Settings = Readonly<Record<string, unknown>>;

function pick(settings: Settings, keys: readonly string[]): Settings {
  return Object.fromEntries(keys.map((key) => [key, settings[key]]));
}

/** A fault. Its type decides which other keys it can have. */
export const fault = z.lazy(once(() =>
  z.discriminatedUnion("type", FAULT_TYPES.map(faultOf) as never, {
    error: ({ code }) =>
      code === "invalid_union" ? `one of ${FAULT_TYPES.join(", ")}` : 'a mapping such as "type: latency"',
  })
)) as unknown as z.ZodType<FaultEntry, FaultInput>;

/** The faults of a service. */
export const faultList = z.array(fault.describe("What goes wrong on connections of a service, and when."), {
  error: "a list of faults",
}) as unknown as z.ZodType<
  readonly FaultEntry[],
  readonly FaultInput[]
>;

/** Why a fault of a type does not have a key that others have, or that is almost one of theirs. */
export function explainFaultKey(key: string, type: unknown, known: readonly string[]): string | undefined {
  const all = [...new Set(Object.values(faultShapes()).flatMap((shape) => Object.keys(shape)))];
  const meant = all.includes(key) ? key : closestOf(key, all);
  const types: readonly unknown[] = FAULT_TYPES;
  if (meant === undefined || known.includes(meant) || !types.includes(type)) return undefined;
  const reason = whyNot(meant, type as FaultType);
  return meant === key ? reason : `did you mean "${meant}"? But ${reason}`;
}

function whyNot(key: string, type: FaultType): string {
  const { connections, names, moments } = faultKeys();
  if (Object.hasOwn(moments, key) || key === "direction") return `${type} does not act on bytes`;
  if (Object.hasOwn(connections, key)) return `${type} acts on the service, not on connections`;
  if (Object.hasOwn(names, key)) return `${type} acts before the ClientHello`;
  const others = FAULT_TYPES.filter((each) => Object.hasOwn(faultShapes()[each], key));
  return `it is a parameter of ${anyOf(others)}, not of ${type}`;
}

/**
 * Names the faults without a name after their type and direction, `latency_download`; a second one gets `_2` and so on.
 *
 * @param taken The names of other faults of the service.
 */
export function nameFaults(faults: readonly FaultEntry[], taken: Iterable<string> = []): FaultConfig[] {
  const names = new Set([...taken, ...faults.map(({ name }) => name)]);
  return faults.map((fault) => {
    if (fault.name !== undefined) return { ...fault, name: fault.name };
    const { bytes } = kindOf(fault.type);
    const base = bytes === undefined ? fault.type : `${fault.type}_${fault.direction}`;
    let name: string = base;
    for (let count = 2; names.has(name); count++) name = `${base}_${count}`;
    names.add(name);
    return { ...fault, name };
  });
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => (made ??= { value: make() }).value;
}
