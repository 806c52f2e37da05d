/** A request as handlers take it, from what node:http reads. */

import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { ApiError } from "../api_error.ts";

export interface AdminRequest {
  readonly method: string;
  /** As the client sent it: path and query, or a whole URL. */
  readonly target: string;
  /** A repeated header keeps all values. */
  readonly headers: Headers;
  /** Rejects when the client ends early, and with a {@linkcode BodyTimeout}. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** The body took too long. */
export class BodyTimeout extends Error {
  override readonly name = "BodyTimeout";
}

/** @param bodyExpired Rejects when the body has taken too long. */
export function requestOf(message: IncomingMessage, bodyExpired: Promise<never>): AdminRequest {
  const headers = new Headers();
  const { rawHeaders } = message;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    headers.append(rawHeaders[index]!, rawHeaders[index + 1]!);
  }
  return { method: message.method!, target: message.url!, headers, body: bodyOf(message, bodyExpired) };
}

async function* bodyOf(message: IncomingMessage, expired: Promise<never>): AsyncGenerator<Uint8Array> {
  // Destroying the request would close the connection before the answer.
  const pieces = message.iterator({ destroyOnReturn: false });
  for (;;) {
    const piece = await Promise.race([pieces.next(), expired]);
    if (piece.done) return;
    yield piece.value;
  }
}

/** The path and query of a request's target; undefined for `*` and for an invalid URL. */
export function urlOf(target: string): URL | undefined {
  const text = target.startsWith("/") ? `http://admin${target}` : target;
  return URL.canParse(text) ? new URL(text) : undefined;
}

/** The longest text from a client in log lines and messages, in characters. */
const MAX_SHOWN = 200;

/** The text, truncated to 200 characters. */
export function shortened(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN - 1)}…`;
}

/** The largest body, in bytes. */
const MAX_BODY = 64 * 1024;

/**
 * The JSON value in a request's body; undefined when it is empty.
 *
 * @throws {ApiError} `body_too_large`, `body_timeout`, `bad_body`, `not_json`, `bad_json`
 */
export async function readJson(request: AdminRequest): Promise<unknown> {
  if (Number(request.headers.get("content-length")) > MAX_BODY) throw tooLarge();
  const bytes = await readBytes(request);
  if (bytes.byteLength === 0) return undefined;
  // Forms of web pages cannot send this type without a CORS preflight.
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/json *(;|$)/i.test(type)) {
    throw new ApiError("not_json", `Send the body as "Content-Type: application/json"`);
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new ApiError("bad_json", `Cannot parse the body as JSON: ${(cause as Error).message}`);
  }
}

async function readBytes(request: AdminRequest): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of request.body) {
      size += chunk.byteLength;
      if (size > MAX_BODY) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof ApiError) throw cause;
    if (cause instanceof BodyTimeout) throw new ApiError("body_timeout", "The body took too long");
    throw new ApiError("bad_body", "The connection ended before the body was complete");
  }
  return Buffer.concat(chunks);
}

function tooLarge(): ApiError {
  return new ApiError("body_too_large", `The body has more than ${MAX_BODY} bytes`);
}
