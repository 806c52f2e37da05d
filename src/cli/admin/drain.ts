/** `sluice drain`: has the same effect as SIGTERM, but works from another machine too. */

import type { AdminCommand } from "./command.ts";
import { print } from "../output.ts";

export const command: AdminCommand<{ deadline: number | undefined }> = {
  kind: "control",
  summary: "stop accepting, and exit when open connections have ended",
  description:
    `Makes a running proxy stop as SIGTERM does: it is no longer ready, stops accepting after its shutdown.delay,
and exits when its open connections have ended.`,
  options: [{
    name: "deadline",
    value: "DURATION",
    help: `stop accepting at once, and close open connections after this time, such as 10s
(default: its shutdown.drain)`,
  }],
  parse: (options) => ({ deadline: options.duration("deadline") }),
  async run(client, { deadline }) {
    await client.drain(deadline);
    print("Draining: not ready any more, exits when its connections have ended or the deadline passes");
  },
};
