/** An endpoint that is found later, and that is where its own service listens. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { answeringServer, NamedServer } from "../../support/peers/named_server.ts";
import { connect, endOf } from "../../support/peers/sockets.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { Sluice } from "../../support/program/program.ts";
import { eventually } from "../../support/eventually.ts";

/** Of this machine, and not the one that `sluice check` would notice. */
const OWN = "127.0.0.5";

for (const pool of ["", "pool: { max_idle: 2 }, "]) {
  const how = pool === "" ? "" : ", with a warm pool";
  Deno.test({
    name: `a service on all addresses does not connect to itself${how}`,
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      await using folder = await temporaryDirectory();
      const [targets, file] = ["targets.json", "sluice.yaml"].map((name) => join(folder.path, name));
      const write = (...addresses: string[]) =>
        Deno.writeTextFile(targets!, JSON.stringify([{ targets: addresses }]));
      await write();
      await Deno.writeTextFile(
        file!,
        `services:
  - name: test
    listen: ":0"
    limits: { connections: 50 }
    upstream: { ${pool}discovery: { file: targets.json } }
`,
      );
      await using sluice = await Sluice.start(["-c", file!, "--log-format", "json"]);
      const own = `${OWN}:${sluice.port()}`;
      await write(own);
      await sluice.loggedEvents("endpoints_changed", 1);
      using conn = await connect(sluice.port());
      await endOf(conn);
      const [closed, ...more] = await sluice.loggedEvents("connection_failed", 1);
      assert.equal(closed!["code"], "connection_loop");
      assert.equal(closed!["detail"], `Cannot connect to ${own}: the service itself listens there`);
      assert.deepEqual(more, [], "it has connected to itself");
      // Another endpoint takes the clients.
      await using a = await NamedServer.start("a");
      await write(own, a.address);
      await eventually("a to answer", () => answeringServer(sluice.port()), (name) => name === "a");
      for (let client = 0; client < 4; client++) assert.equal(await answeringServer(sluice.port()), "a");
    },
  });
}
