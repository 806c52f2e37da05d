/** `sluice top`: a live view of a proxy in the terminal. */

import { onStopSignals } from "../../runtime/control/signals.ts";
import { TopSession } from "../top/session.ts";
import { hasTerminal, TerminalScreen } from "../top/terminal.ts";
import { UsageError } from "../usage.ts";
import type { AdminCommand } from "./command.ts";
import { type ConnectionOrder, ORDER_OPTIONS, orderOf } from "./order.ts";

export const command: AdminCommand<{ order: ConnectionOrder }> = {
  kind: "inspect",
  summary: "live view of services, upstreams and connections",
  description: `Shows services, upstreams, connections and their rates in the terminal, updated every second.
q quits, K closes the selected connection, f shows faults, ? lists all keys.`,
  options: ORDER_OPTIONS,
  parse: (options) => ({ order: orderOf(options) }),
  async run(client, { order }) {
    if (!hasTerminal()) {
      throw new UsageError("top needs a terminal; in a script use sluice status --json", "top");
    }
    // An error before `top` takes over the terminal ends the command; after a later one, `top` shows it and retries.
    await client.status();
    await using screen = new TerminalScreen({ colours: !Deno.noColor });
    const session = new TopSession(client, screen, order);
    using _signals = onStopSignals(() => session.quit());
    await session.run();
  },
};
