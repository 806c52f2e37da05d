/** A thread that hangs cannot be ended, and keeps its listener: the program ends instead. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Sluice, sluiceCommand, within } from "../../support/program/program.ts";
import { connect, echo, endOf, upstream } from "../../support/peers/sockets.ts";

const PRELOAD = fileURLToPath(new URL("./hung_thread_preload.ts", import.meta.url));

Deno.test({
  name: "a program with a hung thread drains the others, logs the reason, and ends with code 1",
  ignore: Deno.build.os !== "linux" || Deno.env.has("SLUICE_BIN"),
  fn: async () => {
    await using server = upstream(echo);
    const [deno, run, ...rest] = sluiceCommand({ fromSource: true });
    await using sluice = await Sluice.withConfig(
      `log: { format: json }
shutdown: { drain: 1s }
services: [{ name: test, listen: 127.0.0.1:0, upstream: "${server.address}" }]
`,
      [],
      { command: [deno, run!, "--preload", PRELOAD, ...rest], workers: 2 },
    );
    const clients = await Promise.all(Array.from({ length: 20 }, () => connect(sluice.port())));
    const { code, stderr } = await within(25_000, "the end", sluice.ended());
    await Promise.all(clients.map(endOf));
    for (const client of clients) client.close();
    const failure = "Thread 1 does not respond and cannot be ended: restart sluice";
    assert.equal(code, 1);
    assert.deepEqual(sluice.events("thread_hung").map(({ message }) => message), [failure]);
    assert.equal(stderr.split("\n").at(-2), `sluice: ${failure}`);
    const [died] = sluice.events("thread_died");
    const [stopped] = sluice.events("stopped");
    assert.equal(Number(died!["lost"]) + Number(stopped!["cut"]), 20);
  },
});
