import assert from "node:assert/strict";
import { join } from "node:path";
import { namesIn } from "../../support/program/directory.ts";
import { runSluice, Sluice } from "../../support/program/program.ts";
import { connect, echo, readText, upstream, writeText } from "../../support/peers/sockets.ts";

const WINDOWS = Deno.build.os === "windows";

Deno.test("two services of one file work at once, each with its own upstream", async () => {
  await using first = upstream(async (conn) => {
    await writeText(conn, "first ");
    await echo(conn);
  });
  await using second = upstream(async (conn) => {
    await writeText(conn, "second");
    await echo(conn);
  });
  await using sluice = await Sluice.withConfig(`
services:
  - { name: one, listen: 127.0.0.1:0, upstream: "${first.address}" }
  - { name: two, listen: 127.0.0.1:0, upstream: "${second.address}", reset: pass }
`);
  assert.deepEqual(sluice.ready.services.map((service) => service.name), ["one", "two"]);
  using toFirst = await connect(sluice.port(0));
  using toSecond = await connect(sluice.port(1));
  assert.equal(await readText(toFirst, 6), "first ");
  assert.equal(await readText(toSecond, 6), "second");
  for (const conn of [toFirst, toSecond, toFirst]) {
    await writeText(conn, "ping");
    assert.equal(await readText(conn, 4), "ping");
  }
  toFirst.close();
  assert.match(await sluice.logged("one: closed"), new RegExp(` upstream=${first.address} .*from_client=8 `));
  toSecond.close();
  assert.match(
    await sluice.logged("two: closed"),
    new RegExp(` upstream=${second.address} .*from_client=4 `),
  );
});

for (const reset of ["close", "pass"]) {
  Deno.test(`listen may be a list, which is bound and reported in its order, with reset: ${reset}`, async () => {
    await using server = upstream(echo);
    await using sluice = await Sluice.withConfig(`
services:
  - name: test
    listen: [0, 127.0.0.1:0, "localhost:0"]
    upstream: "${server.address}"
    reset: ${reset}
`);
    const { listen } = sluice.ready.services[0]!;
    assert.equal(listen.length, 3);
    assert.equal(new Set(listen).size, 3);
    for (const address of listen.slice(0, 2)) assert.match(address, /^127\.0\.0\.1:[1-9]\d*$/);
    for (const address of listen) {
      const [, hostname, port] = /^(.*):(\d+)$/.exec(address)!;
      using client = await Deno.connect({ hostname: hostname!.replace(/[[\]]/g, ""), port: Number(port) });
      await writeText(client, address);
      assert.equal(await readText(client, address.length), address);
    }
    assert.match(
      await sluice.logged("listening"),
      new RegExp(`test: listening on ${listen.join(", ").replace(/[[\].]/g, "\\$&")} `),
    );
  });

  Deno.test({
    name:
      `":0" accepts IPv4 and IPv6 clients and logs both in their own form, with reset: ${reset} (needs IPv6)`,
    ignore: !hasIPv6(),
    fn: async () => {
      await using server = upstream(echo);
      await using sluice = await Sluice.withConfig(
        `services: [{ name: test, listen: ":0", upstream: "${server.address}", reset: ${reset} }]\n`,
      );
      assert.match(sluice.address(), /^\[::\]:\d+$/);
      for (const [hostname, shown] of [["127.0.0.1", "127.0.0.1"], ["::1", "[::1]"]] as const) {
        const client = await Deno.connect({ hostname, port: sluice.port() });
        const { port } = client.localAddr;
        await writeText(client, "ping");
        assert.equal(await readText(client, 4), "ping");
        client.close();
        const line = await sluice.logged(`client=${shown}:${port} `);
        assert.match(line, /test: closed, client closed .*bytes_from_client=4 bytes_from_upstream=4 /);
      }
    },
  });

  Deno.test({
    name: `"[::1]:0" is reported with brackets and its port, with reset: ${reset} (needs IPv6)`,
    ignore: !hasIPv6(),
    fn: async () => {
      await using server = upstream(echo);
      await using sluice = await Sluice.withConfig(
        `services: [{ name: test, listen: "[::1]:0", upstream: "${server.address}", reset: ${reset} }]\n`,
      );
      assert.match(sluice.address(), /^\[::1\]:[1-9]\d*$/);
      using client = await Deno.connect({ hostname: "::1", port: sluice.port() });
      await writeText(client, "ping");
      assert.equal(await readText(client, 4), "ping");
    },
  });

  Deno.test(`an upstream may have a host name, with reset: ${reset}`, async () => {
    await using server = upstream(echo);
    await using sluice = await Sluice.before(`localhost:${server.port}`, [`reset: ${reset}`]);
    using client = await connect(sluice.port());
    await writeText(client, "ping");
    assert.equal(await readText(client, 4), "ping");
    client.close();
    assert.match(await sluice.logged("closed,"), new RegExp(` upstream=localhost:${server.port} `));
  });

  Deno.test(`an address in use ends the program with code 1, with reset: ${reset}`, async () => {
    const directory = await Deno.makeTempDir();
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr;
    // The other services are bound before and after it: a socket file, and the same port of ::1.
    const socket = join(directory, "before.sock");
    const before = WINDOWS ? "127.0.0.1:0" : `unix:${socket}`;
    const after = hasIPv6() ? `[::1]:${port}` : "127.0.0.1:0";
    const config = join(directory, "sluice.yaml");
    await Deno.writeTextFile(
      config,
      `
defaults: { reset: ${reset} }
services:
  - { name: before, listen: ["${before}", "${after}"], upstream: "127.0.0.1:1" }
  - { name: taken, listen: "127.0.0.1:${port}", upstream: "127.0.0.1:1" }
  - { name: behind, listen: "127.0.0.1:0", upstream: "127.0.0.1:1" }
`,
    );
    const { code, stdout, stderr } = await runSluice(["-c", config, "--print-ready"]);
    assert.match(stderr, new RegExp(`Cannot listen on 127\\.0\\.0\\.1:${port}: address already in use`));
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.deepEqual(await namesIn(directory), ["sluice.yaml"]);
    if (hasIPv6()) {
      await assert.rejects(Deno.connect({ hostname: "::1", port }), Deno.errors.ConnectionRefused);
    }
    await Deno.remove(directory, { recursive: true });
  });
}

Deno.test("an address this machine does not have ends the program with code 1", async () => {
  // 192.0.2.0/24 is for documentation (RFC 5737): no machine has it.
  const { code, stdout, stderr } = await runSluice(["192.0.2.1:0=127.0.0.1:1", "--print-ready"]);
  assert.match(stderr, /Cannot listen on 192\.0\.2\.1:0: no such local address/);
  assert.equal(code, 1);
  assert.equal(stdout, "");
});

function hasIPv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

Deno.test("sluice check refuses two services with one address in different spellings", async () => {
  for (
    const [one, other] of [
      ["25100", "localhost:25100"],
      ["[::1]:25100", "[0:0::1]:25100"],
      [":25100", "10.0.0.1:25100"],
    ] as const
  ) {
    const { code, stderr } = await check(`
services:
  - { name: a, listen: "${one}", upstream: "db:1" }
  - { name: b, listen: "${other}", upstream: "db:1" }
`);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /services\[1\]\.listen: Cannot listen on ".*" twice: services\[0\]\.listen/);
  }
});

Deno.test({
  name: "two names of one address are refused at start, and neither service listens (needs a host name)",
  ignore: !isOwnName(Deno.hostname()),
  fn: async () => {
    const free = Deno.listen({ hostname: Deno.hostname(), port: 0 });
    const { hostname, port } = free.addr;
    free.close();
    await using server = upstream(echo);
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;
    const started = Sluice.withConfig(`
services:
  - { name: a, listen: "${host}:${port}", upstream: "${server.address}" }
  - { name: b, listen: "${Deno.hostname()}:${port}", upstream: "${server.address}" }
`);
    await assert.rejects(started, (error: Error) => {
      assert.match(error.message, /ended with code 1 before it was ready/);
      const why =
        `Cannot listen on ${Deno.hostname()}:${port}: that is ${host}:${port}, and a listens on it already`;
      assert.ok(error.message.includes(why), error.message);
      return true;
    });
  },
});

Deno.test({
  name: "a service name that resolves to the admin address is reported (needs a host name)",
  ignore: Deno.build.os !== "linux" || !isOwnName(Deno.hostname()),
  fn: async () => {
    const free = Deno.listen({ hostname: Deno.hostname(), port: 0 });
    const { hostname, port } = free.addr;
    free.close();
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;
    const started = Sluice.withConfig(`
admin: { listen: "${host}:${port}", token: correct-horse-battery }
services: [{ name: a, listen: "${Deno.hostname()}:${port}", upstream: "127.0.0.1:1" }]
`);
    await assert.rejects(started, (error: Error) => {
      const why =
        `Cannot listen on ${Deno.hostname()}:${port}: the admin interface listens on ${host}:${port}`;
      assert.ok(error.message.includes(why), error.message);
      return true;
    });
  },
});

/** Whether a listener can be bound by that name. */
function isOwnName(name: string): boolean {
  try {
    Deno.listen({ hostname: name, port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

async function check(yaml: string): ReturnType<typeof runSluice> {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(path, yaml);
    return await runSluice(["check", path]);
  } finally {
    await Deno.remove(path);
  }
}
