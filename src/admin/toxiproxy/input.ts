/** The JSON that clients of toxiproxy send. Its names are case-insensitive, and unknown ones are ignored, as in Go. */

import { BodyTimeout } from "../http/request.ts";
import { type Toxic, ToxiproxyError, type ToxiproxyProxy } from "./backend.ts";

type Fields = ReadonlyMap<string, unknown>;

/** The fields of a proxy in a request. */
export type ProxyInput = { readonly [Key in keyof ToxiproxyProxy]: ToxiproxyProxy[Key] | undefined };
export type ToxicInput = { readonly [Key in keyof Toxic]: Toxic[Key] | undefined };

/** The error for a body that cannot be used. */
export function badBody(detail: string): ToxiproxyError {
  return new ToxiproxyError(`bad request body: ${detail}`, 400);
}

/** @throws {ToxiproxyError} */
export function proxyInput(body: unknown): ProxyInput {
  const fields = fieldsOf(body, "a proxy");
  return {
    name: textIn(fields, "name"),
    listen: textIn(fields, "listen"),
    upstream: textIn(fields, "upstream"),
    enabled: valueIn(fields, "enabled", isBoolean, "true or false"),
  };
}

/** @throws {ToxiproxyError} */
export function toxicInput(body: unknown): ToxicInput {
  const fields = fieldsOf(body, "a toxic");
  const stream = textIn(fields, "stream")?.toLowerCase();
  if (stream !== undefined && stream !== "upstream" && stream !== "downstream") {
    throw new ToxiproxyError("stream was invalid, can be either upstream or downstream", 400);
  }
  const attributes = fields.get("attributes") ?? undefined;
  return {
    name: textIn(fields, "name"),
    type: textIn(fields, "type"),
    stream,
    toxicity: valueIn(fields, "toxicity", isShare, "a number from 0 to 1"),
    attributes: attributes === undefined
      ? undefined
      : Object.fromEntries(fieldsOf(attributes, "a mapping of attributes")),
  };
}

/** The value of a body. @throws {ToxiproxyError} */
export async function jsonOf(body: AsyncIterable<Uint8Array>, mostBytes: number): Promise<unknown> {
  const decoder = new TextDecoder("utf-8");
  let text = "";
  let size = 0;
  try {
    for await (const chunk of body) {
      size += chunk.byteLength;
      if (size > mostBytes) throw new ToxiproxyError(`bad request body: more than ${mostBytes} bytes`, 413);
      text += decoder.decode(chunk, { stream: true });
    }
  } catch (cause) {
    if (cause instanceof ToxiproxyError) throw cause;
    throw badBody(cause instanceof BodyTimeout ? "it took too long" : "it ended early");
  }
  if (text.trim() === "") throw badBody("EOF");
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw badBody((cause as Error).message);
  }
}

/** Keys in lower case. */
function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badBody(`expected ${what} as a JSON object`);
  }
  return new Map(Object.entries(value).map(([key, entry]) => [key.toLowerCase(), entry]));
}

function textIn(fields: Fields, key: string): string | undefined {
  return valueIn(fields, key, (value) => typeof value === "string", "a string");
}

/** `null` is the same as absent. */
function valueIn<Value>(
  fields: Fields,
  key: string,
  isValue: (value: unknown) => value is Value,
  expected: string,
): Value | undefined {
  const value = fields.get(key) ?? undefined;
  if (value === undefined || isValue(value)) return value;
  throw badBody(`expected ${expected} for "${key}"`);
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === "boolean";
}

function isShare(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 1;
}
