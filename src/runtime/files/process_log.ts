/** The log of a process, on stderr. */

import { createLog, type LogOptions, type ProgramLog } from "../../observe/log/log.ts";
import { logExport } from "../../observe/telemetry/exported_log.ts";

export { LogFileError } from "../../observe/log/access_file.ts";

/** Logs to stderr, coloured on a terminal unless NO_COLOR is set (no-color.org). */
export function stderrLog(options: Pick<LogOptions, "level" | "format">): ProgramLog {
  return createLog({
    ...options,
    colors: Deno.stderr.isTerminal() && !Deno.env.get("NO_COLOR"),
    output: Deno.stderr,
    exported: logExport(),
  });
}
