/** The configuration as programs write it: camelCase keys, and numbers for milliseconds. */

import type { z } from "zod";
import type { Config } from "./config.ts";
import { ConfigError, type Problem } from "./config_error.ts";
import { decodeConfig } from "./decode.ts";
import { takeFilters } from "./filter.ts";
import type { ProxyOptions } from "./options.ts";
import { configFile } from "./schema/config_schema.ts";
import { group, namedGroups } from "./schema/group_schema.ts";
import { toSnakeCase } from "./schema/section.ts";
import { KINDS } from "./values/scalar.ts";

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

type Schema = z.core.$ZodType | undefined;

/**
 * Writes what a program says as a file would, so that one schema serves both. Keys without a value are left out; what
 * cannot be written is left for the decoder to refuse.
 */
export function toDocument(value: unknown, schema: Schema = configFile): unknown {
  if (Array.isArray(value)) {
    const { element } = partOf(schema, "array");
    return value.map((entry: unknown) => toDocument(entry, element));
  }
  if (isPlainObject(value)) {
    const { shape, names } = partOf(schema, "object");
    const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
    return Object.fromEntries(entries.map(([key, entry]) => {
      const spelled = names === undefined ? toSnakeCase(key) : key;
      const inner = shape !== undefined && Object.hasOwn(shape, spelled) ? shape[spelled] : undefined;
      return [spelled, toDocument(entry, names ?? inner)];
    }));
  }
  const isNumber = typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
  return isNumber ? partOf(schema, "scalar").fromNumber?.(value) ?? value : value;
}

interface Part {
  readonly element?: Schema;
  readonly shape?: Readonly<Record<string, Schema>>;
  /** Keys are names, and their values have this schema. */
  readonly names?: Schema;
  readonly fromNumber?: ((value: number) => unknown) | undefined;
}

/** What a schema says of values of a kind: where there are several ways to write something, that for this kind. */
function partOf(schema: Schema, kind: "array" | "object" | "scalar"): Part {
  const def = schema?._zod.def as
    | z.core.$ZodTypeDef & {
      readonly in?: Schema;
      readonly innerType?: Schema;
      readonly options?: readonly Schema[];
      readonly element?: Schema;
      readonly shape?: Readonly<Record<string, Schema>>;
    }
    | undefined;
  if (schema === undefined || def === undefined) return {};
  if (schema._zod.parent === namedGroups || schema === namedGroups) {
    return kind === "object" ? { names: group } : {};
  }
  const scalar = KINDS.get(schema);
  if (scalar !== undefined) return kind === "scalar" ? scalar : {};
  if (def.type === kind) return def as Part;
  const parts = [def.in, def.innerType, ...def.options ?? []].filter((inner) => inner !== undefined);
  return parts.map((inner) => partOf(inner, kind)).find((part) => Object.keys(part).length > 0) ?? {};
}

/** Not an instance of some class, whose keys are its own business. */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
