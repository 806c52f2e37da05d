/** Measures the benefit of a warm pool: clients need not wait for the greeting of a slow upstream. */
import { firstByteTimes } from "./arrivals.ts";
import type { Load } from "./load.ts";
import { POOL_TARGETS } from "../report/names.ts";
import { scriptArgs } from "../targets/script.ts";
import { percentile } from "../report/statistics.ts";
import { listening } from "../targets/running.ts";

/** Far below what the pool can refill: 8 connections, each ready again 5 ms after its replacement was dialled. */
export const ARRIVALS_PER_SECOND = 200;

/** Clients before each measurement, without being counted: the pool runs empty while it has no clients. */
const LEAD_IN = 20;

export const pool: Load = {
  name: "pool",
  needs: [],
  targets: POOL_TARGETS,
  hasTls: false,
  warmUp: { work: ARRIVALS_PER_SECOND },
  upstream: async (processes) => {
    const start = (port: number) =>
      processes.start("greeter", Deno.execPath(), scriptArgs("load/greeter.ts", [port]));
    return (await listening(start)).port;
  },
  async drive(_stage, port, seconds) {
    const count = Math.round(ARRIVALS_PER_SECOND * seconds);
    const times = await firstByteTimes(port, ARRIVALS_PER_SECOND, LEAD_IN + count);
    const counted = times.slice(LEAD_IN);
    const sample = { first_byte_p50_ms: percentile(counted, 50), first_byte_p99_ms: percentile(counted, 99) };
    return { sample, work: count };
  },
  cost: () => ({}),
};
