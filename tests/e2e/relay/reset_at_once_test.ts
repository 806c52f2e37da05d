/** Clients that connect and reset before they are accepted: each is counted, and its end has a reason. */

import assert from "node:assert/strict";
import { eventually } from "../../support/eventually.ts";
import { Sluice } from "../../support/program/program.ts";
import {
  connect,
  connectAndReset,
  echo,
  readText,
  upstream,
  writeText,
} from "../../support/peers/sockets.ts";
import { suspend } from "../../support/program/suspend.ts";

const CLIENTS = 100;
/** The facts that the kernel keeps about such a client vary. */
const onLinux = Deno.build.os === "linux" ? "" : " (needs Linux)";

for (const reset of ["close", "pass"]) {
  Deno.test({
    name:
      `${CLIENTS} clients that connect and reset at once leave as many lines and counts, with reset: ${reset}${onLinux}`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      await using server = upstream(echo);
      await using sluice = await Sluice.withConfig(`
log: { format: json }
admin: { listen: "127.0.0.1:0" }
services: [{ name: test, listen: "127.0.0.1:0", upstream: "${server.address}", reset: ${reset} }]
`);
      // The program does not accept meanwhile: the kernel alone answers.
      await suspend(sluice);
      for (let count = 0; count < CLIENTS; count++) await connectAndReset(sluice.port());
      sluice.kill("SIGCONT");
      const lines = await sluice.loggedEvents("connection_failed", CLIENTS);
      for (const { reason, code, ended_by, client, listener } of lines) {
        assert.deepEqual({ reason, code, ended_by, client, listener }, {
          reason: "client reset",
          code: "connection_reset",
          ended_by: "client",
          client: "unknown",
          listener: sluice.address(),
        });
      }
      const total = await eventually(
        "the totals",
        () => figure(sluice, 'sluice_connections_total{service="test"}'),
        (value) => value >= CLIENTS,
      );
      assert.equal(total, CLIENTS);
      assert.equal(await figure(sluice, 'sluice_connections_active{service="test"}'), 0);
      // They block no other client.
      using client = await connect(sluice.port());
      await writeText(client, "ping");
      assert.equal(await readText(client, 4), "ping");
    },
  });
}

async function figure(sluice: Sluice, name: string): Promise<number> {
  const response = await fetch(new URL("/metrics", `http://${sluice.ready.admin!.replace("http://", "")}`));
  const line = (await response.text()).split("\n").find((line) => line.startsWith(name));
  return Number(line?.split(" ").at(-1));
}
