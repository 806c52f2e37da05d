/** What all parts of a configuration have in common when they are written as a document. */

import type { ConfigFileInput } from "../schema/config_schema.ts";

/**
 * The keys of a part of a file, all of them: whoever writes one and forgets a key is told by the compiler. What is
 * undefined is left out of the document.
 */
export type Complete<Section> = Required<Section>;

export type ServiceInput = ConfigFileInput["services"][number];
export type UpstreamInput = NonNullable<ServiceInput["upstream"]>;
export type GroupInput = NonNullable<ConfigFileInput["upstreams"]>[string];

/** A limit that is 0 is off, which is also what it is when it is left out. */
export function unlessOff(limit: number): number | undefined {
  return limit === 0 ? undefined : limit;
}

/** A list that is empty is left out. */
export function unlessEmpty<Entry>(list: readonly Entry[]): readonly Entry[] | undefined {
  return list.length === 0 ? undefined : list;
}

/** A copy without the keys that have no value; bytes are not copied. */
export function withoutUndefined<Value>(value: Value): Value;
export function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((entry: unknown) => withoutUndefined(entry));
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return Object.fromEntries(entries.map(([key, entry]) => [key, withoutUndefined(entry)]));
}
