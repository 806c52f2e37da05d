/** A name server on a free UDP port that knows one name, with addresses from the test. */

import { createSocket, type Socket } from "node:dgram";
import type { TcpAddress } from "../../../src/net/address.ts";

/** RFC 1035: a header of this many bytes, the type of an IPv4 address, the class of the internet. */
const HEADER = 12;
const A = 1;
const IN = 1;
/** The position of the question, to which a name in the answer refers. */
const SAME_NAME = [0xc0, HEADER];

export class NameServer implements AsyncDisposable {
  readonly #socket: Socket;
  /** The IPv4 addresses. All other questions get an empty answer. */
  addresses: readonly string[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (question, from) => socket.send(this.#answer(question), from.port, from.address));
  }

  static async start(): Promise<NameServer> {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    return new NameServer(socket);
  }

  get address(): TcpAddress {
    return { transport: "tcp", hostname: "127.0.0.1", port: this.#socket.address().port };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }

  #answer(query: Uint8Array): Uint8Array {
    let end = HEADER;
    while (query[end] !== 0) end += query[end]! + 1;
    const type = query[end + 1]! << 8 | query[end + 2]!;
    const question = query.subarray(HEADER, end + 5);
    const records = type === A ? this.addresses : [];
    const answers = records.flatMap((address) => [
      ...SAME_NAME,
      ...[0, A, 0, IN],
      // Its TTL is 0, and it has four bytes.
      ...[0, 0, 0, 0],
      ...[0, 4],
      ...address.split(".").map(Number),
    ]);
    const header = [query[0]!, query[1]!, 0x81, 0x80, 0, 1, 0, records.length, 0, 0, 0, 0];
    return new Uint8Array([...header, ...question, ...answers]);
  }
}
