/** What is compared: no proxy at all, sluice with and without a pool, and three others, each told to use one thread. */
import { startNginx, streamModule, streamProxy } from "./nginx.ts";
import type { TargetName } from "./options.ts";
import { HAPROXY, NGINX, type Program, SOCAT } from "./programs.ts";
import { startPooledSluice, startSluice } from "./sluice.ts";
import type { Stage, Started } from "./stage.ts";
import { connectable, freePort, waitUntil } from "./wait.ts";

/** A started target. */
export interface Running {
  readonly port: number;
  /** Whose CPU and memory count; null = no proxy in the way. */
  readonly pid: number | null;
  /** It forks a process for each connection. */
  readonly forks: boolean;
  stop(): Promise<void>;
}

/** Starts a proxy before an upstream on this loopback port. */
export type Target = (stage: Stage, upstream: number) => Promise<Running>;

export const TARGET_TABLE: Record<
  TargetName,
  { readonly needs: readonly Program[]; readonly start: Target }
> = {
  direct: { needs: [], start: (_stage, upstream) => Promise.resolve(noProxy(upstream)) },
  sluice: { needs: [], start: startSluice },
  "sluice+pool": { needs: [], start: startPooledSluice },
  haproxy: {
    needs: [HAPROXY],
    start: (stage, upstream) => listening((port) => haproxy(stage, port, upstream)),
  },
  nginx: { needs: [NGINX], start: (stage, upstream) => listening((port) => nginx(stage, port, upstream)) },
  socat: {
    needs: [SOCAT],
    start: (stage, upstream) => listening((port) => socat(stage, port, upstream), true),
  },
};

function noProxy(port: number): Running {
  return { port, pid: null, forks: false, stop: () => Promise.resolve() };
}

async function haproxy(stage: Stage, port: number, upstream: number): Promise<Started> {
  const config = `${stage.dir}/haproxy-${port}.cfg`;
  await Deno.writeTextFile(
    config,
    // no strict-limits: with a low descriptor limit it takes what it gets instead of refusing to start
    `global
  nbthread 1
  maxconn 4000
  no strict-limits
defaults
  mode tcp
  timeout connect 5s
  timeout client 10m
  timeout server 10m
listen bench
  bind 127.0.0.1:${port}
  server upstream 127.0.0.1:${upstream}
`,
  );
  // -db keeps it in the foreground without a master, so that its pid is the one that works.
  return stage.start("haproxy", HAPROXY.command, ["-db", "-q", "-f", config]);
}

async function nginx(stage: Stage, port: number, upstream: number): Promise<Started> {
  return await startNginx(stage, "nginx", streamProxy(port, upstream), await streamModule() ?? "");
}

function socat(stage: Stage, port: number, upstream: number): Started {
  const listen = `TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr,nodelay,backlog=4096`;
  return stage.start("socat", SOCAT.command, ["-b", "65536", listen, `TCP:127.0.0.1:${upstream},nodelay`]);
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
    await waitUntil(async () => started.obituary() !== "" || await connectable(port), 10_000);
    if (started.obituary() === "" && await connectable(port)) {
      return { port, pid: started.pid, forks, stop: () => started.stop() };
    }
    const why = started.obituary() || `${started.name} did not listen within 10 s`;
    await started.stop();
    if (attempt === 3) throw new Error(why);
  }
}
