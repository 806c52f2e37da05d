/**
 * The targets of the comparison: no proxy at all, sluice in several settings, and other proxies. They have one thread
 * each, except for those with two in their name.
 */
import type { TargetName } from "../report/names.ts";
import {
  bareRelay,
  haproxy,
  nginx,
  nodePipe,
  pingora,
  socat,
  type StartPeer,
  type Toxic,
  toxiproxy,
} from "./proxies.ts";
import { HAPROXY, NGINX, NODE, PINGORA, type Program, SOCAT, TOXIPROXY } from "./programs.ts";
import {
  startFaultySluice,
  startPooledSluice,
  startSluice,
  startSluiceOnDenoTls,
  startThreadedSluice,
  startTracedSluice,
} from "./sluice.ts";
import { listening, type Running, type Start } from "./running.ts";

interface Target {
  readonly needs: readonly Program[];
  /** The number of threads whose code is compiled as it runs; each needs some work until it is at full speed. */
  readonly threadsToWarm: 0 | 1 | 2;
  readonly start: Start;
}

/** In both directions, and as short as can be, so that the rates of clients that wait say something about the proxy. */
const LATENCY = "{ type: latency, latency: 1ms, direction: both }";
const LATENCY_TOXICS: readonly Toxic[] = ["upstream", "downstream"].map((stream) => ({
  name: `latency_${stream}`,
  type: "latency",
  stream,
  attributes: { latency: 1 },
}));

export const TARGET_TABLE: Record<TargetName, Target> = {
  direct: { needs: [], threadsToWarm: 0, start: (_stage, upstream) => Promise.resolve(noProxy(upstream)) },
  sluice: { needs: [], threadsToWarm: 1, start: startSluice },
  "sluice engine: deno": { needs: [], threadsToWarm: 1, start: startSluiceOnDenoTls },
  "sluice+pool": { needs: [], threadsToWarm: 1, start: startPooledSluice },
  "sluice faults: true": { needs: [], threadsToWarm: 1, start: startFaultySluice([]) },
  "sluice+latency": { needs: [], threadsToWarm: 1, start: startFaultySluice([LATENCY]) },
  "sluice+spans": { needs: [], threadsToWarm: 1, start: startTracedSluice(1) },
  "sluice+spans 10 %": { needs: [], threadsToWarm: 1, start: startTracedSluice(0.1) },
  haproxy: { needs: [HAPROXY], threadsToWarm: 0, start: peer(haproxy(1)) },
  nginx: { needs: [NGINX], threadsToWarm: 0, start: peer(nginx) },
  pingora: { needs: [PINGORA], threadsToWarm: 0, start: peer(pingora) },
  toxiproxy: { needs: [TOXIPROXY], threadsToWarm: 0, start: peer(toxiproxy([])) },
  "toxiproxy+latency": { needs: [TOXIPROXY], threadsToWarm: 0, start: peer(toxiproxy(LATENCY_TOXICS)) },
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
