import assert from "node:assert/strict";
import { Sluice, within } from "../../support/program/program.ts";
import {
  connect,
  echo,
  endOf,
  readAll,
  readText,
  upstream,
  writeAll,
  writeText,
} from "../../support/peers/sockets.ts";

/** Far below the drain of 30 s that these tests prove not to be waited for, in milliseconds. */
const AT_ONCE = 10_000;

Deno.test("shutdown.drain_idle ends a drain once the last connection is idle", async () => {
  await using server = upstream(echo);
  await using sluice = await Sluice.withConfig(`
log: { format: json }
shutdown: { drain: 5m, drain_idle: 500ms }
services: [{ name: test, listen: 0, upstream: "${server.address}" }]
`);
  const clients = await Promise.all(Array.from({ length: 4 }, () => connect(sluice.port())));
  for (const client of clients) {
    await writeText(client, "ping");
    assert.equal(await readText(client, 4), "ping");
  }
  const [busy, ...idle] = clients;
  const before = performance.now();
  sluice.kill("SIGTERM");
  const ends = Promise.all(idle.map(endOf));
  let isOver = false;
  void ends.then(() => isOver = true);
  while (!isOver) {
    await writeText(busy!, "ping");
    assert.equal(await readText(busy!, 4), "ping");
  }
  assert.deepEqual(await ends, ["fin", "fin", "fin"]);
  assert.equal(await endOf(busy!), "fin");
  assert.equal((await sluice.ended()).code, 0);
  assert.ok(performance.now() - before < AT_ONCE);
  const closed = await sluice.loggedEvents("connection_closed", 4);
  assert.deepEqual([...new Set(closed.map(({ code, level }) => `${code} ${level}`))], ["drain_idle info"]);
  assert.equal(sluice.events("stopped")[0]!.cut, 0);
  for (const client of clients) client.close();
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  testSignals(
    `${signal} lets a transfer finish and closes an idle connection after shutdown.drain`,
    async () => {
      const drain = 2500;
      const answer = new Uint8Array(4 * 1024 * 1024).fill(7);
      const released = Promise.withResolvers<void>();
      await using server = upstream(async (conn) => {
        if (await readText(conn, 4) === "idle") return await echo(conn);
        await writeAll(conn, answer.subarray(0, 1000));
        await released.promise;
        await writeAll(conn, answer.subarray(1000));
        await conn.closeWrite();
      });
      await using sluice = await Sluice.withConfig(`
log: { format: json }
shutdown: { drain: ${drain}ms }
services: [{ name: test, listen: 0, upstream: "${server.address}" }]
`);
      using idle = await connect(sluice.port());
      await writeText(idle, "idleping");
      assert.equal(await readText(idle, 4), "ping");
      using active = await connect(sluice.port());
      await writeText(active, "send");
      await readText(active, 1000);

      sluice.kill(signal);
      const stopping = JSON.parse(await sluice.logged('"stopping"'));
      assert.equal(stopping.signal, signal);
      assert.equal(stopping.open, 2);
      released.resolve();
      const rest = await readAll(active);
      assert.equal(rest.byteLength, answer.byteLength - 1000);
      assert.ok(rest.every((byte) => byte === 7));
      active.close();
      const finished = JSON.parse(await sluice.logged('"upstream closed"'));
      assert.equal(finished.bytes_from_upstream, answer.byteLength);

      // Still draining: the idle connection works, a new one does not.
      await assert.rejects(connect(sluice.port()), Deno.errors.ConnectionRefused);
      await writeText(idle, "ping");
      assert.equal(await readText(idle, 4), "ping");
      assert.equal(await endOf(idle), "fin");

      const { code, stderr } = await within(AT_ONCE, "Stopping", sluice.ended());
      assert.equal(code, 0);
      const lines = stderr.trimEnd().split("\n").map((line) => JSON.parse(line));
      assert.deepEqual(
        lines.map((line) => line.reason ?? line.event),
        [
          "listening",
          "stopping",
          "upstream closed",
          "shutdown",
          "stopped",
        ],
        stderr,
      );
      const stopped = lines.at(-1);
      assert.equal(stopped.cut, 1);
      const waited = Date.parse(stopped.time) - Date.parse(stopping.time);
      assert.ok(waited >= drain - 50 && waited < drain + 5000, `stopped after ${waited} ms`);
    },
  );

  testSignals(`a second ${signal} closes open connections at once`, async () => {
    await using server = upstream(echo);
    await using sluice = await Sluice.before(server.address);
    using client = await connect(sluice.port());
    await writeText(client, "ping");
    assert.equal(await readText(client, 4), "ping");
    sluice.kill(signal);
    assert.match(await sluice.logged("no longer accepting"), / waiting for 1 open connection .* open=1$/);
    sluice.kill(signal);
    assert.equal(await within(AT_ONCE, "Closing the connection", endOf(client)), "fin");
    const { code, stderr } = await within(AT_ONCE, "Stopping", sluice.ended());
    assert.equal(code, 0, stderr);
    assert.match(stderr, / test: closed, shutdown .* code=shutdown\n.* Stopped.* cut=1\n$/);
  });

  testSignals(`${signal} without open connections ends the program at once`, async () => {
    await using server = upstream(echo);
    await using sluice = await Sluice.before(server.address);
    sluice.kill(signal);
    const { code, stderr } = await within(AT_ONCE, "Stopping", sluice.ended());
    assert.equal(code, 0, stderr);
    assert.match(
      stderr,
      new RegExp(` ${signal}: no longer accepting event=stopping .*\n.* Stopped .* cut=0\n$`),
    );
  });
}

testSignals("the drain ends with the last connection", async () => {
  await using server = upstream(echo);
  await using sluice = await Sluice.before(server.address);
  using client = await connect(sluice.port());
  await writeText(client, "ping");
  assert.equal(await readText(client, 4), "ping");
  sluice.kill("SIGTERM");
  await sluice.logged("waiting for 1 open connection ");
  client.close();
  const { code, stderr } = await within(AT_ONCE, "Stopping", sluice.ended());
  assert.equal(code, 0, stderr);
  assert.match(stderr, / test: closed, client closed .*\n.* Stopped .* cut=0\n$/);
});

testSignals("shutdown.drain 0 closes open connections at once", async () => {
  await using server = upstream(echo);
  await using sluice = await Sluice.withConfig(
    `shutdown: { drain: 0 }\nservices: [{ name: test, listen: 0, upstream: "${server.address}" }]\n`,
  );
  using client = await connect(sluice.port());
  await writeText(client, "ping");
  assert.equal(await readText(client, 4), "ping");
  sluice.kill("SIGTERM");
  assert.equal(await within(AT_ONCE, "Closing the connection", endOf(client)), "fin");
  assert.equal((await within(AT_ONCE, "Stopping", sluice.ended())).code, 0);
});

testSignals("a burst of signals ends the program as one signal does", async () => {
  // A terminal and a wrapper such as npx may each send one. The moment between them is what is tried.
  await using server = upstream(echo);
  for (const pause of [0, 1, 2, 3, 4, 5]) {
    await using sluice = await Sluice.before(server.address);
    sluice.kill("SIGTERM");
    for (let burst = 0; burst < 20; burst++) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      try {
        sluice.kill("SIGTERM");
      } catch {
        break; // It has ended.
      }
    }
    const { code, stderr } = await within(AT_ONCE, "Stopping", sluice.ended());
    assert.equal(code, 0, stderr);
    assert.match(stderr, / Stopped .*\n$/);
  }
});

/** Windows has no SIGTERM, and no program can send another one SIGINT there. */
function testSignals(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `${name} (needs Unix)`, ignore: Deno.build.os === "windows", fn });
}
