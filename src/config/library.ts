/** The configuration as programs write it: camelCase keys, and numbers for milliseconds. */

import type { Config } from "./config.ts";
import { decodeConfig } from "./decode.ts";
import type { ConfigFileInput } from "./schema/config_schema.ts";
import { toSnakeCase } from "./schema/spelling.ts";

type CamelCasedKey<Key extends string> = Key extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCasedKey<Tail>>}`
  : Key;

/** A type with all its keys, and the keys of everything in it, in camelCase. */
export type CamelCased<T> = T extends Uint8Array ? T
  : T extends readonly (infer Entry)[] ? readonly CamelCased<Entry>[]
  : T extends object
    ? { [Key in keyof T as Key extends string ? CamelCasedKey<Key> : Key]: CamelCased<T[Key]> }
  : T;

/**
 * What a program can say about a proxy: everything a file can that is not about the file. Durations may be numbers of milliseconds,
 * `unixMode` may be a number such as 0o660, and `send` and `expect` may be bytes. The names of groups in
 * `upstreams` stay as they are.
 */
export type ProxyOptions = CamelCased<Omit<ConfigFileInput, "reload">>;

/** The keys whose numbers are milliseconds; a file has no bare numbers there. */
const DURATION_KEYS: ReadonlySet<string> = new Set([
  "connect_timeout",
  "delay",
  "drain",
  "eject",
  "half_close_timeout",
  "handshake_timeout",
  "idle_timeout",
  "interval",
  "keepalive",
  "lifetime",
  "max_idle_time",
  "quiet",
  "timeout",
  "window",
]);

/**
 * Decodes the options of a program. Environment variables are not expanded.
 *
 * @throws {ConfigError} with every problem; paths and keys are in camelCase.
 */
export function decodeOptions(options: ProxyOptions): Config {
  return decodeConfig(toDocument(options), { spelling: "camelCase" });
}

/** Spells options like a file, so that one schema serves both. Keys without a value are left out. */
export function toDocument(options: unknown): unknown {
  if (Array.isArray(options)) return options.map(toDocument);
  return mapEntries(options, (key, value) => {
    const spelled = toSnakeCase(key);
    return [spelled, toFileValue(spelled, value)];
  });
}

function mapEntries(value: unknown, map: (key: string, value: unknown) => [string, unknown]): unknown {
  if (!isPlainObject(value)) return value;
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return Object.fromEntries(entries.map(([key, entry]) => map(key, entry)));
}

/** Writes what only programs can say as a file would; what cannot be written is left for the decoder to refuse. */
function toFileValue(key: string, value: unknown): unknown {
  // Its keys are names.
  if (key === "upstreams") return mapEntries(value, (name, group) => [name, toDocument(group)]);
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) return toDocument(value);
  if (DURATION_KEYS.has(key)) return `${value}ms`;
  // A program's 0o660 is the number 432, which in a file is ambiguous.
  if (key === "unix_mode" && value <= 0o777) return value.toString(8).padStart(3, "0");
  return value;
}

/** Not an instance of some class, whose keys are its own business. */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
