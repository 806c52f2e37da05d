/** What a load is, and the three that are driven by programs made for it. */
import { smallHttp, startNginx } from "./nginx.ts";
import { type LoadName, PLAIN_TARGETS, type TargetName } from "./options.ts";
import { AB, IPERF3, NGINX, type Program, REDIS_BENCHMARK, REDIS_SERVER } from "./programs.ts";
import type { Stage } from "./stage.ts";
import { listening } from "./targets.ts";
import type { Sample } from "./samples.ts";

/** One run of a load. */
export interface Driven {
  readonly sample: Sample;
  /** How much was done in units of the cost column: GB, requests, connections. */
  readonly work: number;
}

export interface Load {
  readonly name: LoadName;
  readonly needs: readonly Program[];
  readonly targets: readonly TargetName[];
  /** Starts what the proxies stand before and returns its port. */
  upstream(stage: Stage): Promise<number>;
  drive(stage: Stage, port: number, seconds: number): Promise<Driven>;
  /** The sample for the proxy's own CPU time per unit of work; empty where it is too little to tell. */
  cost(cpuMs: number, work: number): Sample;
}

/** iperf3: one stream, as fast as it goes, from client to server. */
export const bulk: Load = {
  name: "bulk",
  needs: [IPERF3],
  targets: PLAIN_TARGETS,
  upstream: async (stage) => {
    const args = (port: number) => ["-s", "-B", "127.0.0.1", "-p", String(port)];
    return (await listening((port) => stage.start("iperf3", IPERF3.command, args(port)))).port;
  },
  async drive(stage, port, seconds) {
    const args = ["-c", "127.0.0.1", "-p", String(port), "-t", String(seconds), "-J"];
    const run = () => stage.run(IPERF3.command, args, seconds * 1000 + 20_000);
    // Its server takes one client at a time and may still be busy with the last one's farewell.
    const text = await run().catch(run);
    const { bits_per_second, bytes } = Object(JSON.parse(text)).end.sum_received;
    return { sample: { gbit_per_s: number(bits_per_second) / 1e9 }, work: number(bytes) / 1e9 };
  },
  cost: (cpuMs, work) => ({ cpu_ms_per_gb: cpuMs / work }),
};

/** redis-benchmark: 50 clients, each waiting for its answer before it asks again. */
export function requests(): Load {
  // It takes a number of requests, not a duration; the best rate seen on a port tells how many will do.
  const rates = new Map<number, number>();
  return {
    name: "requests",
    needs: [REDIS_SERVER, REDIS_BENCHMARK],
    targets: PLAIN_TARGETS,
    upstream: async (stage) => {
      const args = (
        port: number,
      ) => ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
      const start = (port: number) =>
        stage.start("redis-server", REDIS_SERVER.command, args(port).map(String));
      return (await listening(start)).port;
    },
    async drive(stage, port, seconds) {
      const best = rates.get(port) ?? 20_000;
      const count = Math.round(best * seconds);
      const args = ["-p", port, "-t", "set", "-c", 50, "-n", count, "--csv"].map(String);
      const { rps, p50, p99 } = parseRedisCsv(await stage.run(REDIS_BENCHMARK.command, args, 120_000));
      rates.set(port, Math.max(rps, best));
      return { sample: { requests_per_s: rps, p50_ms: p50, p99_ms: p99 }, work: count };
    },
    cost: (cpuMs, work) => ({ cpu_us_per_request: cpuMs * 1000 / work }),
  };
}

/** ab: 50 at a time, each request on a connection of its own. */
export const connections: Load = {
  name: "connections",
  needs: [AB, NGINX],
  targets: PLAIN_TARGETS,
  upstream: async (stage) =>
    (await listening((port) => startNginx(stage, "nginx (http)", smallHttp(port)))).port,
  async drive(stage, port, seconds) {
    // -t implies -n 50000, so a larger -n has to follow it.
    const args = ["-q", "-c", "50", "-t", String(seconds), "-n", "500000", `http://127.0.0.1:${port}/`];
    const text = await stage.run(AB.command, args, seconds * 1000 + 60_000);
    const failed = figure(text, /Failed requests:\s+(\d+)/);
    if (failed > 0) throw new Error(`ab: ${failed} requests failed`);
    const sample = { connections_per_s: figure(text, /Requests per second:\s+([\d.]+)/) };
    return { sample, work: figure(text, /Complete requests:\s+(\d+)/) };
  },
  cost: (cpuMs, work) => ({ cpu_us_per_connection: cpuMs * 1000 / work }),
};

/** Reads `redis-benchmark --csv`; names of the columns come in its first line. */
function parseRedisCsv(text: string): { rps: number; p50: number; p99: number } {
  const rows = text.trim().split("\n").map((line) =>
    line.split(",").map((cell) => cell.trim().replaceAll('"', ""))
  );
  const names = rows.find((row) => row[0] === "test");
  const values = rows.find((row) => row[0] === "SET");
  if (!names || !values) {
    throw new Error("redis-benchmark printed no CSV with column names (it needs version 6.2)");
  }
  const column = (name: string) => number(Number(values[names.indexOf(name)]));
  return { rps: column("rps"), p50: column("p50_latency_ms"), p99: column("p99_latency_ms") };
}

function figure(text: string, pattern: RegExp): number {
  return number(Number(pattern.exec(text)?.[1]));
}

function number(value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new Error("a figure is missing in the output");
  }
  return value;
}
