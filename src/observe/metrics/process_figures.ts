/** The CPU time, memory and descriptors of the process. */

import process from "node:process";

export interface ProcessFigures {
  /** CPU time of all threads since the start. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Undefined without `/proc`, or without the permission to read it, for which Deno requires all permissions. */
  readonly openDescriptors: number | undefined;
  /** The most that it may open, `ulimit -n`; undefined without limit, and as the number of open ones. */
  readonly maxDescriptors: number | undefined;
}

export function processFigures(): ProcessFigures {
  const { user, system } = process.cpuUsage();
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    startedAt: performance.timeOrigin,
    openDescriptors: readProc(
      "/proc/self/fd",
      (path) => Deno.readDirSync(path).reduce((count) => count + 1, 0),
    ),
    maxDescriptors: readProc("/proc/self/limits", (path) => softLimitIn(Deno.readTextFileSync(path))),
  };
}

function readProc<Value>(path: string, read: (path: string) => Value): Value | undefined {
  // Without this, Deno may prompt the user for the permission.
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return undefined;
  try {
    return read(path);
  } catch {
    return undefined;
  }
}

/** The soft limit in a line such as `Max open files  1024  524288  files`; undefined if it is `unlimited`. */
function softLimitIn(limits: string): number | undefined {
  const [, soft] = /^Max open files +(\d+) /m.exec(limits) ?? [];
  return soft === undefined ? undefined : Number(soft);
}
