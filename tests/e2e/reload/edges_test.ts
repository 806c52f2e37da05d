/** Reloads while a client or a connection is in between. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "../../support/eventually.ts";
import { TestClients } from "../../support/peers/test_client.ts";
import { NamedServer } from "../../support/peers/named_server.ts";
import { within } from "../../support/program/program.ts";
import { Reloadable } from "../../support/program/reloadable.ts";
import { connect, freePorts, readAll, readText, writeText } from "../../support/peers/sockets.ts";

const AT_ONCE = 5000;

function testUnix(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `${name} (needs SIGHUP)`, ignore: Deno.build.os === "windows", fn });
}

testUnix("a client whose upstream is taken out while it sends its PROXY header is served", async () => {
  await using a = await NamedServer.start("a");
  await using b = await NamedServer.start("b");
  const yaml = ({ address }: NamedServer) =>
    service(`upstream: "${address}"`, "accept_proxy_protocol: { from: 127.0.0.1 }");
  await using fixture = await Reloadable.start(yaml(a));
  const client = await connect(fixture.sluice.port());
  await writeText(client, "PROXY TCP4 192.0.2.1 ");
  await eventually(
    "the client",
    async () => (await fixture.admin.status()).connections.active,
    (open) => open === 1,
  );
  await fixture.reload(yaml(b));
  await writeText(client, "192.0.2.2 1000 2000\r\nNAME");
  assert.equal(await within(AT_ONCE, "the answer", readText(client, 1)), "a");
  client.close();
});

testUnix("limits.connections may change alone, and applies to unchanged services", async () => {
  await using a = await NamedServer.start("a");
  const yaml = (limit: number) => `limits: { connections: ${limit} }\n${service(`upstream: "${a.address}"`)}`;
  await using fixture = await Reloadable.start(yaml(1));
  const port = fixture.sluice.port();
  using clients = new TestClients();
  assert.deepEqual(await clients.connectMany(port, 1), ["a"]);
  assert.deepEqual(await clients.connectMany(port, 1), [""]);
  await fixture.reload(yaml(2));
  assert.deepEqual(await clients.connectMany(port, 1), ["a"]);
  assert.deepEqual(await clients.connectMany(port, 1), [""]);
  await fixture.reload(yaml(0));
  assert.deepEqual(await clients.connectMany(port, 3), ["a", "a", "a"]);
  await fixture.reload(yaml(3));
  assert.deepEqual(await clients.connectMany(port, 1), [""]);
});

testUnix("every client in the queue is admitted when the limit is raised", async () => {
  await using a = await NamedServer.start("a");
  const yaml = (limit: number) =>
    service(`upstream: "${a.address}"`, `limits: { connections: ${limit}, when_full: wait }`);
  await using fixture = await Reloadable.start(yaml(1));
  const port = fixture.sluice.port();
  using inside = await connect(port);
  assert.equal(await nameBehind(inside), "a");
  using waiting = await connect(port);
  const answer = nameBehind(waiting);
  await eventually(
    "both",
    async () => (await fixture.admin.status()).connections.active,
    (open) => open === 2,
  );
  await fixture.reload(yaml(100));
  assert.equal(await within(AT_ONCE, "the place", answer), "a");
  using fresh = await connect(port);
  assert.equal(await within(AT_ONCE, "the place of the next", nameBehind(fresh)), "a");
});

testUnix("an address that was released a moment ago can be bound again", async () => {
  await using a = await NamedServer.start("a");
  const [first, second] = freePorts(2);
  const yaml = (ports: readonly number[]) =>
    `services:\n${
      ports.map((port, index) =>
        `  - { name: s${index}, listen: "127.0.0.1:${port}", upstream: "${a.address}" }\n`
      )
        .join("")
    }`;
  await using fixture = await Reloadable.start(yaml([first!, second!]));
  for (let round = 0; round < 3; round++) {
    await fixture.reload(yaml([first!]));
    await fixture.reload(yaml([first!, second!]));
    using client = await connect(second!);
    assert.equal(await nameBehind(client), "a");
  }
  const line = await fixture.reload(yaml([first!]).replace("127.0.0.1:", "0.0.0.0:"), "reload_refused");
  assert.match(String(line["message"]), new RegExp(`this program listens on 127\\.0\\.0\\.1:${first}`));
});

testUnix("the mode of a socket file changes, and its connections stay", async () => {
  await using a = await NamedServer.start("a");
  const directory = await Deno.makeTempDir();
  try {
    const path = join(directory, "test.sock");
    const yaml = (mode: string) =>
      `services: [{ name: test, listen: "unix:${path}", unix_mode: "${mode}", upstream: "${a.address}" }]\n`;
    await using fixture = await Reloadable.start(yaml("0666"));
    using client = await Deno.connect({ transport: "unix", path });
    assert.equal(await nameBehind(client), "a");
    await fixture.reload(yaml("0600"));
    await eventually("the mode", async () => (await Deno.stat(path)).mode! & 0o777, (mode) => mode === 0o600);
    await writeText(client, "more");
    assert.equal(await readText(client, 4), "more");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

testUnix(
  "connections that began while the access log had a file have a line after it has none",
  async () => {
    await using a = await NamedServer.start("a");
    const directory = await Deno.makeTempDir();
    try {
      const yaml = (log: string) => `log: { format: json${log} }\n${service(`upstream: "${a.address}"`)}`;
      await using fixture = await Reloadable.start(
        yaml(`, access: { path: "${join(directory, "access.log")}" }`),
      );
      const client = await connect(fixture.sluice.port());
      assert.equal(await nameBehind(client), "a");
      await fixture.reload(yaml(""));
      client.close();
      const [line] = await fixture.sluice.loggedEvents("connection_closed", 1);
      assert.equal(line!["bytes_from_client"], 4);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
);

testUnix("a pool keeps no connection to a removed endpoint", async () => {
  await using a = await NamedServer.start("a");
  await using b = await NamedServer.start("b");
  const yaml = ({ address }: NamedServer) =>
    `upstreams: { group: { endpoints: ["${address}"], pool: { mode: reuse, quiet: 20ms, max_idle_time: 1h } } }
services: [{ name: test, listen: "127.0.0.1:0", upstream: group }]
`;
  await using fixture = await Reloadable.start(yaml(a));
  const client = await connect(fixture.sluice.port());
  assert.equal(await nameBehind(client), "a");
  await fixture.reload(yaml(b));
  await client.closeWrite();
  assert.equal((await readAll(client)).byteLength, 0);
  client.close();
  await fixture.sluice.loggedEvents("connection_closed", 1);
  const [group] = await fixture.admin.view<{ pool: { idle: number } }[]>("upstreams");
  assert.equal(group!.pool.idle, 0);
});

testUnix("no client is lost while one of two endpoints changes every few milliseconds", async () => {
  await using a = await NamedServer.start("a");
  await using b = await NamedServer.start("b");
  await using c = await NamedServer.start("c");
  const yaml = (other: NamedServer) =>
    `upstreams: { group: { endpoints: ["${a.address}", "${other.address}"] } }
services: [{ name: test, listen: "127.0.0.1:0", upstream: group }]
`;
  await using fixture = await Reloadable.start(yaml(b));
  const port = fixture.sluice.port();
  const counts: Record<string, number> = {};
  let isBusy = true;
  const keepCalling = async () => {
    while (isBusy) {
      using client = await connect(port);
      const name = await nameBehind(client);
      counts[name] = (counts[name] ?? 0) + 1;
    }
  };
  const callers = Promise.all(Array.from({ length: 8 }, keepCalling));
  for (let round = 1; round <= 30; round++) await fixture.reload(yaml(round % 2 === 0 ? b : c));
  isBusy = false;
  await within(AT_ONCE, "the last calls", callers);
  assert.deepEqual(Object.keys(counts).sort(), ["a", "b", "c"]);
  assert.deepEqual(fixture.sluice.events("connection_failed"), []);
});

function service(...keys: string[]): string {
  return `services: [{ ${["name: test", 'listen: "127.0.0.1:0"', ...keys].join(", ")} }]\n`;
}

async function nameBehind(conn: Deno.Conn): Promise<string> {
  await writeText(conn, "NAME");
  return await readText(conn, 1);
}
