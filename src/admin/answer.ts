/** Writes an answer to a request. */

import type { IncomingMessage, ServerResponse } from "node:http";

/** Resolves when all of it was handed to the connection, or the client has gone. Never rejects. */
export async function writeAnswer(
  response: Response,
  request: IncomingMessage,
  to: ServerResponse,
): Promise<void> {
  // What is left of a request that was answered early would have to be read first.
  if (!request.complete) to.setHeader("connection", "close");
  for (const [name, value] of response.headers) to.setHeader(name, value);
  to.statusCode = response.status;
  if (isStream(response)) return await writeStream(response.body!, request, to);
  const body = new Uint8Array(await response.arrayBuffer());
  to.setHeader("content-length", body.byteLength);
  to.end(request.method === "HEAD" ? undefined : body);
}

/** Whether it ends only when the client goes or the program stops. */
export function isStream(response: Response): boolean {
  return response.headers.get("content-type") === "text/event-stream";
}

async function writeStream(
  body: ReadableStream<Uint8Array>,
  request: IncomingMessage,
  to: ServerResponse,
): Promise<void> {
  const reader = body.getReader();
  // It may be open for days, and a proxy on the way must not wait for its end.
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
    // Nothing is taken out of the stream before the connection has room for it.
    if (!to.write(piece.value)) {
      await Promise.race([new Promise((resolve) => to.once("drain", resolve)), gone]);
    }
  }
  to.end();
}
