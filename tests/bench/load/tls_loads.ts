/**
 * Loads in TLS 1.3, which the proxy terminates. The clients:
 * - bulk: `openssl s_client`, one process that encrypts zeros, and a sink in the bench that counts what arrives. It
 * takes little more than half of the CPU time a GB that haproxy takes.
 * - handshakes: two processes of ab with 25 clients each, every request on a connection of its own and without
 * resumption. A TLS client works about as hard as its server (it checks the signature), so one process could be the
 * limit; two are not, as long as there are cores for them. `openssl s_time` takes no less. Both report how much of the
 * time the client's processes were on a CPU: at 100 % the client is the limit.
 */
import type { Load } from "./load.ts";
import { runAb, startSmallHttp } from "./loads.ts";
import { TLS_TARGETS } from "../report/names.ts";
import { CpuClock, reapedCpuMs } from "../proc.ts";
import { AB, NGINX, OPENSSL } from "../targets/programs.ts";
import { Sink } from "./sink.ts";
import type { Processes, Started } from "../processes.ts";
import { pause, waitUntil } from "../wait.ts";

const DEADLINE_MS = 10_000;
const AB_PROCESSES = 2;
const CLIENTS = 50;

/** One stream from a TLS client to a plain upstream. */
export function tlsBulk(sink: Sink): Load {
  return {
    name: "tls-bulk",
    needs: [OPENSSL],
    targets: TLS_TARGETS,
    hasTls: true,
    warmUp: { work: 3 },
    upstream: () => Promise.resolve(sink.port),
    async drive(processes, port, seconds) {
      const before = sink.received;
      const client = sendZeros(processes, port);
      try {
        await flowing(sink, client, before);
        const clock = new CpuClock(client.pid);
        const start = { at: performance.now(), bytes: sink.received, busy: clock.readMs() };
        await pause(seconds * 1000);
        const ms = performance.now() - start.at;
        const sample = {
          tls_gbit_per_s: (sink.received - start.bytes) * 8 / ms / 1e6,
          tls_client_percent: (clock.readMs() - start.busy) / ms * 100,
        };
        await client.stop();
        await waitUntil(() => sink.open === 0, DEADLINE_MS);
        return { sample, work: (sink.received - before) / 1e9 };
      } finally {
        await client.stop();
      }
    },
    cost: (cpuMs, work) => ({ tls_cpu_ms_per_gb: cpuMs / work }),
  };
}

function sendZeros(processes: Processes, port: number): Started {
  const command = `exec ${OPENSSL.command} s_client -quiet -tls1_3 -connect 127.0.0.1:${port}`;
  return processes.start("openssl s_client", "sh", ["-c", `${command} </dev/zero >/dev/null`]);
}

async function flowing(sink: Sink, client: Started, before: number): Promise<void> {
  await waitUntil(() => sink.received > before || client.obituary() !== "", DEADLINE_MS);
  if (sink.received === before) throw new Error(client.obituary() || "nothing came through TLS within 10 s");
}

/** Full handshakes, each for one small request. */
export const handshakes: Load = {
  name: "handshakes",
  needs: [AB, NGINX, OPENSSL],
  targets: TLS_TARGETS,
  hasTls: true,
  warmUp: { work: 4000 },
  upstream: startSmallHttp,
  async drive(processes, port, seconds) {
    const args = ["-f", "TLS1.3", `https://127.0.0.1:${port}/`];
    const start = { at: performance.now(), reaped: reapedCpuMs(Deno.pid) };
    const runs = await Promise.all(
      Array.from({ length: AB_PROCESSES }, () => runAb(processes, CLIENTS / AB_PROCESSES, seconds, args)),
    );
    const ms = (performance.now() - start.at) * AB_PROCESSES;
    const sum = (figure: (run: typeof runs[number]) => number) =>
      runs.reduce((total, run) => total + figure(run), 0);
    const sample = {
      handshakes_per_s: sum(({ perSecond }) => perSecond),
      handshake_client_percent: (reapedCpuMs(Deno.pid) - start.reaped) / ms * 100,
    };
    return { sample, work: sum(({ complete }) => complete) };
  },
  cost: (cpuMs, work) => ({ cpu_us_per_handshake: cpuMs * 1000 / work }),
};
