/** `sluice top`: a proxy at work, in the terminal. */

import { onStopSignals } from "../../runtime/control/signals.ts";
import type { ConnectionOrder } from "../admin/args.ts";
import type { AdminClient } from "../admin/client.ts";
import { UsageError } from "../usage.ts";
import { TopSession } from "./session.ts";
import { hasTerminal, TerminalScreen } from "./terminal.ts";

/**
 * Runs until somebody quits, and leaves the terminal as it was.
 *
 * @throws {UsageError} without a terminal
 * @throws {AdminError} when the proxy cannot be reached in the first place
 */
export async function top(client: AdminClient, order: ConnectionOrder): Promise<void> {
  if (!hasTerminal()) {
    throw new UsageError("A terminal is needed for top; in a script use: sluice status --json", "top");
  }
  await client.status();
  await using screen = new TerminalScreen({ colours: !Deno.noColor });
  const session = new TopSession(client, screen, order);
  using _signals = onStopSignals(() => session.quit());
  await session.run();
}
