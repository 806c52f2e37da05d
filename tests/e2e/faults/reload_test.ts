/** Reloads from and to configurations with faults. */

import assert from "node:assert/strict";
import { connect, echo, readText, upstream, writeText } from "../../support/peers/sockets.ts";
import { eventually } from "../../support/eventually.ts";
import { Reloadable } from "../../support/program/reloadable.ts";

for (const workers of Deno.build.os === "linux" ? [1, 2] : [1]) {
  Deno.test({
    name:
      `a reload gives a service its first faults and takes the last one, on its port, with ${workers} threads`,
    ignore: Deno.build.os === "windows",
    async fn() {
      await using server = upstream(echo);
      const without = service(server.address);
      const refusing = service(server.address, "faults: [{ type: refuse }]");
      await using fixture = await Reloadable.start(without, { workers });
      const port = fixture.sluice.port();
      using old = await connect(port);
      assert.equal(await exchange(old), "hello");

      const added = await fixture.reload(refusing);
      assert.match(String(added["message"]), /: 1 service changed \(test\); faults of test$/);
      assert.equal(await fixture.portOf("test"), port);
      await refused(port);
      assert.equal(await exchange(old), "hello");

      const named = service(server.address, "faults: [{ type: refuse, name: other, first: 1 }]");
      assert.match(String((await fixture.reload(named))["message"]), /: faults of test$/);
      assert.equal(await isServed(port), false);
      assert.equal(await isServed(port), true);

      await fixture.reload(without);
      await accepted(port);
      assert.equal(await exchange(old), "hello");
      assert.equal(await fixture.portOf("test"), port);
    },
  });
}

Deno.test({
  name: "a reload that enables faults lets them be added, and one that disables them removes those",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using server = upstream(echo);
    const plain = service(server.address);
    await using fixture = await Reloadable.start(plain);
    const faults = `http://${fixture.sluice.ready.admin}/api/v1/services/test/faults`;
    const add = async () => {
      const body = JSON.stringify({ type: "refuse" });
      const headers = { "content-type": "application/json" };
      const response = await fetch(faults, { method: "POST", headers, body });
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await add(), 403);
    await fixture.reload(`faults: true\n${plain}`);
    assert.equal(await add(), 201);
    const port = fixture.sluice.port();
    await refused(port);
    await fixture.reload(plain);
    assert.equal(await add(), 403);
    await accepted(port);
  },
});

function service(address: string, ...keys: string[]): string {
  return `services: [{ ${
    ["name: test", "listen: '127.0.0.1:0'", `upstream: "${address}"`, ...keys].join(", ")
  } }]\n`;
}

/** A listener of another kind may still be closing after a reload, and have the next client. */
async function refused(port: number): Promise<void> {
  await eventually("a client is refused", () => isServed(port), (served) => !served);
}

async function accepted(port: number): Promise<void> {
  await eventually("a client is served", () => isServed(port), (served) => served);
}

/** A reset may come before the client has connected, or while it writes. */
async function isServed(port: number): Promise<boolean> {
  try {
    using client = await connect(port);
    return await exchange(client) === "hello";
  } catch {
    return false;
  }
}

async function exchange(conn: Deno.Conn): Promise<string> {
  await writeText(conn, "hello");
  return await readText(conn, 5);
}
