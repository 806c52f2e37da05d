/** Clients of a server that echoes, while the proxy before it is replaced. */

import { connect } from "node:net";
import { readAll, readText, writeText } from "../../support/peers/sockets.ts";
import { within } from "../../support/program/program.ts";

const CLIENTS = 8;
const SOON = 60_000;
/** Characters of a message of {@linkcode Conversation}. */
const LENGTH = 8;

interface TcpTarget {
  readonly host: string;
  readonly port: number;
}

/** Clients that connect, get an answer, close, and connect again. */
export class Load {
  readonly failures: string[] = [];
  readonly #address: TcpTarget;
  readonly #clients: Promise<void>[];
  #served = 0;
  #isOver = false;
  #changed = Promise.withResolvers<void>();

  constructor(address: TcpTarget) {
    this.#address = address;
    this.#clients = Array.from({ length: CLIENTS }, () => this.#run());
  }

  /** Resolves when this many more connections have been served. */
  async served(count: number): Promise<void> {
    const wanted = this.#served + count;
    await within(SOON, `${count} connections`, this.#until(wanted));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
  }

  async #until(wanted: number): Promise<void> {
    while (this.#served < wanted) {
      this.#changed = Promise.withResolvers();
      await this.#changed.promise;
    }
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      await this.#connect().catch((error) => this.failures.push(String(error)));
      this.#served += 1;
      this.#changed.resolve();
    }
  }

  #connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.#address, () => socket.end("hello"));
      let answer = "";
      socket.on("data", (bytes) => answer += String(bytes));
      socket.on("error", reject);
      socket.on("close", () => answer === "hello" ? resolve() : reject(new Error(`answered "${answer}"`)));
    });
  }
}

/** A client that sends one message after the other on one connection, and waits for the echo of each. */
export class Conversation implements AsyncDisposable {
  readonly #conn: Deno.TcpConn;
  readonly #loop: Promise<void>;
  #echoes = 0;
  #isOver = false;
  #changed = Promise.withResolvers<void>();

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    this.#loop = this.#talk();
    // The error is that of the next call.
    this.#loop.catch(() => {});
  }

  static async open({ host, port }: TcpTarget): Promise<Conversation> {
    return new Conversation(await Deno.connect({ hostname: host, port }));
  }

  /** Resolves when this many more echoes have come. @throws {Error} when one is wrong, or the connection ends. */
  async goesOn(count: number): Promise<void> {
    const wanted = this.#echoes + count;
    while (this.#echoes < wanted) {
      this.#changed = Promise.withResolvers();
      await within(SOON, "an echo", Promise.race([this.#changed.promise, this.#loop]));
    }
  }

  /** Ends it in order, and resolves when the other side has done so too. @throws {Error} as {@linkcode goesOn}. */
  async end(): Promise<void> {
    this.#isOver = true;
    await within(SOON, "the last echo", this.#loop);
    await this.#conn.closeWrite();
    const { length } = await within(SOON, "the end", readAll(this.#conn));
    if (length > 0) throw new Error(`${length} bytes came after the last echo`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    this.#conn.close();
    await this.#loop.catch(() => {});
  }

  async #talk(): Promise<void> {
    for (let number = 0; !this.#isOver; number++) {
      const message = String(number).padStart(LENGTH);
      await writeText(this.#conn, message);
      const echo = await readText(this.#conn, LENGTH);
      if (echo !== message) throw new Error(`The echo of "${message}" is "${echo}"`);
      this.#echoes += 1;
      this.#changed.resolve();
    }
  }
}
