/** Receives the datagrams of sd_notify(3), in place of a service manager such as systemd. */

import { eventually } from "../eventually.ts";

export class NotifySocket implements AsyncDisposable {
  readonly heard: string[] = [];
  readonly #socket: Deno.DatagramConn;
  readonly #done: Promise<void>;

  constructor(path: string) {
    this.#socket = Deno.listenDatagram({ transport: "unixpacket", path });
    this.#done = this.#receive();
  }

  async hears(text: string): Promise<void> {
    await eventually(JSON.stringify(text), () => this.heard, (heard) => heard.includes(text));
  }

  async #receive(): Promise<void> {
    // Datagrams come from sockets without a path.
    for await (const [bytes] of this.#socket) this.heard.push(new TextDecoder().decode(bytes));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#done;
  }
}
