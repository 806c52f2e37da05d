/** A Redis client that returns replies as raw RESP, one character per byte. */

import { Buffer } from "node:buffer";
import { connect, readAll, tryClose, writeAll } from "../../support/peers/sockets.ts";

/** A command and its arguments, one character per byte. */
export type Command = readonly string[];

export class RedisClient implements Disposable {
  readonly #conn: Deno.TcpConn;
  readonly #chunk = new Uint8Array(64 * 1024);
  #received = "";

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  static async connect(port: number): Promise<RedisClient> {
    return new RedisClient(await connect(port));
  }

  /** Sends one command and waits for its reply. */
  async call(...command: Command): Promise<string> {
    return (await this.pipeline([command]))[0]!;
  }

  /** Sends all commands in one go; the replies are read meanwhile. */
  async pipeline(commands: readonly Command[]): Promise<string[]> {
    const sent = writeAll(this.#conn, Buffer.from(commands.map(encode).join(""), "latin1"));
    const [replies] = await Promise.all([this.replies(commands.length), sent]);
    return replies;
  }

  /** The next replies, or messages of a subscription. */
  async replies(count: number): Promise<string[]> {
    const replies: string[] = [];
    while (replies.length < count) {
      const end = await this.#endOfReply(0);
      replies.push(this.#received.slice(0, end));
      this.#received = this.#received.slice(end);
    }
    return replies;
  }

  /** The bytes behind the replies read, up to the end of the connection. */
  async rest(): Promise<string> {
    return this.#received + Buffer.from(await readAll(this.#conn)).toString("latin1");
  }

  [Symbol.dispose](): void {
    tryClose(this.#conn);
  }

  /** Where the reply that begins at `start` ends. */
  async #endOfReply(start: number): Promise<number> {
    const lineEnd = await this.#endOfLine(start);
    const count = Number(this.#received.slice(start + 1, lineEnd));
    if (this.#received[start] === "$") return count < 0 ? lineEnd : await this.#have(lineEnd + count + 2);
    if (this.#received[start] !== "*") return lineEnd;
    let end = lineEnd;
    for (let element = 0; element < count; element++) end = await this.#endOfReply(end);
    return end;
  }

  async #endOfLine(start: number): Promise<number> {
    for (;;) {
      const end = this.#received.indexOf("\r\n", start);
      if (end >= 0) return end + 2;
      await this.#read();
    }
  }

  async #have(length: number): Promise<number> {
    while (this.#received.length < length) await this.#read();
    return length;
  }

  async #read(): Promise<void> {
    const count = await this.#conn.read(this.#chunk);
    if (count === null) {
      throw new Error(`Connection ended within a reply: ${this.#received.slice(0, 80)}`);
    }
    this.#received += Buffer.from(this.#chunk.buffer, 0, count).toString("latin1");
  }
}

/** A value as Redis sends it: a bulk string. */
export function bulk(value: string): string {
  return `$${value.length}\r\n${value}\r\n`;
}

/** An array of bulk strings, which is also the form of a command. */
export function encode(values: readonly string[]): string {
  return `*${values.length}\r\n${values.map(bulk).join("")}`;
}
