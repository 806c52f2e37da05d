/** The loads in plain TCP that use ready-made load generators. */
import type { Load } from "./load.ts";
import {
  FAULT_TARGETS,
  type LoadName,
  RELAY_TARGETS,
  SPAN_TARGETS,
  THREADED_TARGETS,
} from "../report/names.ts";
import { smallHttp, startNginx } from "../targets/nginx.ts";
import { AB, IPERF3, NGINX, REDIS_BENCHMARK, REDIS_SERVER } from "../targets/programs.ts";
import { benchmark, startRedisServer } from "../targets/redis.ts";
import type { Sample } from "../report/samples.ts";
import type { Processes } from "../processes.ts";
import { listening } from "../targets/running.ts";
import { parseAb, parseIperf } from "../targets/tool_output.ts";

const BULK_TARGETS = [...new Set([...RELAY_TARGETS, ...FAULT_TARGETS])];
const BULK8_TARGETS = [...RELAY_TARGETS, ...THREADED_TARGETS];
const ALL_TARGETS = [...BULK_TARGETS, ...THREADED_TARGETS];

/** iperf3: as fast as it goes, from client to server. */
function iperf(
  name: LoadName,
  streams: number,
  targets: Load["targets"],
  sample: (gbitPerS: number) => Sample,
  cost: (cpuMsPerGb: number) => Sample,
): Load {
  return {
    name,
    needs: [IPERF3],
    targets,
    hasTls: false,
    warmUp: { work: 4 },
    upstream: async (processes) => {
      const args = (port: number) => ["-s", "-B", "127.0.0.1", "-p", String(port)];
      return (await listening((port) => processes.start("iperf3", IPERF3.command, args(port)))).port;
    },
    async drive(processes, port, seconds) {
      // It takes whole seconds only.
      const length = ["-P", String(streams), "-t", String(Math.ceil(seconds))];
      const args = ["-c", "127.0.0.1", "-p", String(port), ...length, "-J"];
      const run = () => processes.run(IPERF3.command, args, seconds * 1000 + 20_000);
      // Its server takes one client at a time, and may still be busy closing the last one.
      const { gbitPerS, gb } = parseIperf(await run().catch(run));
      return { sample: sample(gbitPerS), work: gb };
    },
    cost: (cpuMs, work) => cost(cpuMs / work),
  };
}

export const bulk: Load = iperf(
  "bulk",
  1,
  BULK_TARGETS,
  (gbit_per_s) => ({ gbit_per_s }),
  (cpu_ms_per_gb) => ({ cpu_ms_per_gb }),
);

export const bulk8: Load = iperf(
  "bulk8",
  8,
  BULK8_TARGETS,
  (gbit_per_s_8) => ({ gbit_per_s_8 }),
  (cpu_ms_per_gb_8) => ({ cpu_ms_per_gb_8 }),
);

/** redis-benchmark: 50 clients, each waiting for its answer before it asks again. */
export function requests(): Load {
  // It takes a number of requests, not a duration; the best rate seen on a port determines how many will do.
  const rates = new Map<number, number>();
  return {
    name: "requests",
    needs: [REDIS_SERVER, REDIS_BENCHMARK],
    targets: ALL_TARGETS,
    hasTls: false,
    warmUp: { work: 400_000 },
    upstream: async (processes) => (await startRedisServer(processes)).port,
    async drive(processes, port, seconds) {
      const best = rates.get(port) ?? 20_000;
      const count = Math.round(best * seconds);
      const { rps, p50, p99 } = await benchmark(processes, port, count);
      rates.set(port, Math.max(rps, best));
      return { sample: { requests_per_s: rps, p50_ms: p50, p99_ms: p99 }, work: count };
    },
    cost: (cpuMs, work) => ({ cpu_us_per_request: cpuMs * 1000 / work }),
  };
}

/** An HTTP server for ab, which closes after each answer; returns its port. */
export async function startSmallHttp(processes: Processes): Promise<number> {
  return (await listening((port) => startNginx(processes, "nginx (http)", smallHttp(port)))).port;
}

/** ab: 50 at a time, each request on a connection of its own. */
export const connections: Load = {
  name: "connections",
  needs: [AB, NGINX],
  targets: [...new Set([...ALL_TARGETS, ...SPAN_TARGETS])],
  hasTls: false,
  warmUp: { work: 25_000 },
  upstream: startSmallHttp,
  async drive(processes, port, seconds) {
    const { perSecond, complete } = await runAb(processes, 50, seconds, [`http://127.0.0.1:${port}/`]);
    return { sample: { connections_per_s: perSecond }, work: complete };
  },
  cost: (cpuMs, work) => ({ cpu_us_per_connection: cpuMs * 1000 / work }),
};

/** ab with this many clients for so long; it takes whole seconds only. */
export async function runAb(processes: Processes, clients: number, seconds: number, args: string[]) {
  // -t implies -n 50000, so a larger -n has to follow it.
  const length = ["-t", String(Math.ceil(seconds)), "-n", "500000"];
  return parseAb(
    await processes.run(
      AB.command,
      ["-q", "-c", String(clients), ...length, ...args],
      seconds * 1000 + 60_000,
    ),
  );
}
