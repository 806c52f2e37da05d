/** `sluice reload`: has the same effect as SIGHUP, but works from another machine too, and prints the result. */

import { printableLines } from "../format/printable.ts";
import { print } from "../output.ts";
import type { AdminCommand } from "./command.ts";

export const command: AdminCommand<Record<string, never>> = {
  kind: "control",
  summary: "reload configuration and certificates",
  description:
    `Makes a running proxy reload its configuration, certificates and keys, and reopen its access log, as SIGHUP
does. Prints what changed. Open connections go on; new ones use the new configuration.

An invalid configuration changes nothing. An invalid certificate leaves the one in use.
Changes of "workers" and "admin" need a restart. If FILE has a new admin.listen, pass the address in use with --admin.`,
  options: [],
  failure: "the configuration, a certificate or the access log cannot be used",
  parse: () => ({}),
  async run(client) {
    const { detail } = await client.reload();
    print(printableLines(detail));
  },
};
