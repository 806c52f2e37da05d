/** Starts the targets that are programs of this repository: a script that was moved would be left out of the bench. */

import assert from "node:assert/strict";
import { connect, echo, readText, upstream, writeText } from "../../support/peers/sockets.ts";
import { Processes } from "../processes.ts";
import { ROOT } from "./sluice.ts";
import { TARGET_TABLE } from "./targets.ts";

const ignore = Deno.build.os !== "linux" || Deno.env.has("SLUICE_BIN");

for (const target of ["sluice", "sluice+spans", "bare Deno"] as const) {
  Deno.test({
    name: `the bench starts ${target}, which relays (needs Linux and no SLUICE_BIN)`,
    ignore,
    fn: async () => {
      await using processes = new Processes();
      await using server = upstream(echo);
      const running = await TARGET_TABLE[target].start(processes, server.port, null);
      using client = await connect(running.port);
      await writeText(client, "hello");
      assert.equal(await readText(client, 5), "hello");
      client.close();
      await running.stop();
    },
  });
}

Deno.test("every script that the bench runs exists", () => {
  let found = 0;
  for (const folder of ["load", "targets"]) {
    for (const { name } of Deno.readDirSync(`${ROOT}tests/bench/${folder}`)) {
      if (name === "targets_test.ts") continue;
      const text = Deno.readTextFileSync(`${ROOT}tests/bench/${folder}/${name}`);
      for (const [, script] of text.matchAll(/scriptArgs\(\s*"([^"]+)"/g)) {
        assert.ok(Deno.statSync(`${ROOT}tests/bench/${script}`).isFile, script);
        found += 1;
      }
    }
  }
  assert.ok(found >= 4, `only ${found} scripts`);
});
