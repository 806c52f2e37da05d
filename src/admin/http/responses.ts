/** Responses: made from values, and written to a connection. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import type { ApiError } from "../api_error.ts";

/** Allows only what the page needs: its own scripts, styles and requests, and inline images. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** A value as JSON, with a final newline for terminals. */
export function json(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value) + "\n", {
    status,
    headers: { "content-type": "application/json" },
  });
}

export function errorResponse({ code, message, problems, status, headers }: ApiError): Response {
  const response = json({ error: { code, message, problems } }, status);
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
  return response;
}

/** Adds headers that restrict browsers. */
export function withSecurityHeaders(response: Response): Response {
  for (const [name, value] of Object.entries(HEADERS)) response.headers.set(name, value);
  return response;
}

/** Resolves when the response is written to the connection, or the client has disconnected. Never rejects. */
export async function writeResponse(
  response: Response,
  request: IncomingMessage,
  to: ServerResponse,
): Promise<void> {
  // After an early response, the rest of the request would have to be read before the next one.
  if (!request.complete) to.setHeader("connection", "close");
  for (const [name, value] of response.headers) to.setHeader(name, value);
  to.statusCode = response.status;
  if (isStream(response)) return await writeStream(response.body!, request, to);
  const body = new Uint8Array(await response.arrayBuffer());
  to.setHeader("content-length", body.byteLength);
  to.end(request.method === "HEAD" ? undefined : body);
}

/** Whether it ends only when the client disconnects or the program stops: an event stream. */
export function isStream(response: Response): boolean {
  return response.headers.get("content-type") === "text/event-stream";
}

async function writeStream(
  body: ReadableStream<Uint8Array>,
  request: IncomingMessage,
  to: ServerResponse,
): Promise<void> {
  // It may stay open for days, and a proxy on the path must not buffer it.
  to.setHeader("connection", "close");
  to.flushHeaders();
  if (request.method === "HEAD") {
    await body.cancel();
    to.end();
    return;
  }
  // Reads from the stream only when the connection has room, and cancels it when the client has disconnected.
  await pipeline(Readable.fromWeb(body as NodeReadableStream, { highWaterMark: 1 }), to).catch(() => {});
}
