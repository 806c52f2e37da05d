/** Sends datagrams to a unix socket, such as that of a service manager. */

import { systemPath, type UnixAddress } from "../address.ts";

export class DatagramSender implements Disposable {
  readonly #socket: Deno.DatagramConn;
  readonly #to: Deno.UnixAddr;

  private constructor(socket: Deno.DatagramConn, to: Deno.UnixAddr) {
    this.#socket = socket;
    this.#to = to;
  }

  /**
   * Needs Linux, whose abstract names leave no file behind, and `--unstable-net`: without that flag, Deno would end the
   * process (exit code 70) at the attempt, and does not define the function.
   *
   * @throws {TypeError} where there is no such socket.
   */
  static to(address: UnixAddress): DatagramSender {
    if (Deno.build.os !== "linux" || typeof Deno.listenDatagram !== "function") {
      throw new TypeError("Deno has no unix datagram sockets here (Linux and --unstable-net are needed)");
    }
    // Deno requires a name for the socket; the receiver does not need it.
    const own = `\0sluice-${Deno.pid}-${crypto.randomUUID()}`;
    const socket = Deno.listenDatagram({ transport: "unixpacket", path: own });
    return new DatagramSender(socket, { transport: "unixpacket", path: systemPath(address) });
  }

  /** Sends one datagram. Rejects when no socket receives there. Waits while the receiver's queue is full. */
  async send(text: string): Promise<void> {
    await this.#socket.send(new TextEncoder().encode(text), this.#to);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
