/** What the process takes of its machine. */

import process from "node:process";

export interface ProcessFigures {
  /** CPU time since its start, of all threads. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Undefined where the system does not tell, or Deno may not ask: `/proc` takes all permissions. */
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
  // Asked first, as reading without the permission may put a question to the user.
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return undefined;
  try {
    return Deno.readDirSync(path).reduce((count) => count + 1, 0);
  } catch {
    return undefined;
  }
}
