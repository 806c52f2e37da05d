/** Writes an answer to a request. */

import type { IncomingMessage, ServerResponse } from "node:http";

/** Resolves when all of it was passed to the connection, or the client has disconnected. Never rejects. */
export async function writeAnswer(
  response: Response,
  request: IncomingMessage,
  to: ServerResponse,
): Promise<void> {
  // After an early answer, the rest of the request would have to be read before the next one.
  if (!request.complete) to.setHeader("connection", "close");
  for (const [name, value] of response.headers) to.setHeader(name, value);
  to.statusCode = response.status;
  if (isStream(response)) return await writeStream(response.body!, request, to);
  const body = new Uint8Array(await response.arrayBuffer());
  to.setHeader("content-length", body.byteLength);
  to.end(request.method === "HEAD" ? undefined : body);
}

/** Whether it ends only when the client disconnects or the program stops. */
export function isStream(response: Response): boolean {
  return response.headers.get("content-type") === "text/event-stream";
}

async function writeStream(
  body: ReadableStream<Uint8Array>,
  request: IncomingMessage,
  to: ServerResponse,
): Promise<void> {
  const reader = body.getReader();
  // It may stay open for days, and a proxy on the path must not buffer it.
  to.setHeader("connection", "close");
  to.flushHeaders();
  const gone = new Promise<void>((resolve) => to.once("close", resolve));
  void gone.then(() => reader.cancel()).catch(() => {});
  if (request.method === "HEAD" || to.destroyed) {
    await reader.cancel();
    to.end();
    return;
  }
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    // Reads from the stream only when the connection has room.
    if (!to.write(piece.value)) {
      await Promise.race([new Promise((resolve) => to.once("drain", resolve)), gone]);
    }
  }
  to.end();
}
