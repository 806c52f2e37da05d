// A test as users of Node.js's own test runner write it, without a compiler.

import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { after, test } from "node:test";
import { startSluice } from "@sluice-proxy/sluice/test";

const server = net.createServer((socket) => void socket.on("error", () => {}).pipe(socket).on("error", () => {}));
await once(server.listen(0, "127.0.0.1"), "listening");
const proxy = await startSluice({
  services: [
    { name: "echo", listen: 0, upstream: `127.0.0.1:${server.address().port}` },
    { name: "none", listen: 0, upstream: "127.0.0.1:1" },
  ],
});
after(async () => {
  await proxy.stop();
  server.close();
});

test("connections are listed and reset", async () => {
  const client = net.connect(proxy.service("echo").port, "127.0.0.1");
  const error = once(client, "error");
  const { id } = await proxy.nextEvent("connected");
  const [connection, ...others] = proxy.connections();
  assert.equal(others.length, 0);
  assert.deepEqual([connection.id, connection.service], [id, "echo"]);
  await connection.reset();
  assert.equal((await error)[0].code, "ECONNRESET");
  assert.equal((await proxy.nextEvent("closed")).reason, "killed");
  await proxy.settled();
  assert.deepEqual(proxy.connections(), []);
});

test("a service goes down and comes up on the same port", async () => {
  const service = proxy.service("echo");
  await service.down();
  const [refused] = await once(net.connect(service.port, "127.0.0.1"), "error");
  assert.equal(refused.code, "ECONNREFUSED");
  await service.up();
  const client = net.connect(service.port, "127.0.0.1");
  client.end("again");
  assert.equal(String((await once(client, "data"))[0]), "again");
  assert.equal((await service.figures()).connections.total, 2);
});

test("a fault acts on the connections that it is for", async () => {
  const { port, faults } = proxy.service("echo");
  const refuse = await faults.add({ type: "refuse", first: 1 });
  const [error] = await once(net.connect(port, "127.0.0.1"), "error");
  assert.equal(error.code, "ECONNRESET");
  const event = await proxy.nextEvent("fault");
  assert.deepEqual([event.fault, event.service], ["refuse", "echo"]);
  await refuse.update({ first: 2 });
  await refuse.remove();
  assert.deepEqual(await faults.list(), []);
});

test("events are read in a loop", async () => {
  const events = proxy.events();
  net.connect(proxy.service("none").port, "127.0.0.1").on("error", () => {});
  const types = [];
  for await (const { type } of events) {
    types.push(type);
    if (type === "failed") break;
  }
  assert.deepEqual(types, ["opened", "failed"]);
});

test("options that are wrong are explained", async () => {
  await assert.rejects(startSluice({ upstream: "127.0.0.1" }), {
    name: "StartError",
    message: /upstream: Cannot parse address "127\.0\.0\.1": the port is missing/,
  });
});
