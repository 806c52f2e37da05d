/** A part of the configuration with keys of its own, and the two ways to spell a key. */

import * as z from "zod";
import { ANYTHING } from "../values/scalar.ts";

/** How a configuration and its problems spell keys: `idle_timeout` in a file, `idleTimeout` in a program. */
export type Spelling = "snake_case" | "camelCase";

/** Spells a key the file's way: `idleTimeout` becomes `idle_timeout`. */
export function toSnakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Spells a key the program's way: `idle_timeout` becomes `idleTimeout`. */
export function toCamelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** `idle_timeout` becomes `idleTimeout`. */
export type CamelCase<Key> = Key extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Key;

/** What the program makes of a section: every key, in camelCase. One that is optional in the file may be undefined. */
export type SectionOutput<Shape> = {
  readonly [Key in keyof Shape as CamelCase<Key>]: z.output<Shape[Key]>;
};

/** The codec of a section. */
export type Section<Shape extends z.core.$ZodLooseShape> = z.ZodCodec<
  z.ZodObject<Shape, z.core.$strict>,
  z.ZodType<SectionOutput<Shape>, SectionOutput<Shape>>
>;

/**
 * Without `jitless`, zod generates and compiles code for each mapping, which only pays off from the second
 * document on.
 */
export const JITLESS = { jitless: true } as const;

/** Encodes a value as a file has it. */
export function encode<Input, Output>(schema: z.ZodType<Output, Input>, value: Output): Input {
  return z.encode(schema, value, { ...JITLESS });
}

/** A mapping with these keys and no others. `expected` completes "Expected …". */
export function section<Shape extends z.core.$ZodLooseShape>(expected: string, shape: Shape): Section<Shape> {
  const keys = Object.keys(shape);
  const names = keys.map((key) => [key, toCamelCase(key)] as const);
  const known = keys.join(", ");
  const mapping = z.strictObject(shape, {
    error: (issue) => issue.code === "unrecognized_keys" ? known : expected,
  });
  return z.codec(mapping, ANYTHING, {
    decode: (entries) => {
      const settings: Record<string, unknown> = {};
      for (const [key, name] of names) settings[name] = (entries as Record<string, unknown>)[key];
      return settings;
    },
    encode: (settings) => {
      if (settings === undefined) return {} as never; // a prefault comes here too
      const entries: Record<string, unknown> = {};
      for (const [key, name] of names) {
        if (!isOff(settings[name], shape[key])) entries[key] = settings[name];
      }
      return entries as never;
    },
  });
}

/**
 * Whether a key means the same when it is left out: it has no value, an empty list, or a 0 that is also its default.
 */
function isOff(value: unknown, schema: z.core.SomeType | undefined): boolean {
  if (value === 0) return (schema?._zod.def as { defaultValue?: unknown }).defaultValue === 0;
  return value === undefined || Array.isArray(value) && value.length === 0;
}

/** A list with at least one entry. */
export function list<Entry extends z.ZodType>(entry: Entry, plural: string, singular: string) {
  // By default, zod compares the `length` of anything that has one, and throws if that is no number. It takes `when`
  // here too, although its types do not say so.
  const least = {
    error: `at least one ${singular}`,
    when: ({ value }: { readonly value: unknown }) => Array.isArray(value),
  };
  const schema = z.array(entry, { error: `a list of ${plural}` }).min(1, least);
  return schema as unknown as z.ZodType<readonly z.output<Entry>[], readonly z.input<Entry>[]>;
}

/** A short form of a value: accepted in files, never written. */
export function shorthand<Input, Short, Output>(
  schema: z.ZodType<Short, Input>,
  complete: (short: Short) => Output,
): z.ZodCodec<z.ZodType<Short, Input>, z.ZodType<Output, Output>> {
  return z.codec(schema, ANYTHING as z.ZodType<Output, Output>, {
    decode: complete as (short: unknown) => Output,
    encode: (value, context) => {
      context.issues.push({ code: "custom", message: "all of it", input: value });
      return z.NEVER;
    },
  }) as never;
}
