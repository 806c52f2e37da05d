/** Walks the schema: which keys there are, where they belong and what their values are. */

import type * as z from "zod";
import { type Kind, kindOf } from "../values/scalar.ts";
import { configFile } from "./config_schema.ts";

export type Schema = z.core.$ZodType;
export type Shape = Readonly<Record<string, Schema>>;

/** One way to write a value: a mapping of keys, a mapping of names, a list, or a single value. */
export interface Way {
  readonly shape?: Shape;
  readonly entries?: Schema;
  readonly element?: Schema;
  readonly kind?: Kind;
}

/** Every way to write what a schema describes. */
export function waysOf(schema: Schema): Way[] {
  const kind = kindOf(schema);
  if (kind !== undefined) {
    const { entries, mapping } = kind;
    return [entries === undefined ? { kind } : { entries }, ...mapping === undefined ? [] : waysOf(mapping)];
  }
  const { type, in: input, innerType, options, getter, ...way } = schema._zod.def as Way & {
    readonly type: string;
    readonly in?: Schema;
    readonly innerType?: Schema;
    readonly options?: readonly Schema[];
    readonly getter?: () => Schema;
  };
  if (type === "object" || type === "array") return [way];
  return [input, innerType, getter?.(), ...options ?? []].flatMap((inner) =>
    inner === undefined ? [] : waysOf(inner)
  );
}

/**
 * All keys of a configuration, each with its possible parent keys: `balance` under `upstream` and
 * `upstreams`. The top of the file is "".
 */
export function configKeys(): ReadonlyMap<string, ReadonlySet<string>> {
  const places = new Map<string, Set<string>>();
  visit(configFile, "", (key, _, parent) => places.set(key, (places.get(key) ?? new Set()).add(parent)));
  return places;
}

let secrets: Set<string> | undefined;

/** The keys whose values are secret, or may be. */
export function secretKeys(): ReadonlySet<string> {
  if (secrets !== undefined) return secrets;
  const keys = secrets = new Set<string>();
  visit(configFile, "", (key, schema) => waysOf(schema).some(({ kind }) => kind?.isSecret) && keys.add(key));
  return keys;
}

/** Calls `onKey` with every key, its schema and the key it is under. */
function visit(
  schema: Schema,
  parent: string,
  onKey: (key: string, schema: Schema, parent: string) => void,
): void {
  for (const { shape = {}, entries, element } of waysOf(schema)) {
    for (const [key, inner] of Object.entries(shape)) {
      onKey(key, inner, parent);
      visit(inner, key, onKey);
    }
    for (const inner of [entries, element]) if (inner !== undefined) visit(inner, parent, onKey);
  }
}
