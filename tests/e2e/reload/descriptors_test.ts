/** Reloads that raise how many connections there may be, where descriptors are few. */

import assert from "node:assert/strict";
import { TestClients } from "../../support/peers/test_client.ts";
import { NamedServer } from "../../support/peers/named_server.ts";
import { Reloadable } from "../../support/program/reloadable.ts";

const isLinux = Deno.build.os === "linux";

/** Those of one thread are enough for 172 connections and the admin interface. */
const DESCRIPTORS = 400;
const OPEN = 75;

Deno.test({
  name: "a reload raises limits.connections to what fits, and takes no descriptor to find out" +
    (isLinux ? "" : " (skipped: needs prlimit, which Linux has)"),
  ignore: !isLinux,
  fn: async () => {
    await using member = await NamedServer.start("a");
    const yaml = (connections: number) =>
      `limits: { connections: ${connections} }\n` +
      `services: [{ name: test, listen: 0, upstream: "${member.address}" }]\n`;
    await using fixture = await Reloadable.start(yaml(80), {
      wrapper: ["prlimit", `--nofile=${DESCRIPTORS}`],
      workers: 1,
    });
    using clients = new TestClients();
    assert.equal((await clients.connectMany(fixture.sluice.port(), OPEN)).filter(Boolean).length, OPEN);
    await fixture.reload(yaml(120));
    assert.equal((await fixture.admin.status()).connections.limit, 120);
    assert.equal((await clients.connectMany(fixture.sluice.port(), 60)).filter(Boolean).length, 120 - OPEN);

    const refused = await fixture.reload(yaml(1000), "reload_refused");
    assert.match(String(refused["message"]), /Cannot have 1000 connections .*ulimit -n 2064/);
    assert.equal((await fixture.admin.status()).connections.limit, 120);
    assert.doesNotMatch(fixture.sluice.stderr, /too_many_open_files|accept_failed/);
  },
});
