import assert from "node:assert/strict";
import { Sluice } from "../../support/program/program.ts";
import {
  blackHole,
  connect,
  echo,
  endOf,
  readAll,
  readText,
  upstream,
  writeText,
} from "../../support/peers/sockets.ts";

Deno.test("a refused upstream closes the client and names the cause", async () => {
  const port = await freePort();
  await using sluice = await Sluice.before(`127.0.0.1:${port}`);
  using client = await connect(sluice.port());
  assert.equal(await endOf(client), "fin");
  const line = await sluice.logged("failed,");
  assert.match(line, /failed, upstream connection refused .*code=connection_refused/);
  assert.match(line, new RegExp(`upstream=127.0.0.1:${port}`));
});

Deno.test("an unknown host closes the client and names the cause", async () => {
  await using sluice = await Sluice.before("no-such-host.invalid:5432");
  using client = await connect(sluice.port());
  assert.equal(await endOf(client), "fin");
  assert.match(
    await sluice.logged("failed,"),
    /failed, upstream name not resolved .*upstream=no-such-host.invalid/,
  );
});

for (const reset of ["close", "pass"]) {
  Deno.test(`connect_timeout ends a dial without an answer, with reset: ${reset}`, async () => {
    await using full = await blackHole();
    await using sluice = await Sluice.before(full.address, ["connect_timeout: 300ms", `reset: ${reset}`]);
    using client = await connect(sluice.port());
    const started = performance.now();
    assert.equal(await endOf(client), "fin");
    const waited = performance.now() - started;
    assert.ok(waited >= 250 && waited < 2000, `closed after ${waited} ms`);
    assert.match(await sluice.logged("failed,"), /failed, upstream connect timeout/);
  });
}

Deno.test("idle_timeout closes a silent connection on both sides", async () => {
  const ended = Promise.withResolvers<string>();
  await using server = upstream(async (conn) => ended.resolve(await endOf(conn)));
  await using sluice = await Sluice.before(server.address, ["idle_timeout: 400ms"]);
  using client = await connect(sluice.port());
  const started = performance.now();
  assert.equal(await endOf(client), "fin");
  const waited = performance.now() - started;
  assert.ok(waited >= 350 && waited < 2000, `closed after ${waited} ms`);
  assert.equal(await ended.promise, "fin");
  assert.match(await sluice.logged("closed,"), /closed, idle timeout .*code=idle_timeout/);
});

Deno.test("a one-way trickle survives three idle timeouts", async () => {
  const ticks = 12;
  await using server = upstream(async (conn) => {
    for (let tick = 0; tick < ticks; tick++) {
      await writeText(conn, ".");
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  });
  await using sluice = await Sluice.before(server.address, ["idle_timeout: 800ms"]);
  using client = await connect(sluice.port());
  assert.equal((await readAll(client)).byteLength, ticks);
});

Deno.test("a peer that accepts no more bytes is not active: the idle timeout ends it", async () => {
  const chunk = new Uint8Array(1024 * 1024);
  await using server = upstream(async (conn) => {
    for (;;) await conn.write(chunk);
  });
  await using sluice = await Sluice.before(server.address, ["idle_timeout: 500ms"]);
  using client = await connect(sluice.port());
  await readText(client, 1);
  // The client reads nothing more, so the writes to it block.
  assert.match(await sluice.logged("closed,"), /closed, idle timeout/);
});

Deno.test("half_close_timeout ends a connection whose other side sends nothing more", async () => {
  await using server = upstream(async (conn) => {
    await readAll(conn);
    await new Promise((resolve) => setTimeout(resolve, 3000));
  });
  await using sluice = await Sluice.before(server.address, ["idle_timeout: 0", "half_close_timeout: 300ms"]);
  using client = await connect(sluice.port());
  await client.closeWrite();
  assert.equal(await endOf(client), "fin");
  assert.match(await sluice.logged("closed,"), /closed, half-close timeout/);
});

Deno.test("half_close_timeout does not end a connection that still moves bytes", async () => {
  await using server = upstream(async (conn) => {
    await readAll(conn);
    for (let tick = 0; tick < 10; tick++) {
      await writeText(conn, ".");
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  });
  await using sluice = await Sluice.before(server.address, ["half_close_timeout: 600ms"]);
  using client = await connect(sluice.port());
  await client.closeWrite();
  assert.equal((await readAll(client)).byteLength, 10);
});

Deno.test("a timeout of 0 is no timeout", async () => {
  await using server = upstream(echo);
  await using sluice = await Sluice.before(server.address, [
    "idle_timeout: 0",
    "half_close_timeout: 0",
    "connect_timeout: 0",
  ]);
  using client = await connect(sluice.port());
  await writeText(client, "ping");
  assert.equal(await readText(client, 4), "ping");
});

async function freePort(): Promise<number> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await Promise.resolve();
  return listener.addr.port;
}
