/** redis-server as an upstream, and redis-benchmark as its clients. */
import { REDIS_BENCHMARK, REDIS_SERVER } from "./programs.ts";
import type { Processes } from "../processes.ts";
import { listening, type Running } from "./running.ts";
import { parseRedisCsv, parseRedisInfo } from "./tool_output.ts";

/** Starts a server that keeps nothing on disk and takes 6 000 clients, 4 096 of them at once. */
export async function startRedisServer(processes: Processes): Promise<Running> {
  const args = (port: number) => [
    ...["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
    ...["--maxclients", 6000, "--tcp-backlog", 4096],
  ];
  const start = (port: number) =>
    processes.start("redis-server", REDIS_SERVER.command, args(port).map(String));
  return await listening(start);
}

/** Sends this many SET requests with values of 3 bytes, from 50 clients that each wait for their answers. */
export async function benchmark(
  processes: Processes,
  port: number,
  count: number,
): Promise<{ rps: number; p50: number; p99: number }> {
  const args = ["-p", port, "-t", "set", "-c", 50, "-n", count, "--csv"].map(String);
  return parseRedisCsv(await processes.run(REDIS_BENCHMARK.command, args, 120_000));
}

/** Reads a server's own figures over one connection. */
export class RedisInfo implements Disposable {
  readonly #conn: Deno.TcpConn;
  readonly #buffer = new Uint8Array(65_536);

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  static async connect(port: number): Promise<RedisInfo> {
    return new RedisInfo(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** The connected clients, including this one, and the commands since the server's start. */
  async read(): Promise<{ clients: number; commands: number }> {
    await this.#conn.write(new TextEncoder().encode("INFO\r\n"));
    // "$", the length in bytes, a line's end, this many bytes, a line's end.
    let text = "";
    for (let length = Infinity; text.length < length;) {
      const count = await this.#conn.read(this.#buffer);
      if (count === null) throw new Error("redis-server closed the connection");
      text += new TextDecoder().decode(this.#buffer.subarray(0, count));
      const head = /^\$(\d+)\r\n/.exec(text);
      if (head) length = head[0].length + Number(head[1]) + 2;
    }
    return parseRedisInfo(text);
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }
}
