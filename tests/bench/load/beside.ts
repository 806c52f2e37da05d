/** Measures how long small requests take while the same proxy moves as much bulk as it can. */
import type { Load } from "./load.ts";
import { PLAIN_TARGETS } from "../report/names.ts";
import { writtenBytes } from "../proc.ts";
import { SOCAT } from "../targets/programs.ts";
import { ROOT } from "../targets/sluice.ts";
import type { Processes, Started } from "../processes.ts";
import { percentile } from "../report/statistics.ts";
import { listening } from "../targets/running.ts";
import { waitUntil } from "../wait.ts";

const STREAMS = 8;
const CLIENTS = 4;
const SENT_BEFORE = 64 * 1024 * 1024;

/**
 * The clients run in this process and wait for each answer. Senders and receivers of bulk are processes of their own,
 * and faster than any of the proxies: they move 128 and 256 KiB per system call and do nothing with the bytes.
 */
export const beside: Load = {
  name: "beside",
  needs: [SOCAT],
  targets: PLAIN_TARGETS,
  hasTls: false,
  warmUp: { work: 2000 },
  upstream: async (processes) => {
    const serve = `EXEC:sh ${ROOT}tests/bench/targets/both_ends.sh,nofork`;
    const listen = (port: number) => `TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr,backlog=4096`;
    const start = (port: number) =>
      processes.start("socat (both ends)", SOCAT.command, [listen(port), serve]);
    return (await listening(start)).port;
  },
  async drive(processes, port, seconds) {
    const senders = Array.from({ length: STREAMS }, () => sender(processes, port));
    try {
      await Promise.all(senders.map(flowing));
      const sent = () => senders.reduce((sum, { pid }) => sum + writtenBytes(pid), 0);
      const before = sent(), begin = performance.now();
      const until = begin + seconds * 1000;
      const times = (await Promise.all(Array.from({ length: CLIENTS }, () => ask(port, until)))).flat();
      const gbit = (sent() - before) * 8 / 1e9;
      const sample = {
        beside_p50_ms: percentile(times, 50),
        beside_p99_ms: percentile(times, 99),
        beside_gbit_per_s: gbit / (performance.now() - begin) * 1000,
      };
      return { sample, work: times.length };
    } finally {
      await Promise.all(senders.map((each) => each.stop()));
    }
  },
  cost: () => ({}),
};

function sender(processes: Processes, port: number): Started {
  const args = ["-u", "-b", "262144", "OPEN:/dev/zero", `TCP:127.0.0.1:${port}`];
  return processes.start("socat (sender)", SOCAT.command, args);
}

/** Resolves when more has been sent than all buffers on the way could hold. */
async function flowing({ pid, name, obituary }: Started): Promise<void> {
  const isFlowing = await waitUntil(() => obituary() !== "" || writtenBytes(pid) > SENT_BEFORE, 10_000);
  if (!isFlowing || obituary() !== "") throw new Error(obituary() || `${name} sent too little in 10 s`);
}

/** Sends a byte and waits for its echo, over and over. Returns how long each took, in milliseconds. */
async function ask(port: number, until: number): Promise<number[]> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay(true);
  const request = new Uint8Array([1]), answer = new Uint8Array(1);
  const times: number[] = [];
  for (let asked = performance.now(); asked < until; asked = performance.now()) {
    await conn.write(request);
    if (await conn.read(answer) === null) throw new Error("the connection was closed instead of an answer");
    times.push(performance.now() - asked);
  }
  return times;
}
