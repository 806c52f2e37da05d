/** CPU, memory and descriptors that the process uses. */

import process from "node:process";

export interface ProcessFigures {
  /** Since its start, of all threads. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Undefined without `/proc`, or without the permission to read it: Deno wants all permissions for that. */
  readonly openDescriptors: number | undefined;
}

export function processFigures(): ProcessFigures {
  const { user, system } = process.cpuUsage();
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    startedAt: performance.timeOrigin,
    openDescriptors: countDescriptors(),
  };
}

function countDescriptors(): number | undefined {
  const path = "/proc/self/fd";
  // Without this, Deno may prompt the user for the permission.
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return undefined;
  try {
    return Deno.readDirSync(path).reduce((count) => count + 1, 0);
  } catch {
    return undefined;
  }
}
