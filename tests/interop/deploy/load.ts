/** Clients of a server that echoes, while the proxy before it is replaced. */

import { connect } from "node:net";
import { within } from "../../support/program/program.ts";

const CLIENTS = 4;
const SOON = 60_000;

/** Clients that connect, get an answer, close, and connect again. */
export class Load {
  readonly failures: string[] = [];
  readonly #address: { readonly host: string; readonly port: number };
  readonly #clients: Promise<void>[];
  #served = 0;
  #isOver = false;
  #changed = Promise.withResolvers<void>();

  constructor(address: { readonly host: string; readonly port: number }) {
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
