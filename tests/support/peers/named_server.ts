/** Upstreams that send their names, and clients that request them. */

import { connect as connectNode } from "node:net";
import { PATIENCE } from "./line_reader.ts";
import { within } from "../program/program.ts";
import {
  connect,
  echo,
  endOf,
  readAll,
  readText,
  tryClose,
  Upstream,
  upstream,
  writeText,
} from "./sockets.ts";

/**
 * One of several equivalent upstreams. It answers NAME with its name, a letter, and echoes from then on; PING is for
 * health checks. It can stop listening, and listen again on the same port.
 */
export class NamedServer implements AsyncDisposable {
  readonly name: string;
  /** The answers to PING: to the first, the second and so on. */
  answer: (ping: number) => string | Promise<string> = () => "+PONG\r\n";
  /** The number of PING and NAME requests so far. */
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

  static async start(name: string): Promise<NamedServer> {
    const member = new NamedServer(name);
    // An open connection reserves the port while nothing listens there.
    member.#holder = await connect(member.#port);
    await askName(member.#holder);
    member.clients = 0;
    return member;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Refuses connections until {@linkcode comeBack}, and resolves when that is in effect; open ones stay. */
  async goDown(): Promise<void> {
    await this.#upstreams.at(-1)!.stopListening();
  }

  comeBack(): void {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: this.#port });
    this.#upstreams.push(new Upstream(listener, (conn) => this.#serve(conn)));
  }

  /** Resolves when there were this many PING requests in all. */
  pinged(times: number): Promise<void> {
    const wait = async () => {
      while (this.pings < times) await this.#pinged.promise;
    };
    return within(PATIENCE, `Check ${times} of ${this.name}`, wait());
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
      await writeText(conn, await this.answer(this.pings));
      return void await readAll(conn);
    }
    this.clients += 1;
    await writeText(conn, this.name);
    await echo(conn);
  }
}

/** Upstreams named by the letters of a word. */
export class NamedServers implements AsyncDisposable {
  readonly all: readonly NamedServer[];

  private constructor(all: readonly NamedServer[]) {
    this.all = all;
  }

  static async start(names: string): Promise<NamedServers> {
    return new NamedServers(await Promise.all([...names].map((name) => NamedServer.start(name))));
  }

  /** Their addresses, quoted for YAML. */
  get endpoints(): string[] {
    return this.all.map(({ address }) => `"${address}"`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.all) await member[Symbol.asyncDispose]();
  }
}

/** Clients that connect at the same time and stay, each with the name of its upstream, empty for refused ones. */
export class Clients implements Disposable {
  #all: readonly { readonly conn: Deno.TcpConn; readonly name: string }[] = [];

  /** Connects one after the other, so that each thread counts the clients of the others before it chooses. */
  static async connectInTurn(port: number, count: number): Promise<Clients> {
    const clients = new Clients();
    for (let number = 0; number < count; number++) {
      const conn = await connect(port);
      clients.#all = [...clients.#all, { conn, name: await askName(conn) }];
    }
    return clients;
  }

  /** Connects all at once. */
  static async connect(port: number, count: number): Promise<Clients> {
    const clients = new Clients();
    clients.#all = await Promise.all(Array.from({ length: count }, async () => {
      const conn = await connect(port);
      return { conn, name: await askName(conn) };
    }));
    return clients;
  }

  /** The number of clients at each upstream. */
  get counts(): Record<string, number> {
    return countsOf(this.#all.map(({ name }) => name));
  }

  /** Resolves with the ends of the connections of those at an upstream. */
  ended(name: string): Promise<string[]> {
    const conns = this.#all.filter((client) => client.name === name).map(({ conn }) => conn);
    return within(PATIENCE, `The end of all of ${name}`, Promise.all(conns.map(endOf)));
  }

  /** Closes the connections of those at an upstream. */
  leave(name: string): void {
    for (const client of this.#all) if (client.name === name) client.conn.close();
    this.#all = this.#all.filter((client) => client.name !== name);
  }

  /** Throws unless every admitted client still gets an echo. */
  async checkAlive(): Promise<void> {
    await Promise.all(
      this.#all.filter(({ name }) => name !== "").map(async ({ conn, name }) => {
        await writeText(conn, name);
        if (await readText(conn, 1) !== name) throw new Error(`No echo from ${name}`);
      }),
    );
  }

  [Symbol.dispose](): void {
    for (const { conn } of this.#all) tryClose(conn);
  }
}

/** Clients that connect one after the other, request the name of their upstream and close. */
export class Visits {
  /** The names of all visits so far; empty for refused ones. */
  readonly names: string[] = [];
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /** Makes this many more visits; returns their names. */
  async make(count: number): Promise<string[]> {
    for (let visit = 0; visit < count; visit++) this.names.push(await answeringServer(this.#port));
    return this.names.slice(-count);
  }

  /** Makes visits until `done` settles. */
  async until<Value>(done: Promise<Value>): Promise<Value> {
    let isDone = false;
    const stop = () => void (isDone = true);
    done.then(stop, stop);
    while (!isDone) await this.make(1);
    return await done;
  }
}

/** How often each name occurs, in alphabetical order. */
export function countsOf(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names.toSorted()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** Which {@linkcode NamedServer} a connection leads to; empty when it ends instead. */
export async function askName(conn: Deno.Conn): Promise<string> {
  try {
    await writeText(conn, "NAME");
    return await readText(conn, 1);
  } catch {
    return "";
  }
}

/** The {@linkcode NamedServer} that a client with this address or port reaches; empty when it is refused. */
export function answeringServer(
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
      // It was closed before it read our request.
      if (error.code !== "ECONNRESET" && error.code !== "EPIPE") reject(error);
    });
    socket.on("close", () => resolve(name));
    socket.write("NAME");
  });
}
