import assert from "node:assert/strict";
import { connect as connectNode, type Socket } from "node:net";
import { Sluice } from "../../support/program/program.ts";
import {
  connect,
  endOf,
  readText,
  resettableServer,
  upstream,
  writeText,
} from "../../support/peers/sockets.ts";

/** The time limit from a reset on one side to the end of the other. */
const AT_ONCE = 1000;
/** Of a group: one failure takes an endpoint out. */
const EJECT_AT_ONCE = "passive: { failures: 1, window: 1h, eject: 1h }";

for (const reset of ["close", "pass"] as const) {
  const expected = reset === "pass" ? "ConnectionReset" : "fin";

  Deno.test(`a reset by the upstream ends the client within a second, as ${expected}, with reset: ${reset}`, async () => {
    await using server = await resettableServer();
    await using sluice = await Sluice.before(server.address, [`reset: ${reset}`]);
    using client = await connect(sluice.port());
    const socket = await server.accepted();
    // Bytes that came through: the proxy has its side of the connection too.
    socket.write("hello");
    await readText(client, 5);
    const started = performance.now();
    socket.resetAndDestroy();
    assert.equal(await endOf(client), expected);
    assert.ok(performance.now() - started < AT_ONCE);
    assert.match(await sluice.logged("closed,"), /closed, upstream reset/);
  });

  Deno.test(`a reset by the client ends the upstream within a second, as ${expected}, with reset: ${reset}`, async () => {
    const ended = Promise.withResolvers<string>();
    await using server = upstream(async (conn) => {
      await writeText(conn, "hello");
      ended.resolve(await endOf(conn));
    });
    await using sluice = await Sluice.before(server.address, [`reset: ${reset}`]);
    const client = await connectResettable(sluice.port());
    await arrival(client);
    const started = performance.now();
    client.resetAndDestroy();
    assert.equal(await ended.promise, expected);
    assert.ok(performance.now() - started < AT_ONCE);
    assert.match(await sluice.logged("closed,"), /closed, client reset/);
  });

  Deno.test(`an answer followed by FIN and then a reset loses no byte with reset: ${reset}`, async () => {
    const answer = "x".repeat(10_000);
    await using server = await resettableServer();
    await using sluice = await Sluice.before(server.address, [`reset: ${reset}`]);
    using client = await connect(sluice.port());
    await writeText(client, "request");
    const socket = await server.accepted();
    await new Promise<void>((resolve) => socket.end(answer, () => resolve()));
    // The client holds the first byte, so the proxy is past the answer's start when the reset comes.
    const first = await readText(client, 1);
    const rest = readText(client, answer.length - 1);
    socket.resetAndDestroy();
    assert.equal(first + await rest, answer);
  });
}

for (const reset of ["close", "pass"] as const) {
  Deno.test(`a reset after both sides have finished is not a failure, with reset: ${reset}`, async () => {
    await using server = await resettableServer();
    const key = `reset: ${reset}`;
    await using sluice = await Sluice.beforeGroup([`"${server.address}"`], [EJECT_AT_ONCE], [key]);
    // One after the other, as threads log by themselves. The client hangs up after an answer, and before any.
    const lines: Awaited<ReturnType<typeof sluice.loggedEvents>> = [];
    for (const answer of ["answer", ""]) {
      using client = await connect(sluice.port());
      const socket = await server.accepted();
      const finished = new Promise((resolve) => socket.once("end", resolve));
      if (answer !== "") {
        await writeText(client, "question");
        socket.write(answer);
        await readText(client, answer.length);
      }
      await client.closeWrite();
      await finished;
      socket.resetAndDestroy();
      assert.equal(await endOf(client), reset === "pass" ? "ConnectionReset" : "fin");
      lines.push((await sluice.loggedEvents("connection_closed", lines.length + 1)).at(-1)!);
    }
    // The upstream hangs up.
    const client = await connectResettable(sluice.port());
    (await server.accepted()).end("greeting");
    await new Promise((resolve) => client.once("end", resolve).resume());
    client.resetAndDestroy();
    lines.push((await sluice.loggedEvents("connection_closed", 3)).at(-1)!);
    assert.deepEqual(lines.map(({ reason, code, ended_by }) => [reason, code, ended_by]), [
      ["client closed, then upstream reset", undefined, "client"],
      ["client closed, then upstream reset", undefined, "client"],
      ["upstream closed, then client reset", undefined, "upstream"],
    ]);
    assert.deepEqual(sluice.events("endpoint_ejected"), []);
  });

  Deno.test(`a reset instead of the answer to a client that has finished is a failure, with reset: ${reset}`, async () => {
    await using server = await resettableServer();
    const key = `reset: ${reset}`;
    await using sluice = await Sluice.beforeGroup([`"${server.address}"`], [EJECT_AT_ONCE], [key]);
    using client = await connect(sluice.port());
    await writeText(client, "question");
    await client.closeWrite();
    const socket = await server.accepted();
    if (!socket.readableEnded) await new Promise((resolve) => socket.once("end", resolve));
    socket.resetAndDestroy();
    await endOf(client);
    const [line] = await sluice.loggedEvents("connection_closed", 1);
    assert.deepEqual([line!.reason, line!.code], ["upstream reset", "connection_reset"]);
    await sluice.loggedEvents("endpoint_ejected", 1);
  });
}

Deno.test("an upstream that resets at once resets the client with reset: pass", async () => {
  await using server = await resettableServer();
  await using sluice = await Sluice.before(server.address, ["reset: pass"]);
  using client = await connect(sluice.port());
  (await server.accepted()).resetAndDestroy();
  assert.equal(await endOf(client), "ConnectionReset");
  assert.match(await sluice.logged("upstream reset"), /(closed|failed), upstream reset/);
});

Deno.test("the last bytes of an upstream that closes with unread input reach the client", async () => {
  await using server = upstream(async (conn) => {
    await readText(conn, 1);
    await writeText(conn, "too large");
    // Closing with two bytes unread makes the kernel send a RST after these.
  });
  await using sluice = await Sluice.before(server.address);
  using client = await connect(sluice.port());
  await writeText(client, "xyz");
  assert.equal(await readText(client, 9), "too large");
});

Deno.test("a broken connection leaves the others alone", async () => {
  await using server = await resettableServer();
  await using sluice = await Sluice.before(server.address);
  using healthy = await connect(sluice.port());
  const healthySocket = await server.accepted();
  for (let round = 0; round < 20; round++) {
    const broken = await connect(sluice.port());
    const socket = await server.accepted();
    socket.resetAndDestroy();
    await endOf(broken);
    broken.close();
  }
  healthySocket.write("alive");
  assert.equal(await readText(healthy, 5), "alive");
});

function connectResettable(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectNode({ host: "127.0.0.1", port, allowHalfOpen: true }, () => resolve(socket));
    socket.on("error", reject);
  });
}

function arrival(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once("data", () => resolve()));
}
