/** Exports the lines of the program's log. */

import type { Level } from "../log/log.ts";
import { activeTelemetry, readEnv } from "./telemetry.ts";

/**
 * Takes the lines to export; undefined while none are exported. Deno exports what a program writes to its console, and
 * writes it to stderr too unless `OTEL_DENO_CONSOLE` is `replace`. That would block while stderr is not read, and the
 * log has written the line there already: so only `replace` exports the log.
 */
export function logExport(): ((level: Level, line: string) => void) | undefined {
  if (readEnv("OTEL_DENO_CONSOLE") !== "replace" || activeTelemetry("CONSOLE") === undefined) {
    return undefined;
  }
  return (level, line) => console[level](line);
}
