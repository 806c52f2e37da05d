/** Targets that run, and how a program becomes one. */
import type { Certificate } from "./certificate.ts";
import type { Processes, Started } from "../processes.ts";
import { connectable, freePort, waitUntil } from "../wait.ts";

/** A started target. */
export interface Running {
  readonly port: number;
  /** The process whose CPU time and memory count; null = no proxy. */
  readonly pid: number | null;
  /** It forks a process for each connection. */
  readonly forks: boolean;
  /** From launch until it accepted a connection or printed that it was ready. */
  readonly readyAfterMs: number;
  stop(): Promise<void>;
}

/** Starts a proxy before an upstream on this loopback port; with a certificate, the proxy terminates TLS. */
export type Start = (
  processes: Processes,
  upstream: number,
  certificate: Certificate | null,
) => Promise<Running>;

/**
 * Starts a program on a free port and waits until it can be reached. Tries three times, as another program may take the
 * port in between.
 */
export async function listening(
  start: (port: number) => Started | Promise<Started>,
  forks = false,
): Promise<Running> {
  for (let attempt = 1;; attempt++) {
    const port = freePort();
    const started = await start(port);
    const isReady = () => connectable(port);
    // Tries every millisecond, as a start may take only a few.
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
