/** The configuration as programs write it: camelCase keys, and numbers for milliseconds. */

import { z } from "zod";
import type { Config } from "./config.ts";
import { ConfigError, type Problem } from "./config_error.ts";
import { decodeConfig } from "./decode.ts";
import { takeFilters } from "./filter.ts";
import type { ProxyOptions } from "./options.ts";
import { configFile } from "./schema/config_schema.ts";
import { type Schema, waysOf } from "./schema/keys.ts";
import { toSnakeCase } from "./schema/section.ts";

/**
 * Decodes the options of a program. Environment variables are not expanded.
 *
 * @throws {ConfigError} with every problem; paths and keys are in camelCase.
 */
export function decodeOptions(options: ProxyOptions): Config {
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
 * Writes the options of a program as a file would have them, so that one schema serves both. Keys without a value are left out; what
 * cannot be written is left for the decoder to refuse.
 */
export function toDocument(value: unknown, schema: Schema = configFile): unknown {
  const ways = waysOf(schema);
  if (Array.isArray(value)) {
    const list = ways.find(({ element }) => element !== undefined);
    return value.map((entry: unknown) => toDocument(entry, list?.element ?? UNKNOWN));
  }
  if (isPlainObject(value)) {
    const { shape = {}, entries } = ways.find((way) => way.shape ?? way.entries) ?? {};
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

/** A plain mapping, not an instance of a class. */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
