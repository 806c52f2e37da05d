/**
 * The base of every single value of a configuration. The message of every zod issue says only what was
 * expected (`a duration such as "5s"`); `explain.ts` makes sentences of it and knows which values are secret.
 */

import * as z from "zod";
import { VARIABLE_PATTERN } from "../input/environment.ts";

/** Part of a JSON Schema. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What a single value can be in a document; bytes come from programs, and from `!!binary` in YAML. */
export type Single = string | number | boolean | Uint8Array;

/** One kind of value: how it is read, written and explained. */
export interface Scalar<Output> {
  /** Completes "Expected …". */
  readonly expected: string;
  /** Throws a SyntaxError or RangeError whose message says what is wrong, or an `Unexpected`. */
  readonly parse: (value: Single) => Output;
  /** The inverse of `parse`; throws an `Unexpected` for other values. By default, values stay unchanged. */
  readonly format?: (value: Output) => unknown;
  /** What editors accept, besides `${NAME}`. */
  readonly json: readonly JsonSchema[];
  /** Writes a number that only a program can give as a file would: 1500 milliseconds as `1500ms`. */
  readonly fromNumber?: (value: number) => unknown;
  /** Whether it is masked where a configuration is shown. */
  readonly isSecret?: boolean;
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
const FROM_ENVIRONMENT: JsonSchema = { type: "string", pattern: VARIABLE_PATTERN };

/** A codec for one value. Editors also accept text with a variable in its place. */
export function scalar<Input, Output>(kind: Scalar<Output>) {
  const schema = codec<Input, Output>((value, context) => attempt(kind, value, context), kind.format);
  z.globalRegistry.add(schema, { anyOf: [...kind.json, FROM_ENVIRONMENT] });
  setKind(schema, kind);
  return schema;
}

/** How the values of a list are read; one value may give several. */
export interface Scalars<Output> extends Pick<Scalar<Output>, "expected" | "json"> {
  readonly parse: (value: Single) => readonly Output[];
  /** Writes the list so that `parse` returns each entry. By default, the list stays unchanged. */
  readonly format?: (values: readonly Output[]) => readonly unknown[];
  /** Completes "Expected at least one …". Left out, the list may be empty. */
  readonly each?: string;
  /** What an entry may be that is a mapping. Left out, none is. */
  readonly mapping?: z.ZodType<Output>;
}

/** A codec for one value or a list of them. */
export function scalars<Input, Output>({ expected, parse, format, json, each, mapping }: Scalars<Output>) {
  const entry = [...json, FROM_ENVIRONMENT];
  const minimum = each === undefined ? {} : { minItems: 1 };
  const schema = codec<Input | readonly Input[], readonly Output[]>((value, context) => {
    const entries: unknown[] = Array.isArray(value) ? value : [value];
    if (entries.length === 0 && each !== undefined) {
      context.issues.push({ code: "custom", message: `at least one ${each}`, input: value });
    }
    return entries.flatMap((entry, index) => {
      const path = Array.isArray(value) ? [index] : [];
      return mapping !== undefined && isMapping(entry)
        ? parseMapping(mapping, entry, context, path)
        : attempt({ expected, parse }, entry, context, path);
    });
  }, format);
  z.globalRegistry.add(schema, { anyOf: [...entry, { type: "array", ...minimum, items: { anyOf: entry } }] });
  setKind(schema, { expected: `${expected}, or a list`, ...mapping === undefined ? {} : { mapping } });
  return schema;
}

/** What is known of a kind of value besides its JSON Schema. */
export interface Kind extends Pick<Scalar<never>, "expected" | "fromNumber" | "isSecret"> {
  /** Of a mapping whose keys are names: its values. */
  readonly entries?: z.core.$ZodType;
  /** Another way to write it. */
  readonly mapping?: z.core.$ZodType;
}

const KINDS = new WeakMap<z.core.$ZodType, Kind>();

/** Says of what kind the values of a codec are. */
export function setKind(codec: z.core.$ZodType, kind: Kind): void {
  KINDS.set(codec, kind);
}

/** The kind that was set, also of a codec with a description, which is a copy. */
export function kindOf(codec: z.core.$ZodType): Kind | undefined {
  const { parent } = codec._zod;
  return KINDS.get(codec) ?? (parent && kindOf(parent));
}

/** Accepts anything: the codecs check the values. One instance for all, as every schema takes time to make. */
export const ANYTHING = z.any();

type Issues = Pick<z.core.ParsePayload, "issues">;

/** A codec between a value of a file and that of the program. */
export function codec<Input, Output>(
  decode: (value: unknown, context: Issues) => Output,
  encode: ((value: Output, context: Issues) => unknown) | undefined,
): z.ZodCodec<z.ZodType<Input, Input>, z.ZodType<Output, Output>> {
  return z.codec(ANYTHING, ANYTHING, {
    decode,
    encode: (value, context) => {
      if (value === undefined || encode === undefined) return value;
      try {
        return encode(value, context);
      } catch (error) {
        if (!(error instanceof Unexpected)) throw error;
        context.issues.push({ code: "custom", message: error.message, input: value });
        return z.NEVER;
      }
    },
  });
}

/**
 * Parses a value. If that fails, records an issue with the parser's message (`params.detail`) or proposal
 * (`params.meant`).
 */
function attempt<Output>(
  { expected, parse }: Pick<Scalar<Output>, "expected" | "parse">,
  value: unknown,
  { issues }: Issues,
  path: PropertyKey[] = [],
) {
  try {
    if (!isSingle(value)) throw new Unexpected();
    return parse(value);
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
    const params = error instanceof Unexpected ? { meant: error.meant } : { detail: error.message };
    issues.push({ code: "custom", message: expected, path, input: value, params });
    return z.NEVER;
  }
}

/** Parses a mapping in place of a value. Its issues are recorded with their paths. */
function parseMapping<Output>(
  schema: z.ZodType<Output>,
  value: object,
  { issues }: Issues,
  path: PropertyKey[],
): Output | never[] {
  const { data, error } = schema.safeParse(value, { jitless: true });
  for (const issue of error?.issues ?? []) {
    issues.push({ ...issue, input: value, path: [...path, ...issue.path] } as z.core.$ZodRawIssue);
  }
  return data ?? [];
}

function isMapping(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Uint8Array || value instanceof Date);
}

function isSingle(value: unknown): value is Single {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ||
    value instanceof Uint8Array;
}

/** @throws {Unexpected} for anything but text. */
export function textOf(value: Single): string {
  if (typeof value !== "string") throw new Unexpected();
  return value;
}

/** @throws {Unexpected} for a boolean, and for bytes. */
export function textOrNumber(value: Single): string | number {
  if (typeof value !== "string" && typeof value !== "number") throw new Unexpected();
  return value;
}
