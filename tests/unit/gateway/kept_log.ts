import type { Log } from "../../../src/observe/log/log.ts";

/** A log that keeps its lines as `warn message`. */
export function keptLog(lines: string[]): Log {
  const keep = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
  const levels = { debug: keep("debug"), info: keep("info"), warn: keep("warn"), error: keep("error") };
  return { ...levels, enabled: () => true, flush: () => Promise.resolve() };
}
