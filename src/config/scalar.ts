/**
 * What all single values of a configuration have in common. The message of every zod issue says only what was
 * expected (`a duration such as "5s"`); `explain.ts` makes sentences of it and knows which values are secret.
 */

import { z } from "zod";
import { VARIABLE_PATTERN } from "./environment.ts";

/** Part of a JSON Schema. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** How one kind of value is read, explained and completed. */
export interface Scalar<Output> {
  /** Completes "Expected …". */
  readonly expected: string;
  /** Throws a SyntaxError or RangeError whose message says what is wrong, or an `Unexpected`. */
  readonly parse: (value: string | number | boolean) => Output;
  /** What editors are told to accept, besides `${NAME}`. */
  readonly json: readonly JsonSchema[];
}

/** The value is not what was expected, and there is no more to say about it. */
export class Unexpected extends SyntaxError {}

/** Text that a variable goes into, whatever the value has to be afterwards. */
export const FROM_ENVIRONMENT: JsonSchema = { type: "string", pattern: VARIABLE_PATTERN };

/** A schema for one value. Editors also accept text with a variable in its place. */
export function scalar<Input, Output>({ expected, parse, json }: Scalar<Output>) {
  return z.custom<Input>()
    .transform((value: unknown, context): Output => attempt(parse, value, { context, path: [], expected }))
    .meta({ anyOf: [...json, FROM_ENVIRONMENT] });
}

/** Where `attempt` puts an issue, and what it says was expected. */
export interface Attempt {
  readonly context: z.core.$RefinementCtx;
  readonly path: PropertyKey[];
  readonly expected: string;
}

/** Parses a value; when that fails, records an issue whose `params.detail` is the parser's message. */
export function attempt<Output>(
  parse: Scalar<Output>["parse"],
  value: unknown,
  { context, path, expected }: Attempt,
) {
  const issue = { code: "custom", message: expected, path, input: value } as const;
  try {
    if (!isScalar(value)) throw new Unexpected();
    return parse(value);
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
    const detail = error instanceof Unexpected ? undefined : error.message;
    context.issues.push({ ...issue, params: { detail } });
    return z.NEVER;
  }
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

/** @throws {Unexpected} for a yes or no. */
export function textOrNumber(value: string | number | boolean): string | number {
  if (typeof value === "boolean") throw new Unexpected();
  return value;
}
