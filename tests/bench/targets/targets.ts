/** What is compared: no proxy at all, sluice in several settings, and others; one thread each unless the name says two. */
import type { Certificate } from "./certificate.ts";
import type { TargetName } from "../report/names.ts";
import { bareRelay, haproxy, nginx, nodePipe, pingora, socat, type StartPeer, toxiproxy } from "./proxies.ts";
import { HAPROXY, NGINX, NODE, PINGORA, type Program, SOCAT, TOXIPROXY } from "./programs.ts";
import { startPooledSluice, startSluice, startSluiceOnDenoTls, startThreadedSluice } from "./sluice.ts";
import type { Processes, Started } from "../processes.ts";
import { connectable, freePort, waitUntil } from "../wait.ts";

/** A started target. */
export interface Running {
  readonly port: number;
  /** Whose CPU and memory count; null = no proxy in the way. */
  readonly pid: number | null;
  /** It forks a process for each connection. */
  readonly forks: boolean;
  /** From launch until it could be connected to, or said so. */
  readonly readyAfterMs: number;
  stop(): Promise<void>;
}

/** Starts a proxy before an upstream on this loopback port, which ends TLS when there is a certificate. */
export type Start = (
  processes: Processes,
  upstream: number,
  certificate: Certificate | null,
) => Promise<Running>;

interface Target {
  readonly needs: readonly Program[];
  /** Threads whose code is compiled as it runs, so that each takes work until it is at full speed. */
  readonly threadsToWarm: 0 | 1 | 2;
  readonly start: Start;
}

export const TARGET_TABLE: Record<TargetName, Target> = {
  direct: { needs: [], threadsToWarm: 0, start: (_stage, upstream) => Promise.resolve(noProxy(upstream)) },
  sluice: { needs: [], threadsToWarm: 1, start: startSluice },
  "sluice engine: deno": { needs: [], threadsToWarm: 1, start: startSluiceOnDenoTls },
  "sluice+pool": { needs: [], threadsToWarm: 1, start: startPooledSluice },
  haproxy: { needs: [HAPROXY], threadsToWarm: 0, start: peer(haproxy(1)) },
  nginx: { needs: [NGINX], threadsToWarm: 0, start: peer(nginx) },
  pingora: { needs: [PINGORA], threadsToWarm: 0, start: peer(pingora) },
  toxiproxy: { needs: [TOXIPROXY], threadsToWarm: 0, start: peer(toxiproxy) },
  socat: { needs: [SOCAT], threadsToWarm: 0, start: peer(socat, true) },
  node: { needs: [NODE], threadsToWarm: 1, start: peer(nodePipe) },
  "bare Deno": { needs: [], threadsToWarm: 1, start: peer(bareRelay) },
  "sluice 2 threads": { needs: [], threadsToWarm: 2, start: startThreadedSluice },
  "haproxy 2 threads": { needs: [HAPROXY], threadsToWarm: 0, start: peer(haproxy(2)) },
};

function noProxy(port: number): Running {
  return { port, pid: null, forks: false, readyAfterMs: 0, stop: () => Promise.resolve() };
}

function peer(start: StartPeer, forks = false): Start {
  return (processes, upstream, certificate) =>
    listening((port) => start(processes, { port, upstream, certificate }), forks);
}

/**
 * Starts a program on a port found for it and waits until it can be reached. Tried three times, as somebody
 * else may have taken the port in between.
 */
export async function listening(
  start: (port: number) => Started | Promise<Started>,
  forks = false,
): Promise<Running> {
  for (let attempt = 1;; attempt++) {
    const port = freePort();
    const started = await start(port);
    const isReady = () => connectable(port);
    // Asked every millisecond, as a start-up time may be just a few.
    await waitUntil(async () => started.obituary() !== "" || await isReady(), 10_000, 1);
    const readyAfterMs = performance.now() - started.launchedAt;
    if (started.obituary() === "" && await isReady()) {
      return { port, pid: started.pid, forks, readyAfterMs, stop: () => started.stop() };
    }
    const why = started.obituary() || `${started.name} did not listen within 10 s`;
    await started.stop();
    if (attempt === 3) throw new Error(why);
  }
}
