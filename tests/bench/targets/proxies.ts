/** The other proxies, set up as a sensible operator would for this work, and not beyond that. */
import type { Certificate } from "./certificate.ts";
import { smallHttp, startNginx, streamModule, streamProxy } from "./nginx.ts";
import { HAPROXY, NODE, PINGORA, SOCAT, TOXIPROXY } from "./programs.ts";
import { scriptArgs } from "./script.ts";
import type { Processes, Started } from "../processes.ts";
import { freePort } from "../wait.ts";

/** Where a proxy stands, and whether it ends TLS. Ports are numbers, or words where they only stand for some. */
export interface Place {
  readonly port: number | string;
  readonly upstream: number | string;
  /** null = plain TCP. */
  readonly certificate: Certificate | null;
}

/** Starts a proxy at a place. */
export type StartPeer = (processes: Processes, place: Place) => Started | Promise<Started>;

const NODE_SCRIPT = new URL("./node_pipe.mjs", import.meta.url).pathname;

/** haproxy with so many threads. */
export function haproxy(threads: number): StartPeer {
  return async (processes, place) => {
    const config = `${processes.dir}/haproxy-${place.port}.cfg`;
    await Deno.writeTextFile(config, haproxyConfig(place, threads));
    // -db keeps it in the foreground without a master, so that its pid is the one that works.
    return processes.start("haproxy", HAPROXY.command, ["-db", "-q", "-f", config]);
  };
}

/**
 * bufsize: what nginx has, as its 16384 are meant for HTTP headers; in five rounds it took 10 to 17 % off the CPU time
 * a GB. It takes a buffer only while there is data, so idle connections cost nothing more. (With 1 MiB, which nobody
 * sets, it took 0.48 of that CPU time for one stream and 0.79 for eight: large buffers are what makes bulk fast.) No
 * splicing (`option splice-auto`): it is off unless asked for, and was no better in the same rounds. Without
 * strict-limits it takes the descriptors it gets instead of refusing to start where the limit is low.
 */
function haproxyConfig({ port, upstream, certificate }: Place, threads: number): string {
  const tls = certificate === null ? "" : ` ssl crt ${certificate.bundle} ssl-min-ver TLSv1.3`;
  return `global
  nbthread ${threads}
  maxconn 10000
  tune.bufsize 65536
  no strict-limits
defaults
  mode tcp
  timeout connect 5s
  timeout client 10m
  timeout server 10m
listen bench
  bind 127.0.0.1:${port} backlog 4096${tls}
  server upstream 127.0.0.1:${upstream}
`;
}

/** nginx with its stream module. */
export const nginx: StartPeer = async (processes, place) =>
  await startNginx(processes, "nginx", streamProxy(place), await streamModule() ?? "");

/** The relay of `tests/bench/pingora`, with one thread. */
export const pingora: StartPeer = (processes, { port, upstream }) =>
  processes.start("pingora", PINGORA.command, [`127.0.0.1:${port}`, `127.0.0.1:${upstream}`, "1"]);

/** toxiproxy with one proxy and no toxic, on one core as the others. */
export const toxiproxy: StartPeer = async (processes, { port, upstream }) => {
  const config = `${processes.dir}/toxiproxy-${port}.json`;
  const proxy = {
    name: "bench",
    listen: `127.0.0.1:${port}`,
    upstream: `127.0.0.1:${upstream}`,
    enabled: true,
  };
  await Deno.writeTextFile(config, JSON.stringify([proxy]));
  const args = [
    "GOMAXPROCS=1",
    "LOG_LEVEL=error",
    TOXIPROXY.command,
    "-port",
    String(freePort()),
    "-config",
    config,
  ];
  return processes.start("toxiproxy", "env", args);
};

/** socat, which forks a process for each connection. */
export const socat: StartPeer = (processes, place) =>
  processes.start("socat", SOCAT.command, socatArgs(place));

function socatArgs({ port, upstream }: Place): string[] {
  const listen = `TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr,nodelay,backlog=4096`;
  return ["-b", "65536", listen, `TCP:127.0.0.1:${upstream},nodelay`];
}

/** Node.js with `a.pipe(b)`. */
export const nodePipe: StartPeer = (processes, { port, upstream }) =>
  processes.start("node", NODE.command, [NODE_SCRIPT, String(port), String(upstream)]);

/** The leanest relay on Deno. */
export const bareRelay: StartPeer = (processes, { port, upstream }) =>
  processes.start("bare_relay.ts", Deno.execPath(), scriptArgs("bare_relay.ts", [port, upstream]));

/** The configuration of the others, for the results; PORT and UPSTREAM stand for numbers. */
export async function peerSettings(): Promise<Record<string, string>> {
  const files: Certificate = { cert: "CERT", key: "KEY", bundle: "CERT_AND_KEY" };
  const place: Place = { port: "PORT", upstream: "UPSTREAM", certificate: null };
  const script = await Deno.readTextFile(NODE_SCRIPT);
  return {
    haproxy: haproxyConfig(place, 1),
    "haproxy with TLS": haproxyConfig({ ...place, certificate: files }, 1),
    "haproxy 2 threads": haproxyConfig(place, 2),
    nginx: `worker_processes 1; ${streamProxy(place)}`,
    "nginx with TLS": `worker_processes 1; ${streamProxy({ ...place, certificate: files })}`,
    "nginx as an upstream": smallHttp(place.port),
    pingora: "tests/bench/pingora/src/main.rs, one thread",
    toxiproxy: "GOMAXPROCS=1, no toxics",
    socat: `socat ${socatArgs(place).join(" ")}`,
    node: script,
  };
}
