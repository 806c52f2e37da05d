/** A request as node:http reads it, in the form that handlers take. */

import type { IncomingMessage } from "node:http";

export interface AdminRequest {
  readonly method: string;
  /** As it was sent: path and query, or a whole URL. */
  readonly target: string;
  /** A header that was sent twice keeps both values. */
  readonly headers: Headers;
  /** Rejects when the client ends early, and with a {@linkcode BodyTimeout}. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** A body took too long. */
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
