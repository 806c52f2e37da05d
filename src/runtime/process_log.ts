/** The logs of a process: on stderr, and the access log where it has a file of its own. */

import type { AccessLogConfig } from "../config/config.ts";
import { AccessFile } from "../observe/access_file.ts";
import { createLog, type Log, type LogOptions } from "../observe/log.ts";

export { LogFileError } from "../observe/log_file.ts";
export type { AccessFile, Log };

/** Logs to stderr, coloured on a terminal unless NO_COLOR is set (no-color.org). */
export function stderrLog(options: Pick<LogOptions, "level" | "format">): Log {
  return createLog({
    ...options,
    colors: Deno.stderr.isTerminal() && !Deno.env.get("NO_COLOR"),
    write: (bytes) => Deno.stderr.write(bytes),
  });
}

/**
 * Opens the file of the access log; undefined when that goes where `log` goes.
 *
 * @throws {LogFileError} when it cannot be opened.
 */
export async function openAccessFile(access: AccessLogConfig, log: Log): Promise<AccessFile | undefined> {
  const { path, format } = access;
  return path === undefined ? undefined : await AccessFile.open({ path, format, log });
}
