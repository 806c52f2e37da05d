/** Clients that are connecting to a service when a reload removes it. */

import assert from "node:assert/strict";
import { Reloadable } from "../../support/program/reloadable.ts";
import { connect, echo, readText, upstream, writeText } from "../../support/peers/sockets.ts";

const HEADER = "PROXY TCP4 192.0.2.1 192.0.2.2 1000 2000\r\n";

Deno.test({
  name: "a client that has not sent its PROXY header when its service is removed still reaches the upstream",
  ignore: Deno.build.os === "windows", // needs SIGHUP
  async fn() {
    await using server = upstream(echo);
    const other = `  - { name: other, listen: "127.0.0.1:0", upstream: "${server.address}" }\n`;
    const awaited = "accept_proxy_protocol: { from: 127.0.0.1, timeout: 30s }";
    const removed = `  - { name: removed, listen: "127.0.0.1:0", upstream: group, ${awaited} }\n`;
    const group =
      `upstreams: { group: { endpoints: [{ address: "${server.address}", max_connections: 5 }] } }\n`;
    await using fixture = await Reloadable.start(`${group}services:\n${removed}${other}`);
    using early = await connect(fixture.sluice.port(0));
    using late = await connect(fixture.sluice.port(0));
    await writeText(early, `${HEADER}early`);
    assert.equal(await readText(early, 5), "early");
    await fixture.reload(`services:\n${other}`);
    // Once more: places of the removed service go to others, if it has left none in use.
    await fixture.reload(`${group}services:\n${other.replace(`"${server.address}"`, "group")}`);
    await writeText(late, `${HEADER}late`);
    assert.equal(await readText(late, 4), "late");
    await writeText(early, "more");
    assert.equal(await readText(early, 4), "more");
    assert.equal((await fixture.admin.status()).connections.active, 2);
    const { code, stderr } = await (async () => {
      early.close();
      late.close();
      return await fixture.sluice.stop();
    })();
    assert.equal(code, 0, stderr);
    assert.deepEqual(fixture.sluice.events("connection_failed"), []);
  },
});

Deno.test({
  name: "a stop waits for connections of a removed service, also when a new one has its name",
  ignore: Deno.build.os === "windows", // needs SIGHUP
  async fn() {
    await using server = upstream(echo);
    const service = (name: string) =>
      `services: [{ name: ${name}, listen: "127.0.0.1:0", upstream: "${server.address}" }]\n`;
    await using fixture = await Reloadable.start(service("one"));
    using client = await connect(fixture.sluice.port());
    await writeText(client, "before");
    assert.equal(await readText(client, 6), "before");
    await fixture.reload(service("other"));
    await fixture.reload(service("one"));
    fixture.sluice.kill("SIGTERM");
    const [stopping] = await fixture.sluice.loggedEvents("stopping", 1);
    assert.equal(stopping!["open"], 1);
    await writeText(client, "after");
    assert.equal(await readText(client, 5), "after");
    client.close();
    const { code, stderr } = await fixture.sluice.ended();
    assert.equal(code, 0, stderr);
    assert.equal(fixture.sluice.events("stopped")[0]!["cut"], 0);
    assert.equal(fixture.sluice.events("connection_closed").length, 1);
  },
});
