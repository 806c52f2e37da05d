/** The configuration as programs write it: camelCase keys, and numbers for milliseconds. */

import * as z from "zod";
import type { Config } from "./config.ts";
import { ConfigError, type Problem } from "./config_error.ts";
import { decodeConfig } from "./decode.ts";
import { takeFilters } from "./filter.ts";
import type { ProxyOptions, ServiceOptions } from "./options.ts";
import { configFile } from "./schema/config_schema.ts";
import { type Schema, type Shape, waysOf } from "./schema/keys.ts";
import { toSnakeCase } from "./schema/section.ts";
import type { SingleProxyOptions } from "./single_options.ts";
import { kindOf } from "./values/scalar.ts";

/** Keys of the whole that a proxy of one service has beside those of the service. */
const WHOLE_KEYS: readonly string[] = ["workers", "seed", "log", "shutdown", "upstreams", "admin"];

/**
 * Decodes the options of a program. Environment variables are not expanded.
 *
 * @param faults Whether faults can be added unless the options say otherwise.
 * @throws {ConfigError} with every problem; paths and keys are in camelCase.
 */
export function decodeOptions(
  options: ProxyOptions | SingleProxyOptions,
  { faults = false }: { readonly faults?: boolean } = {},
): Config {
  if (!isSingle(options)) {
    const isLeftOut = isPlainObject(options) && options["faults"] === undefined;
    return decodeAll(isLeftOut ? { ...options, faults } : options);
  }
  const { whole, service } = splitKeys(options);
  try {
    return decodeAll({ ...whole, faults, services: [{ name: "proxy", listen: 0, ...service }] });
  } catch (error) {
    throw asWritten(error, options);
  }
}

/** The same error, with the paths that the program wrote: one service is in no list. */
export function asWritten(error: unknown, options: ProxyOptions | SingleProxyOptions): unknown {
  if (!(error instanceof ConfigError) || !isSingle(options)) return error;
  const shown = (text: string) => text.replaceAll(/\bservices\[0\]\.?/g, "");
  return new ConfigError(error.problems.map((problem) => ({
    ...problem,
    path: shown(problem.path),
    message: shown(problem.message),
  })));
}

/** Options without services are those of one service, also when its upstream is missing or misspelled. */
function isSingle(options: ProxyOptions | SingleProxyOptions): options is SingleProxyOptions {
  return isPlainObject(options) && options.services === undefined && options["defaults"] === undefined &&
    typeof options["faults"] !== "boolean";
}

function splitKeys(
  options: SingleProxyOptions,
): { whole: Partial<ProxyOptions>; service: Partial<ServiceOptions> } {
  const entries = Object.entries(options).filter(([key]) => key !== "services");
  const isOfWhole = ([key]: [string, unknown]) => WHOLE_KEYS.includes(key);
  return {
    whole: Object.fromEntries(entries.filter(isOfWhole)),
    service: Object.fromEntries(entries.filter((entry) => !isOfWhole(entry))),
  };
}

function decodeAll(options: ProxyOptions): Config {
  const { rest, filters, problems } = takeFilters(options);
  const config = decodeRest(rest, problems);
  const services = config.services.map((service, index) => {
    const filter = filters[index];
    return filter === undefined ? service : { ...service, filter };
  });
  return { ...config, services };
}

/** @throws {ConfigError} with the problems, and with those of filters. */
function decodeRest(options: unknown, ofFilters: readonly Problem[]): Config {
  let problems = ofFilters;
  try {
    const config = decodeConfig(toDocument(options), { spelling: "camelCase" });
    if (problems.length === 0) return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems = [...error.problems, ...problems];
  }
  throw new ConfigError(problems);
}

/** Of a key that does not exist. */
const UNKNOWN = z.unknown();

/**
 * Writes the options of a program as a file would have them, so that one schema serves both. Keys without a value are
 * left out; what cannot be written is left for the decoder to refuse.
 */
export function toDocument(value: unknown, schema: Schema = configFile): unknown {
  const ways = waysOf(schema);
  if (Array.isArray(value)) {
    const list = ways.find(({ element }) => element !== undefined);
    return value.map((entry: unknown) => toDocument(entry, list?.element ?? UNKNOWN));
  }
  if (isPlainObject(value)) {
    const mappings = ways.filter((way) => way.shape ?? way.entries);
    // The type of a fault decides which keys it has.
    const { shape = {}, entries } = mappings.find(({ shape }) => typeIn(shape) === value["type"]) ??
      mappings[0] ?? {};
    const given = Object.entries(value).filter(([, entry]) => entry !== undefined);
    return Object.fromEntries(given.map(([key, entry]) => {
      if (entries !== undefined) return [key, toDocument(entry, entries)];
      const spelled = toSnakeCase(key);
      return [spelled, toDocument(entry, Object.hasOwn(shape, spelled) ? shape[spelled]! : UNKNOWN)];
    }));
  }
  const isNumber = typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
  const kind = isNumber ? ways.find((way) => way.kind?.fromNumber)?.kind : undefined;
  return kind === undefined ? value : kind.fromNumber!(value as number);
}

/** The word that a mapping of this shape has as its `type`. */
function typeIn(shape: Shape | undefined): unknown {
  const type = shape?.["type"];
  return type === undefined ? undefined : kindOf(type)?.expected;
}

/** A plain mapping, not an instance of a class. */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
