/** Where the admin interface listens, and a program that cannot start because of it or of its access log. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Admin } from "../../../support/program/admin.ts";
import { eventually } from "../../../support/eventually.ts";
import { exists } from "../../../support/program/directory.ts";
import { runSluice, Sluice } from "../../../support/program/program.ts";
import { connect, echo, upstream } from "../../../support/peers/sockets.ts";

const isLinux = Deno.build.os === "linux";
const onLinux = isLinux ? "" : " (skipped: needs prlimit, which Linux has)";

testUnix(
  "admin.listen may be a unix socket, even if a killed program has left the file",
  async (path) => {
    await using killed = await start(`unix:${path}`);
    assert.equal(killed.ready.admin, `unix:${path}`);
    assert.equal((await new Admin(killed).status()).pid, killed.pid);
    killed.kill("SIGKILL");
    await killed.ended();
    assert.ok(await exists(path));

    await using sluice = await start(`unix:${path}`);
    const admin = new Admin(sluice);
    assert.equal((await admin.status()).pid, sluice.pid);
    using events = await admin.events();
    // Access to the file is enough, with any Host.
    assert.equal((await new Admin(sluice, { host: "any.name.test" }).status()).state, "running");
    sluice.kill("SIGTERM");
    assert.deepEqual((await events.ended()).map(({ type }) => type), ["drain"]);
    assert.equal((await sluice.ended()).code, 0);
    assert.ok(!await exists(path), "the socket file is left");
  },
);

testUnix("admin.unix_mode is the mode of the socket", async (path) => {
  for (const mode of ["0600", "0666"]) {
    await using sluice = await Sluice.withConfig(
      `admin: { listen: "unix:${path}", unix_mode: "${mode}" }\n` +
        'services: [{ name: test, listen: 0, upstream: "127.0.0.1:1" }]\n',
    );
    assert.equal((await Deno.stat(path)).mode! & 0o777, parseInt(mode, 8));
    assert.equal((await new Admin(sluice).status()).pid, sluice.pid);
    await sluice.stop();
  }
});

testUnix("a stale socket is bound by one of several programs, which keeps it", async (path) => {
  await using killed = await start(`unix:${path}`);
  killed.kill("SIGKILL");
  await killed.ended();
  const started = await Promise.allSettled(Array.from({ length: 4 }, () => start(`unix:${path}`)));
  const running = started.flatMap((each) => each.status === "fulfilled" ? [each.value] : []);
  try {
    assert.equal(running.length, 1);
    assert.equal((await new Admin(running[0]!).status()).pid, running[0]!.pid);
  } finally {
    await Promise.all(running.map((each) => each[Symbol.asyncDispose]()));
  }
  for (const each of started) {
    if (each.status === "rejected") assert.match(String(each.reason), /address already in use/);
  }
});

testUnix("a unix socket that another program serves ends the start with code 1, and stays", async (path) => {
  await using first = await start(`unix:${path}`);
  const { code, stdout, stderr } = await runWith(config(`unix:${path}`));
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /^sluice: Cannot listen on unix:.* \(admin\.listen\): address already in use/m);
  assert.equal((await new Admin(first).status()).pid, first.pid);
});

testUnix("a file that is not a socket ends the start with code 1, and stays", async (path) => {
  await Deno.writeTextFile(path, "mine");
  const { code, stderr } = await runWith(config(`unix:${path}`));
  assert.equal(code, 1);
  assert.match(stderr, /^sluice: Cannot listen on unix:.* \(admin\.listen\): .*not a socket/m);
  assert.equal(await Deno.readTextFile(path), "mine");
});

testUnix("a unix socket in a missing folder ends the start with code 1", async (path) => {
  const { code, stderr } = await runWith(config(`unix:${path}/none/admin.sock`));
  assert.equal(code, 1);
  assert.match(stderr, /^sluice: Cannot listen on unix:.*none\/admin\.sock \(admin\.listen\): /m);
});

Deno.test("an address in use ends the start with code 1 and a remedy", async () => {
  await using server = upstream(echo);
  const { code, stdout, stderr } = await runWith(config(server.address));
  assert.equal(code, 1);
  assert.equal(stdout, "");
  const said =
    `sluice: Cannot listen on ${server.address} (admin.listen): address already in use (another program ` +
    "listens there; stop it or choose another port)\n";
  assert.ok(stderr.endsWith(said), stderr);
});

Deno.test("an address that other machines can reach, without a token, ends the start with code 2, and nothing listens", async () => {
  const { code, stderr } = await runWith(config("0.0.0.0:0"));
  assert.equal(code, 2);
  assert.match(stderr, /admin\.token/);
});

Deno.test({
  name: `a shortage of descriptors ends neither the admin interface nor its streams${onLinux}`,
  ignore: !isLinux,
  fn: async () => {
    await using server = upstream(echo);
    await using sluice = await Sluice.withConfig(
      `admin: { listen: 127.0.0.1:0 }\nservices: [{ name: test, listen: 0, upstream: "${server.address}" }]\n`,
      [],
      { wrapper: ["prlimit", "--nofile=64"] },
    );
    const admin = new Admin(sluice);
    using events = await admin.events();
    const clients = await Promise.all(Array.from({ length: 200 }, () => connect(sluice.port())));
    const isNoticed = () => sluice.stderr.includes("admin_accept_failed");
    // A connection above the limit waits in the kernel's backlog until there are descriptors again.
    const requests: Promise<unknown>[] = [];
    const request = () => requests.push(admin.ask("GET", "/healthz").catch(() => {}));
    await eventually("a request too many", () => (request(), isNoticed()), (noticed) => noticed);
    assert.match(await sluice.logged("admin_accept_failed"), /admin interface cannot accept .*open files/);
    for (const client of clients) client.close();
    const isRefused = () => admin.ask("GET", "/healthz").catch((error) => error.message);
    await eventually("an answer", isRefused, (answer) => answer.status === 200);
    await Promise.all(requests);
    // Clients that still wait in the backlog take the descriptor of a request that has just connected.
    const service = () => admin.service().catch(() => undefined);
    assert.equal((await eventually("an answer", service, (answer) => answer !== undefined))!.name, "test");
    sluice.kill("SIGTERM");
    // With several threads, events of closed clients may still come.
    assert.ok((await events.ended()).some(({ type }) => type === "drain"));
    const { code, stderr } = await sluice.ended();
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /unexpected_error/);
  },
});

testUnix("an unusable access log ends the start with code 1, and nothing listens", async (path) => {
  const log = join(path, "none", "access.log");
  const { code, stdout, stderr } = await runWith(
    `log: { access: { path: "${log}" } }\n${config(`unix:${path}`)}`,
  );
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.ok(stderr.includes(log) && stderr.includes("log.access"), stderr);
  assert.ok(!await exists(path));
});

function config(listen: string): string {
  return `admin: { listen: "${listen}" }\nservices: [{ name: test, listen: 0, upstream: "127.0.0.1:1" }]\n`;
}

function start(listen: string): Promise<Sluice> {
  return Sluice.withConfig(config(listen));
}

async function runWith(yaml: string): ReturnType<typeof runSluice> {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(path, yaml);
    return await runSluice(["-c", path, "--print-ready"]);
  } finally {
    await Deno.remove(path);
  }
}

/** With a path that is free, in a folder of its own. Sluice has no unix sockets on Windows. */
function testUnix(name: string, fn: (path: string) => Promise<void>): void {
  Deno.test({
    name: `${name} (needs Unix)`,
    ignore: Deno.build.os === "windows",
    fn: async () => {
      const directory = await Deno.makeTempDir({ prefix: "sluice-admin-" });
      try {
        await fn(join(directory, "admin.sock"));
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    },
  });
}
