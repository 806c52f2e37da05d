/** From one configuration to the next while the program runs. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import { NamedServer } from "../../support/peers/named_server.ts";
import { within } from "../../support/program/program.ts";
import { Reloadable } from "../../support/program/reloadable.ts";
import {
  connect,
  echo,
  endOf,
  readAll,
  readText,
  tryClose,
  upstream,
  writeText,
} from "../../support/peers/sockets.ts";

const AT_ONCE = 2000;

function testUnix(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `${name} (needs SIGHUP)`, ignore: Deno.build.os === "windows", fn });
}

testUnix(
  "a changed service sends new clients elsewhere, and keeps open connections and its port",
  async () => {
    await using a = await NamedServer.start("a");
    await using b = await NamedServer.start("b");
    await using fixture = await Reloadable.start(service("test", a.address));
    const port = fixture.sluice.port();
    using old = await connect(port);
    assert.equal(await nameBehind(old), "a");
    const line = await fixture.reload(service("test", b.address));
    assert.match(String(line["message"]), /: 1 service changed \(test\)$/);
    using fresh = await connect(port);
    assert.equal(await nameBehind(fresh), "b");
    await writeText(old, "more");
    assert.equal(await readText(old, 4), "more");
    assert.equal(await fixture.portOf("test"), port);
    const { connections } = await fixture.admin.service();
    assert.deepEqual([connections.total, connections.active], [2, 2]);
  },
);

testUnix(
  "a removed service stops accepting, and its connections continue; an added one listens",
  async () => {
    await using a = await NamedServer.start("a");
    await using fixture = await Reloadable.start(service("old", a.address));
    const port = fixture.sluice.port();
    using open = await connect(port);
    assert.equal(await nameBehind(open), "a");
    await fixture.reload(service("new", a.address));
    await refused(port);
    await writeText(open, "more");
    assert.equal(await readText(open, 4), "more");
    using fresh = await connect(await fixture.portOf("new"));
    assert.equal(await nameBehind(fresh), "a");
    assert.equal((await fixture.admin.status()).connections.active, 2);
    open.close();
    fresh.close();
    await eventually(
      "no connection",
      async () => (await fixture.admin.status()).connections.active,
      (n) => n === 0,
    );
    const { code } = await fixture.sluice.stop();
    assert.equal(code, 0);
  },
);

testUnix("a file with a mistake changes nothing and is reported, in the log and by the API", async () => {
  await using a = await NamedServer.start("a");
  await using b = await NamedServer.start("b");
  await using fixture = await Reloadable.start(service("test", a.address));
  const bad = `${service("test", b.address)}servcies: 1\n`;
  const good = await fixture.admin.metrics();
  assert.equal(good.sum("sluice_config_last_reload_successful"), 1);
  const line = await fixture.reload(bad, "reload_refused");
  const metrics = await fixture.admin.metrics();
  assert.equal(metrics.sum("sluice_config_last_reload_successful"), 0);
  const since = "sluice_config_last_reload_success_timestamp_seconds";
  assert.equal(metrics.sum(since), good.sum(since));
  assert.match(
    String(line["message"]),
    /nothing is changed: .*Unknown key "servcies": did you mean "services"\?/s,
  );
  const { status, text } = await fixture.admin.ask("POST", "/api/v1/reload");
  assert.equal(status, 422, text);
  assert.match(JSON.parse(text).error.message, /Unknown key "servcies"/);
  using client = await connect(fixture.sluice.port());
  assert.equal(await nameBehind(client), "a");
  await Deno.remove(fixture.path);
  assert.match((await fixture.admin.ask("POST", "/api/v1/reload")).text, /no such file/);
});

testUnix("an address in use changes nothing at all, and is named", async () => {
  await using a = await NamedServer.start("a");
  await using b = await NamedServer.start("b");
  await using taken = upstream(echo);
  await using fixture = await Reloadable.start(service("test", a.address));
  const wanted = `services:
  - { name: test, listen: "127.0.0.1:0", upstream: "${b.address}" }
  - { name: first, listen: "127.0.0.1:0", upstream: "${b.address}" }
  - { name: second, listen: "${taken.address}", upstream: "${b.address}" }
`;
  const line = await fixture.reload(wanted, "reload_refused");
  assert.match(
    String(line["message"]),
    new RegExp(`nothing is changed: Cannot listen on ${taken.address}: address already in use`),
  );
  using client = await connect(fixture.sluice.port());
  assert.equal(await nameBehind(client), "a");
  assert.deepEqual((await fixture.admin.view<{ name: string }[]>("services")).map(({ name }) => name), [
    "test",
  ]);
  await taken.stopListening();
  await fixture.reload(wanted);
  using late = await connect(await fixture.portOf("second"));
  assert.equal(await nameBehind(late), "b");
});

testUnix("1000 open connections and a loop of new ones lose none through 50 reloads", async () => {
  await using server = upstream(echo);
  const variant = (round: number) =>
    `upstreams:
  group: { endpoints: ["${server.address}"], balance: ${
      round % 2 === 0 ? "round_robin" : "least_connections"
    } }
services:
  - { name: test, listen: "127.0.0.1:0", upstream: group, idle_timeout: ${10 + round}m }
  - { name: extra-${round % 3}, listen: "127.0.0.1:0", upstream: "${server.address}" }
`;
  await using fixture = await Reloadable.start(variant(0));
  const port = fixture.sluice.port();
  const held: Deno.TcpConn[] = [];
  try {
    while (held.length < 1000) {
      held.push(...await Promise.all(Array.from({ length: 50 }, () => connect(port))));
    }
    await Promise.all(held.map((conn) => roundTrip(conn, "before")));
    let isBusy = true;
    let count = 0;
    const keepCalling = async () => {
      for (; isBusy; count++) {
        using conn = await connect(port);
        await roundTrip(conn, "new one");
        await conn.closeWrite();
        assert.equal((await readAll(conn)).byteLength, 0);
      }
    };
    const callers = Promise.all([keepCalling(), keepCalling(), keepCalling()]);
    for (let round = 1; round <= 50; round++) {
      const before = count;
      await fixture.reload(variant(round));
      await Promise.race([eventually("more calls", () => count, (now) => now > before + 3), callers]);
    }
    isBusy = false;
    await within(10_000, "the last calls", callers);
    await Promise.all(held.map((conn) => roundTrip(conn, "after")));
    assert.ok(count >= 200, `${count} calls`);
    assert.deepEqual(fixture.sluice.events("connection_failed"), []);
    assert.deepEqual(fixture.sluice.events("connection_refused"), []);
  } finally {
    for (const conn of held) tryClose(conn);
  }
  const { code, stderr } = await fixture.sluice.stop();
  assert.equal(code, 0, stderr);
});

testUnix("the socket API of a listener may change, without a lost connection or client", async () => {
  await using a = await NamedServer.start("a");
  await using fixture = await Reloadable.start(service("test", a.address));
  const port = fixture.sluice.port();
  using old = await connect(port);
  assert.equal(await nameBehind(old), "a");
  for (const reset of ["pass", "close"]) {
    await fixture.reload(service("test", a.address, `reset: ${reset}`));
    using fresh = await connect(port);
    assert.equal(await nameBehind(fresh), "a");
  }
  await writeText(old, "more");
  assert.equal(await readText(old, 4), "more");
});

testUnix(
  "a reload keeps the states that operators set, and the results of health checks",
  async () => {
    await using a = await NamedServer.start("a");
    await using b = await NamedServer.start("b");
    const yaml = (weight: number) =>
      `upstreams:
  group: { endpoints: [{ address: "${a.address}", weight: ${weight} }, "${b.address}"] }
services: [{ name: test, listen: "127.0.0.1:0", upstream: group }]
`;
    await using fixture = await Reloadable.start(yaml(1));
    await fixture.admin.setEndpoint(a.address, "drain");
    await fixture.reload(yaml(5));
    for (let visit = 0; visit < 4; visit++) {
      using client = await connect(fixture.sluice.port());
      assert.equal(await nameBehind(client), "b");
    }
  },
);

testUnix("a reload changes limits, log level and the file of the access log at once", async () => {
  await using server = upstream(echo);
  const directory = await Deno.makeTempDir();
  const file = (name: string) => join(directory, name);
  const yaml = (log: string, limit: number) =>
    `log: { format: json, ${log} }\n${service("test", server.address, `limits: { connections: ${limit} }`)}`;
  try {
    await using fixture = await Reloadable.start(yaml(`access: { path: "${file("one")}" }`, 2));
    const port = fixture.sluice.port();
    using first = await connect(port);
    await roundTrip(first, "first");
    await fixture.reload(yaml(`access: { path: "${file("two")}" }`, 1));
    using second = await connect(port);
    assert.notEqual(await within(AT_ONCE, "the refusal", endOf(second)), "");
    first.close();
    const lines = await eventually(
      "two lines",
      () => Deno.readTextFile(file("two")),
      (text) => text.includes("connection_refused") && text.includes("connection_closed"),
    );
    assert.match(lines, /connection_limit/);
    assert.equal(await Deno.readTextFile(file("one")), "");
    const refused = await fixture.reload(yaml(`access: { path: "${file("no/such")}" }`, 1), "reload_refused");
    assert.match(String(refused["message"]), /its folder does not exist/);
    await fixture.write(yaml("level: error", 1));
    const { text } = await fixture.admin.ask("POST", "/api/v1/reload");
    assert.match(text, /1 service changed|log/);
    using third = await connect(port);
    await roundTrip(third, "third");
    third.close();
    const { code, stderr } = await fixture.sluice.stop();
    assert.equal(code, 0);
    assert.doesNotMatch(stderr, /"connection_closed"|"stopped"/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

testUnix("a reload names keys that need a restart, and keeps the values in effect", async () => {
  await using server = upstream(echo);
  await using fixture = await Reloadable.start(service("test", server.address));
  const moved = `admin: { listen: "127.0.0.1:0", token: 0123456789abcdef }\n${
    service("test", server.address)
  }`;
  const line = await fixture.reload(moved);
  assert.equal(line["level"], "warn");
  assert.match(String(line["message"]), /restart.*admin|admin.*restart/);
  assert.equal((await fixture.admin.ask("GET", "/api/v1/status")).status, 200, "no token is asked for yet");
});

Deno.test("reload.watch takes over a file that is replaced or written in place", async () => {
  await using a = await NamedServer.start("a");
  await using b = await NamedServer.start("b");
  const yaml = (address: string) => `reload: { watch: true }\n${service("test", address)}`;
  await using fixture = await Reloadable.start(yaml(a.address));
  const visit = async () => {
    using client = await connect(fixture.sluice.port());
    return await nameBehind(client);
  };
  assert.equal(await visit(), "a");
  await fixture.write(yaml(b.address));
  await fixture.sluice.loggedEvents("reloaded", 1);
  assert.equal(await visit(), "b");
  await Deno.writeTextFile(
    fixture.path,
    (await Deno.readTextFile(fixture.path)).replaceAll(b.address, a.address),
  );
  await fixture.sluice.loggedEvents("reloaded", 2);
  assert.equal(await visit(), "a");
  await fixture.write(`${yaml(b.address)}nonsense: 1\n`);
  await fixture.sluice.loggedEvents("reload_refused", 1);
  assert.equal(await visit(), "a");
});

function service(name: string, address: string, ...keys: string[]): string {
  const entries = [`name: ${name}`, 'listen: "127.0.0.1:0"', `upstream: "${address}"`, ...keys];
  return `services: [{ ${entries.join(", ")} }]\n`;
}

async function nameBehind(conn: Deno.Conn): Promise<string> {
  await writeText(conn, "NAME");
  return await readText(conn, 1);
}

async function roundTrip(conn: Deno.Conn, text: string): Promise<void> {
  await writeText(conn, text);
  assert.equal(await readText(conn, text.length), text);
}

/** Resolves once clients are refused. Connects seldom: a listener closes after a moment without clients. */
async function refused(port: number): Promise<void> {
  for (;;) {
    try {
      (await connect(port)).close();
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionRefused) return;
      throw error;
    }
    await pause(200);
  }
}
