/** Clients of Redis that wait: while it restarts, and while it takes few connections. */

import assert from "node:assert/strict";
import type { UpstreamView } from "../../../src/admin/views.ts";
import { Admin } from "../../support/program/admin.ts";
import { eventually } from "../../support/eventually.ts";
import { Sluice } from "../../support/program/program.ts";
import { interopTest, run } from "../../support/interop.ts";
import { REDIS, REDIS_AND_TOOLS, startRedis } from "../servers/redis.ts";
import { RedisClient } from "../servers/resp.ts";

interopTest("Redis restarts, and clients that come meanwhile get their answers", REDIS, async (stack) => {
  const before = await startRedis(stack);
  const { port } = before;
  const sluice = await start(
    stack,
    `endpoints: ["127.0.0.1:${port}"], on_all_down: wait, retry: { timeout: 30s }`,
  );
  using first = await RedisClient.connect(sluice.port());
  assert.equal(await first.call("PING"), "+PONG\r\n");
  await before[Symbol.asyncDispose]();
  const answers = Array.from({ length: 50 }, async (_, number) => {
    using client = await RedisClient.connect(sluice.port());
    return await client.call("SET", `key ${number}`, "value");
  });
  const admin = new Admin(sluice);
  const waiting = async () => (await admin.metrics()).sum("sluice_waiting_connections");
  await eventually("all to wait", waiting, (count) => count === 50);
  await startRedis(stack, ["--port", `${port}`]);
  assert.deepEqual(new Set(await Promise.all(answers)), new Set(["+OK\r\n"]));
  using last = await RedisClient.connect(sluice.port());
  assert.equal(await last.call("DBSIZE"), ":50\r\n");
});

interopTest(
  "50 clients of redis-benchmark share 5 connections, and no command fails",
  REDIS_AND_TOOLS,
  async (stack) => {
    // It refuses what is over this number. Connections that have ended may count for a moment longer.
    const { port } = await startRedis(stack, ["--maxclients", "10"]);
    const group = `endpoints: [{ address: "127.0.0.1:${port}", max_connections: 5 }], queue: 30s`;
    const sluice = await start(stack, group);
    // A connection for each request: a client that waits is served when another one has ended.
    const args = [
      "-h",
      "127.0.0.1",
      "-p",
      `${sluice.port()}`,
      "-c",
      "50",
      "-n",
      "500",
      "-k",
      "0",
      "-t",
      "set",
    ];
    const { text, stderr } = await run("redis-benchmark", [...args, "--csv"]);
    assert.match(text, /"SET"/);
    assert.match(stderr, /^(WARNING: Keepalive disabled.*\n)?$/);
    const admin = new Admin(sluice);
    const [{ queue }] = await admin.view<[UpstreamView]>("upstreams");
    assert.ok(queue!.waited >= 45, `${queue!.waited} clients have waited`);
    // At its end, it leaves those that still wait.
    const failed = Object.keys((await admin.service()).failed_by);
    assert.deepEqual(failed.filter((code) => code !== "client_left" && code !== "connection_reset"), []);
    await eventually("all to leave", () => admin.connections(), ({ length }) => length === 0);
  },
);

async function start(stack: AsyncDisposableStack, group: string): Promise<Sluice> {
  const yaml = `admin: { listen: "127.0.0.1:0" }
upstreams: { redis: { ${group} } }
services: [{ name: redis, listen: 0, upstream: redis }]`;
  return stack.use(await Sluice.withConfig(yaml));
}
