/** A server without session state: each line is a request, whose answer depends on nothing else. */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { connect, readAll, Upstream, upstream, writeAll, writeText } from "./sockets.ts";

/** The options of a request, besides its own answer. */
export interface Wish {
  /** Length of the answer in bytes. */
  readonly size?: number;
  /** The delay of the answer, in milliseconds. */
  readonly after?: number;
}

let lastId = 0;

/** A request that has not been made before. */
export function makeRequest({ size = 100, after = 0 }: Wish = {}): string {
  return `${++lastId} ${size} ${after}\n`;
}

export function answerTo(request: string): Uint8Array {
  const size = Number(request.split(" ")[1]);
  return Buffer.alloc(size, createHash("sha256").update(request.trimEnd()).digest());
}

/** It ends a connection after the client has. */
export class RequestServer implements AsyncDisposable {
  readonly #upstream: Upstream;
  readonly #open = new Set<Deno.TcpConn>();
  /** Connections so far, and those of which the client has ended or broken its side. */
  accepted = 0;
  ended = 0;

  constructor() {
    this.#upstream = upstream(async (conn) => {
      this.accepted += 1;
      this.#open.add(conn);
      // Otherwise the kernel would hold back unrequested bytes until the next request acknowledges the last answer.
      conn.setNoDelay(true);
      await serve(conn).catch(() => {});
      this.#open.delete(conn);
      this.ended += 1;
    });
  }

  get address(): string {
    return this.#upstream.address;
  }

  /** Sends unrequested bytes over every connection. */
  async sendUnsolicited(text: string): Promise<void> {
    await Promise.all([...this.#open].map((conn) => writeText(conn, text)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#upstream[Symbol.asyncDispose]();
  }
}

/** Makes one request and ends its side, at once or after the whole answer; returns everything that it received. */
export async function ask(port: number, request: string, end: "at once" | "answered"): Promise<Uint8Array> {
  using client = await connect(port);
  await writeText(client, request);
  if (end === "at once") {
    await client.closeWrite();
    return await readAll(client);
  }
  const answer = await readBytes(client, answerTo(request).byteLength);
  await client.closeWrite();
  return Buffer.concat([answer, await readAll(client)]);
}

export async function readBytes(conn: Deno.Conn, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  for (let filled = 0; filled < size;) {
    const count = await conn.read(bytes.subarray(filled));
    if (count === null) return bytes.subarray(0, filled);
    filled += count;
  }
  return bytes;
}

async function serve(conn: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(4096);
  let received = "";
  for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
    received += new TextDecoder().decode(buffer.subarray(0, count));
    for (let end = received.indexOf("\n"); end >= 0; end = received.indexOf("\n")) {
      const request = received.slice(0, end + 1);
      received = received.slice(end + 1);
      const after = Number(request.split(" ")[2]);
      if (after > 0) await pause(after);
      await writeAll(conn, answerTo(request));
    }
  }
}
