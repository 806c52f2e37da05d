/** The body of a request: JSON, and not much of it. */

import { ApiError } from "../api_error.ts";
import { type AdminRequest, BodyTimeout } from "./request.ts";

/** Bytes. */
export const MAX_BODY = 64 * 1024;

/**
 * The JSON value in a request's body; undefined when it is empty.
 *
 * @throws {ApiError} `body_too_large`, `body_timeout`, `bad_body`, `not_json`, `bad_json`
 */
export async function readJson(request: AdminRequest): Promise<unknown> {
  if (Number(request.headers.get("content-length")) > MAX_BODY) throw tooLarge();
  const bytes = await readBytes(request);
  if (bytes.byteLength === 0) return undefined;
  // Forms of web pages cannot send this type without asking first (a CORS preflight).
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
    if (cause instanceof BodyTimeout) throw new ApiError("body_timeout", "The body took too long to come");
    throw new ApiError("bad_body", "The body ended too early");
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

function tooLarge(): ApiError {
  return new ApiError("body_too_large", `The body has more than ${MAX_BODY} bytes`);
}
