/** The other proxies, set up as a sensible operator would for this work, and not beyond that. */
import type { Certificate } from "./certificate.ts";
import { smallHttp, startNginx, streamModule, streamProxy } from "./nginx.ts";
import { HAPROXY, NODE, PINGORA, SOCAT, TOXIPROXY } from "./programs.ts";
import { scriptArgs } from "./script.ts";
import type { Processes, Started } from "../processes.ts";
import { connectable, freePort, waitUntil } from "../wait.ts";

/** The ports of a proxy and its upstream, and whether it terminates TLS. In the results, words stand for the ports. */
export interface Place {
  readonly port: number | string;
  readonly upstream: number | string;
  /** null = plain TCP. */
  readonly certificate: Certificate | null;
}

/** Starts a proxy with these ports. */
export type StartPeer = (processes: Processes, place: Place) => Started | Promise<Started>;

const NODE_SCRIPT = new URL("./node_pipe.mjs", import.meta.url).pathname;

/** haproxy with this many threads. */
export function haproxy(threads: number): StartPeer {
  return async (processes, place) => {
    const config = `${processes.dir}/haproxy-${place.port}.cfg`;
    await Deno.writeTextFile(config, haproxyConfig(place, threads));
    // -db keeps it in the foreground without a master, so that its pid is the one that works.
    return processes.start("haproxy", HAPROXY.command, ["-db", "-q", "-f", config]);
  };
}

/**
 * bufsize: that of nginx, because the default of 16384 is meant for HTTP headers; in five rounds this reduced the CPU
 * time per GB by 10 to 17 %. haproxy takes a buffer only while there is data, so idle connections cost nothing more.
 * (With 1 MiB, an unusual setting, it took 0.48 of that CPU time for one stream and 0.79 for eight: large buffers make
 * bulk fast.) No splicing (`option splice-auto`): it is off by default, and was no better in the same rounds. With `no
 * strict-limits` it takes the descriptors it gets instead of refusing to start where the limit is low.
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

/** As the API of toxiproxy takes it. */
export interface Toxic {
  readonly name: string;
  readonly type: string;
  readonly stream: string;
  readonly attributes: Readonly<Record<string, number>>;
}

/** toxiproxy with one proxy and these toxics, on one core as the others. */
export function toxiproxy(toxics: readonly Toxic[]): StartPeer {
  return (processes, place) => startToxiproxy(processes, place, toxics);
}

async function startToxiproxy(
  processes: Processes,
  { port, upstream }: Place,
  toxics: readonly Toxic[],
): Promise<Started> {
  const api = freePort();
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
    String(api),
    "-config",
    config,
  ];
  const started = processes.start("toxiproxy", "env", args);
  if (toxics.length > 0) await waitUntil(() => connectable(api), 10_000, 1);
  for (const toxic of toxics) {
    const url = `http://127.0.0.1:${api}/proxies/bench/toxics`;
    const response = await fetch(url, { method: "POST", body: JSON.stringify(toxic) });
    if (!response.ok) throw new Error(`toxiproxy: ${response.status} ${await response.text()}`);
    await response.body?.cancel();
  }
  return started;
}

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
  processes.start("bare_relay.ts", Deno.execPath(), scriptArgs("targets/bare_relay.ts", [port, upstream]));

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
    "toxiproxy+latency": "the same with a latency toxic of 1 ms in each direction",
    socat: `socat ${socatArgs(place).join(" ")}`,
    node: script,
  };
}
