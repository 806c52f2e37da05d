/** Measures how requests, their CPU time and the memory depend on the number of connections. */
import type { Trial } from "./load.ts";
import type { Growth } from "../options.ts";
import { CpuClock, memoryKb } from "../proc.ts";
import { REDIS_BENCHMARK, REDIS_SERVER } from "../targets/programs.ts";
import { benchmark, RedisInfo, startRedisServer } from "../targets/redis.ts";
import type { Sample } from "../report/samples.ts";
import type { Processes } from "../processes.ts";
import type { Running } from "../targets/running.ts";
import { pause, waitUntil } from "../wait.ts";

const WARM_UP_REQUESTS = 400_000;
const DEADLINE_MS = 30_000;

/** Long enough to outlast the measurement. */
const MORE_REQUESTS_THAN_EVER = 2_000_000_000;

/** Clients of redis-benchmark: all connected, each asking again as soon as it has its answer. */
export const growth: Trial = {
  name: "growth",
  needs: [REDIS_SERVER, REDIS_BENCHMARK],
  targets: ["direct", "sluice", "haproxy", "nginx"],
  async measure(processes, start, { growth, seconds, warmUpShare }, warmsUp) {
    const redis = await startRedisServer(processes);
    const running = await start(processes, redis.port, null);
    using info = await RedisInfo.connect(redis.port);
    try {
      const share = warmsUp ? warmUpShare : warmUpShare / 10;
      await benchmark(processes, running.port, Math.round(WARM_UP_REQUESTS * share));
      const samples: Sample[] = [];
      for (const connections of growth) {
        samples.push(await measureWith(connections, processes, running, info, seconds / 2));
      }
      return Object.assign({}, ...samples);
    } finally {
      await running.stop();
      await redis.stop();
    }
  },
};

/** redis-server counts the requests over a time in which all clients are connected, so connecting does not count. */
async function measureWith(
  connections: Growth,
  processes: Processes,
  { pid, port, forks }: Running,
  info: RedisInfo,
  seconds: number,
): Promise<Sample> {
  const args = ["-p", port, "-t", "set", "-c", connections, "-n", MORE_REQUESTS_THAN_EVER, "-q"].map(String);
  const clients = processes.start("redis-benchmark", REDIS_BENCHMARK.command, args);
  try {
    await reached(info, ({ clients }) => clients > connections, clients.obituary);
    const { commands } = await info.read();
    await reached(info, (now) => now.commands > commands + 5 * connections, clients.obituary);
    const clock = pid === null ? undefined : new CpuClock(pid, forks);
    const cpu = () => clock?.readMs() ?? 0;
    const before = { at: performance.now(), cpu: cpu(), commands: (await info.read()).commands };
    await pause(seconds * 1000);
    const requests = (await info.read()).commands - before.commands;
    const cpuUs = (cpu() - before.cpu) * 1000;
    const rate = requests / (performance.now() - before.at) * 1000;
    if (pid === null) return { [`requests_per_s_with_${connections}`]: rate };
    return {
      [`requests_per_s_with_${connections}`]: rate,
      [`cpu_us_per_request_with_${connections}`]: cpuUs / requests,
      [`memory_mb_with_${connections}`]: memoryKb(pid, forks) / 1024,
    };
  } finally {
    await clients.stop();
    await reached(info, ({ clients }) => clients === 1, () => "");
  }
}

type Figures = Awaited<ReturnType<RedisInfo["read"]>>;

async function reached(
  info: RedisInfo,
  condition: (figures: Figures) => boolean,
  obituary: () => string,
): Promise<void> {
  const isThere = await waitUntil(
    async () => obituary() !== "" || condition(await info.read()),
    DEADLINE_MS,
  );
  if (obituary() !== "") throw new Error(obituary());
  if (!isThere) throw new Error("redis-server did not see all connections within 30 s");
}
