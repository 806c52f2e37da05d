/**
 * What all single values of a configuration have in common. The message of every zod issue says only what was
 * expected (`a duration such as "5s"`); `explain.ts` makes sentences of it and knows which values are secret.
 */

import { z } from "zod";
import { VARIABLE_PATTERN } from "../input/environment.ts";

/** Part of a JSON Schema. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What a single value can be in a document; bytes come from programs, and from `!!binary` in YAML. */
export type Single = string | number | boolean | Uint8Array;

/** How one kind of value is read, explained and completed. */
export interface Scalar<Output> {
  /** Completes "Expected …". */
  readonly expected: string;
  /** Throws a SyntaxError or RangeError whose message says what is wrong, or an `Unexpected`. */
  readonly parse: (value: Single) => Output;
  /** What editors are told to accept, besides `${NAME}`. */
  readonly json: readonly JsonSchema[];
}

/** The value is not what was expected; the message only adds a proposal. */
export class Unexpected extends SyntaxError {
  /** What to write instead. */
  readonly meant: string | undefined;

  constructor(message?: string, options: { meant?: string | undefined } = {}) {
    super(message);
    this.meant = options.meant;
  }
}

/** Text that a variable goes into, whatever the value has to be afterwards. */
export const FROM_ENVIRONMENT: JsonSchema = { type: "string", pattern: VARIABLE_PATTERN };

/** A schema for one value. Editors also accept text with a variable in its place. */
export function scalar<Input, Output>({ expected, parse, json }: Scalar<Output>) {
  return reading<Input, Output>(
    (value, context) => attempt(parse, value, { context, path: [], expected }),
    { anyOf: [...json, FROM_ENVIRONMENT] },
  );
}

/** How the values of a list are read; one value may stand for several. */
export interface Scalars<Output> extends Omit<Scalar<Output>, "parse"> {
  readonly parse: (value: Single) => readonly Output[];
  /** Completes "Expected at least one …". Left out, the list may be empty. */
  readonly each?: string;
}

/** A schema for one value or a list of them. */
export function scalars<Input, Output>({ expected, parse, json, each }: Scalars<Output>) {
  const entry = [...json, FROM_ENVIRONMENT];
  const minimum = each === undefined ? {} : { minItems: 1 };
  return reading<Input | readonly Input[], Output[]>((value, context) => {
    const entries: unknown[] = Array.isArray(value) ? value : [value];
    if (entries.length === 0 && each !== undefined) {
      context.issues.push({ code: "custom", message: `at least one ${each}`, input: value });
    }
    return entries.flatMap((text, index) => {
      const path = Array.isArray(value) ? [index] : [];
      return attempt(parse, text, { context, path, expected });
    });
  }, { anyOf: [...entry, { type: "array", ...minimum, items: { anyOf: entry } }] });
}

/**
 * A schema that takes anything and says itself what is wrong with it. Every schema costs start-up time, so there are
 * three here and not the four of `z.custom().transform().meta()`, whose `meta` makes a copy.
 */
function reading<Input, Output>(
  read: (value: unknown, context: z.core.$RefinementCtx) => Output,
  json: JsonSchema,
): z.ZodType<Output, Input> {
  const schema = z.unknown().transform(read) as z.ZodType<Output> as z.ZodType<Output, Input>;
  z.globalRegistry.add(schema, json);
  return schema;
}

/** Where `attempt` puts an issue, and what it says was expected. */
export interface Attempt {
  readonly context: z.core.$RefinementCtx;
  readonly path: PropertyKey[];
  readonly expected: string;
}

/**
 * Parses a value. If that fails, records an issue with the parser's message (`params.detail`) or proposal
 * (`params.meant`).
 */
export function attempt<Output>(
  parse: Scalar<Output>["parse"],
  value: unknown,
  { context, path, expected }: Attempt,
) {
  const issue = { code: "custom", message: expected, path, input: value } as const;
  try {
    if (!isSingle(value)) throw new Unexpected();
    return parse(value);
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
    const params = error instanceof Unexpected ? { meant: error.meant } : { detail: error.message };
    context.issues.push({ ...issue, params });
    return z.NEVER;
  }
}

function isSingle(value: unknown): value is Single {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ||
    value instanceof Uint8Array;
}

/** @throws {Unexpected} for a yes or no, and for bytes. */
export function textOrNumber(value: Single): string | number {
  if (typeof value !== "string" && typeof value !== "number") throw new Unexpected();
  return value;
}
