/** Upstreams that tell who they are, and clients that ask them. */

import { connect as connectNode } from "node:net";
import { connect, echo, readAll, readText, tryClose, Upstream, upstream, writeText } from "./sockets.ts";

/**
 * One of several upstreams that stand in for each other. It answers NAME with its name, a letter, and echoes from then
 * on; PING is for health checks. It can stop listening and come back on the same port.
 */
export class Member implements AsyncDisposable {
  readonly name: string;
  /** What PING is answered, the first, the second and so on. */
  answer: (ping: number) => string = () => "+PONG\r\n";
  /** How often PING and NAME came so far. */
  pings = 0;
  clients = 0;
  readonly #upstreams: Upstream[];
  readonly #port: number;
  #holder: Deno.TcpConn | undefined;
  #pinged = Promise.withResolvers<void>();

  private constructor(name: string) {
    this.name = name;
    this.#upstreams = [upstream((conn) => this.#serve(conn))];
    this.#port = this.#upstreams[0]!.port;
  }

  static async start(name: string): Promise<Member> {
    const member = new Member(name);
    // As long as a connection has it, nobody is given the port while nothing listens there.
    member.#holder = await connect(member.#port);
    await askName(member.#holder);
    member.clients = 0;
    return member;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Refuses connections until {@linkcode comeBack}; those that are open stay. */
  goDown(): void {
    this.#upstreams.at(-1)!.stopListening();
  }

  comeBack(): void {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: this.#port });
    this.#upstreams.push(new Upstream(listener, (conn) => this.#serve(conn)));
  }

  /** Resolves once PING has come so many times in all. */
  async pinged(times: number): Promise<void> {
    while (this.pings < times) await this.#pinged.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#holder !== undefined) tryClose(this.#holder);
    for (const each of this.#upstreams) await each[Symbol.asyncDispose]();
  }

  async #serve(conn: Deno.TcpConn): Promise<void> {
    if (await readText(conn, 4) === "PING") {
      this.pings += 1;
      this.#pinged.resolve();
      this.#pinged = Promise.withResolvers();
      await writeText(conn, this.answer(this.pings));
      return void await readAll(conn);
    }
    this.clients += 1;
    await writeText(conn, this.name);
    await echo(conn);
  }
}

/** Which {@linkcode Member} a connection leads to; empty when it ends instead. */
export async function askName(conn: Deno.Conn): Promise<string> {
  try {
    await writeText(conn, "NAME");
    return await readText(conn, 1);
  } catch {
    return "";
  }
}

/** Which {@linkcode Member} a client gets to from an address or port of its choice; empty when it is turned away. */
export function whoAnswers(
  port: number,
  from: { host?: string; localAddress?: string; localPort?: number } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    let name = "";
    const socket = connectNode({ host: "127.0.0.1", port, ...from });
    socket.setEncoding("latin1");
    socket.on("data", (text) => {
      name += text;
      socket.destroy();
    });
    socket.on("end", () => socket.destroy());
    socket.on("error", (error: Error & { code?: string }) => {
      // Closed with our question unread.
      if (error.code !== "ECONNRESET" && error.code !== "EPIPE") reject(error);
    });
    socket.on("close", () => resolve(name));
    socket.write("NAME");
  });
}
