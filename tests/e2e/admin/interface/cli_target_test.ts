/** How the commands for a running proxy find it, and their errors when they do not. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { FakeAdmin } from "../../../support/peers/fake_admin.ts";
import { type Finished, runSluice } from "../../../support/program/program.ts";

const TOKEN = "correct-horse-battery";

function ask(fake: FakeAdmin, ...args: string[]): Promise<Finished> {
  return runSluice([...args, "--admin", fake.address]);
}

Deno.test({
  name: "sluice status finds the admin interface on a unix socket, and bypasses an HTTP proxy (needs Unix)",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const directory = await Deno.makeTempDir();
    await using fake = await FakeAdmin.start({
      listen: { transport: "unix", path: join(directory, "admin") },
    });
    assert.equal((await ask(fake, "status")).code, 0);
    await Deno.remove(directory, { recursive: true });
    await using other = await FakeAdmin.start();
    const env = {
      HTTP_PROXY: "http://127.0.0.1:9",
      http_proxy: "http://127.0.0.1:9",
      SLUICE_ADMIN: other.address,
    };
    const { code, stderr } = await runSluice(["status"], { env });
    assert.equal(code, 0, stderr);
  },
});

Deno.test("sluice status takes the address and the token from the proxy's configuration", async () => {
  await using fake = await FakeAdmin.start({ token: TOKEN });
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  await Deno.writeTextFile(
    path,
    `admin: { listen: "${fake.address}", token: "\${ADMIN_TOKEN}" }\nservices: [{ name: a, listen: 0, upstream: "127.0.0.1:1" }]\n`,
  );
  // The command line takes precedence over the environment.
  const env = { ADMIN_TOKEN: TOKEN, SLUICE_ADMIN: "127.0.0.1:1", SLUICE_TOKEN: "another-token" };
  const { code, stderr } = await runSluice(["status", "-c", path], { env });
  assert.equal(code, 0, stderr);
  await Deno.remove(path);
});

Deno.test("sluice status takes the token from a file or the environment, and names its source if it is wrong", async () => {
  await using fake = await FakeAdmin.start({ token: TOKEN });
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, `${TOKEN}\n`);
  assert.equal((await ask(fake, "status", "--token-file", path)).code, 0);
  await Deno.remove(path);
  const inEnvironment = (token: string) =>
    runSluice(["status", "--admin", fake.address], { env: { SLUICE_TOKEN: token } });
  assert.equal((await inEnvironment(TOKEN)).code, 0);
  for (
    const [token, what] of [["", "requires a token"], ["wrong-one", "does not accept this token"]] as const
  ) {
    const { code, stderr } = await inEnvironment(token);
    assert.ok(stderr.endsWith(` ${what}: set SLUICE_TOKEN, or give --token-file FILE or -c FILE\n`), stderr);
    assert.ok(stderr.includes(fake.address));
    assert.equal(code, 1);
  }
  const unusable = await inEnvironment("two words");
  assert.match(unusable.stderr, /^sluice: Cannot use the token in SLUICE_TOKEN: expected one word/);
  assert.doesNotMatch(unusable.stderr, /two words/);
  assert.equal(unusable.code, 2);
});

Deno.test("sluice status without an address names the three ways to give one", async () => {
  const { code, stderr } = await runSluice(["status"], { env: { SLUICE_ADMIN: "" } });
  assert.match(
    stderr,
    /^sluice: No address of a proxy: give --admin ADDRESS .* or -c FILE .* SLUICE_ADMIN/,
  );
  assert.match(stderr, /\nSee sluice status --help\n$/);
  assert.equal(code, 2);
});

for (
  const { args, env = {}, message } of [
    { args: ["--admin", "proxy"], message: '--admin: Cannot parse address "proxy": the port is missing' },
    { args: ["--admin", "0"], message: '--admin: Cannot connect to port 0 in "0"' },
    { args: [], env: { SLUICE_ADMIN: "a:b:c" }, message: 'SLUICE_ADMIN: Cannot parse address "a:b:c"' },
    {
      args: ["--admin", "9", "--token-file", "/no/such/file"],
      message: 'Cannot read --token-file "/no/such/file": no such',
    },
  ]
) {
  Deno.test(`sluice status ${args.join(" ")} ${Object.values(env).join("")} is wrong usage`, async () => {
    const { code, stderr } = await runSluice(["status", ...args], { env });
    assert.ok(stderr.startsWith(`sluice: ${message}`), stderr);
    assert.equal(code, 2);
  });
}

for (
  const { what, admin, message } of [
    {
      what: "no admin",
      admin: "",
      message: 'has no "admin": the proxy has no admin interface; add admin.listen',
    },
    { what: "an open port", admin: "admin: { listen: 0 }\n", message: "has port 0: take the real port from" },
  ]
) {
  Deno.test(`sluice status refuses a configuration with ${what}, which has no address`, async () => {
    const path = await Deno.makeTempFile({ suffix: ".yaml" });
    await Deno.writeTextFile(path, `${admin}services: [{ name: a, listen: 0, upstream: "127.0.0.1:1" }]\n`);
    const { code, stderr } = await runSluice(["status", "-c", path]);
    await Deno.remove(path);
    assert.ok(stderr.includes(message), stderr);
    assert.equal(code, 2);
  });
}

Deno.test("sluice status names an address where nothing listens, with a remedy", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const { code, stderr } = await runSluice(["kill", "1", "--admin", String(port)]);
  assert.equal(
    stderr,
    `sluice: Cannot reach the admin interface at 127.0.0.1:${port}: connection refused; ` +
      "is it running, and is admin.listen set?\n",
  );
  assert.equal(code, 1);
});

Deno.test("sluice status reports an address that is not an admin interface", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("<html>"),
  );
  const { code, stderr } = await runSluice(["status", "--admin", String(server.addr.port)]);
  assert.match(
    stderr,
    /^sluice: The server at 127\.0\.0\.1:\d+ \(HTTP status 200\) is not the admin interface/,
  );
  assert.equal(code, 1);
});
