/** The parameters of requests. Unknown ones are errors: a misspelled parameter must not be ignored. */

import * as z from "zod";
import { ApiError } from "./api_error.ts";
import type { ProxyEvent } from "../observe/events/events.ts";
import type { ConnectionQuery, SortKey } from "./views.ts";

const MAX_LIMIT = 1000;
const DEFAULT_LIMIT = 100;
/** The longest filter, in characters. */
const MAX_FILTER = 200;

const SORT_KEYS: readonly SortKey[] = ["id", "age", "bytes", "client", "service", "endpoint"];

/** A record, so that the compiler reports a type of event that is missing here. */
const EVENT_TYPES: Readonly<Record<ProxyEvent["type"], true>> = {
  opened: true,
  connected: true,
  fault: true,
  closed: true,
  refused: true,
  failed: true,
  endpoint: true,
  reload: true,
  drain: true,
};

/** The events that a stream has. */
export interface EventQuery {
  /** Whether `stats` are sent every second. */
  readonly stats: boolean;
  /** The types of events; undefined is all. */
  readonly types: ReadonlySet<string> | undefined;
}

export const nothing = z.strictObject({});

/** How a connection ends: with a RST on both sides, or closed. */
export const killing = z.strictObject({ reset: z.boolean("expected true or false").default(false) });

export const connectionQuery = z.strictObject({
  filter: z.string().max(MAX_FILTER, `expected at most ${MAX_FILTER} characters`).default(""),
  sort: z.string().regex(
    new RegExp(`^-?(${SORT_KEYS.join("|")})$`),
    `expected one of ${SORT_KEYS.join(", ")}, with "-" in front for the largest first`,
  ).default("id"),
  offset: wholeNumber(0, Number.MAX_SAFE_INTEGER).default(0),
  limit: wholeNumber(1, MAX_LIMIT).default(DEFAULT_LIMIT),
}).transform(({ filter, sort, offset, limit }): ConnectionQuery => ({
  filter,
  sort: sort.replace("-", "") as SortKey,
  isDescending: sort.startsWith("-"),
  offset,
  limit,
}));

export const eventQuery = z.strictObject({
  stats: z.enum(["0", "1"], 'expected "0" or "1"').default("1"),
  types: z.string().transform((text) => new Set(text.split(","))).refine(
    (types) => types.values().every((type) => Object.hasOwn(EVENT_TYPES, type)),
    `expected some of ${Object.keys(EVENT_TYPES).join(",")}`,
  ).optional(),
}).transform(({ stats, types }): EventQuery => ({ stats: stats === "1", types }));

export const endpointChange = z.strictObject({
  state: z.enum(["up", "down", "drain"], 'expected "up", "down" or "drain"'),
});

/** @param parseDuration Milliseconds of `10s`; throws a SyntaxError or RangeError that explains what is wrong. */
export function drainOrder(parseDuration: (text: string) => number) {
  const expected = 'expected a duration such as "10s", or milliseconds';
  return z.strictObject({
    deadline: z.union([z.string(), z.int(expected).nonnegative(expected)], expected).transform(
      (value, context) => {
        try {
          // As text with a unit, so that both forms have the same limit.
          return parseDuration(typeof value === "number" ? `${value}ms` : value);
        } catch (error) {
          if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
          context.issues.push({ code: "custom", message: error.message, input: value });
          return z.NEVER;
        }
      },
    ).optional(),
    handed_over: z.boolean().optional(),
    not_after: z.number("expected milliseconds since 1970").optional(),
  });
}

/** @throws {ApiError} `bad_query` */
export function readQuery<Output>(schema: z.ZodType<Output>, query: URLSearchParams): Output {
  const names = [...query.keys()];
  const seen = new Set<string>();
  const repeated = names.find((name) => seen.size === seen.add(name).size);
  if (repeated !== undefined) {
    throw new ApiError("bad_query", `The query parameter "${repeated}" is given more than once`);
  }
  return read(schema, Object.fromEntries(query), "bad_query", "query parameter");
}

/** @throws {ApiError} `bad_body` */
export function readBody<Output>(schema: z.ZodType<Output>, body: unknown): Output {
  return read(schema, body ?? {}, "bad_body", "field");
}

function read<Output>(
  schema: z.ZodType<Output>,
  value: unknown,
  code: "bad_query" | "bad_body",
  part: string,
): Output {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  if (issue.code === "unrecognized_keys") {
    throw new ApiError(code, `Unknown ${part} ${issue.keys.map((key) => `"${key}"`).join(", ")}`);
  }
  if (issue.path.length === 0) throw new ApiError(code, "Expected the body to be a JSON object");
  throw new ApiError(code, `Cannot use the ${part} "${issue.path.join(".")}": ${issue.message}`);
}

function wholeNumber(least: number, most: number) {
  const expected = `expected a whole number from ${least} to ${most}`;
  return z.string().regex(/^\d+$/, expected).transform(Number).refine(
    (value) => value >= least && value <= most,
    expected,
  );
}
