/** Measures how late answers are at a steady rate that every proxy here can easily sustain. */
import type { Load } from "./load.ts";
import { PLAIN_TARGETS } from "../report/names.ts";
import type { Figures } from "./open_loop.ts";
import { REDIS_BENCHMARK, REDIS_SERVER } from "../targets/programs.ts";
import { benchmark, startRedisServer } from "../targets/redis.ts";
import { scriptArgs } from "../targets/script.ts";
import { ROOT } from "../targets/sluice.ts";

/** Requests a second. */
export const STEADY_RATE = 5000;

/** The client is a process of its own, so nothing else in the bench can delay it. */
export const latency: Load = {
  name: "latency",
  needs: [REDIS_SERVER, REDIS_BENCHMARK],
  targets: PLAIN_TARGETS,
  hasTls: false,
  warmUp: {
    work: 400_000,
    by: async (processes, port, seconds) => {
      const count = Math.round(20_000 * seconds);
      await benchmark(processes, port, count);
      return { sample: {}, work: count };
    },
  },
  upstream: async (processes) => (await startRedisServer(processes)).port,
  async drive(processes, port, seconds) {
    const count = Math.round(STEADY_RATE * seconds);
    const args = scriptArgs("load/open_loop.ts", [port, STEADY_RATE, count], [
      `--allow-read=${ROOT}tests/bench`,
    ]);
    const { p50, p99, p999, delayP99 }: Figures = JSON.parse(
      await processes.run(Deno.execPath(), args, seconds * 1000 + 30_000),
    );
    const sample = {
      steady_p50_ms: p50,
      steady_p99_ms: p99,
      steady_p999_ms: p999,
      steady_late_p99_ms: delayP99,
    };
    return { sample, work: count + STEADY_RATE / 2 };
  },
  cost: (cpuMs, work) => ({ steady_cpu_us_per_request: cpuMs * 1000 / work }),
};
