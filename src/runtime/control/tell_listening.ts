/** Where a service listens, as the log has it. */

import type { Log } from "../../observe/log/log.ts";

/** A line for a service; `listen` as in a configuration, with real ports. */
export function tellListening(log: Log, service: string, listen: readonly string[]): void {
  log.info(`${service}: listening on ${listen.join(", ")}`, {
    event: "listening",
    service,
    listen: listen.join(","),
  });
}
