/** A configuration from standard input, and names that every object has. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Admin } from "../../support/program/admin.ts";
import { type Finished, Sluice, sluiceCommand } from "../../support/program/program.ts";

const GOOD = "services: [{ name: a, listen: 127.0.0.1:0, upstream: 'db:1' }]\n";

Deno.test("sluice check - reads standard input", async () => {
  const good = await runWithInput(["check", "-"], GOOD);
  assert.equal(good.code, 0);
  assert.equal(good.stderr, "");
  assert.match(
    good.stdout,
    /\n {2}- name: a\n {4}listen:\n {6}- 127\.0\.0\.1:0 # [^]*\n {4}upstream: db:1 # [^]*\n# ok\n$/,
  );
  const again = await runWithInput(["check", "-"], good.stdout);
  assert.deepEqual(again, good);
  const bad = await runWithInput(["check", "-"], GOOD.replace("listen", "lisen"));
  const expected = 'sluice: Cannot use the configuration "<stdin>":\n' +
    '  <stdin>:1:23: services[0].lisen: Unknown key "lisen": did you mean "listen"?\n';
  assert.deepEqual(bad, { code: 2, stdout: "", stderr: expected });
  const empty = await runWithInput(["-c", "-"], "");
  assert.match(empty.stderr, /"<stdin>":\n {2}The file is empty/);
  assert.equal(empty.code, 2);
});

Deno.test({
  name: "sluice -c - reads standard input, and a reload reports that it cannot read it again (needs Unix)",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const directory = await Deno.makeTempDir();
    try {
      const path = join(directory, "sluice.yaml");
      await Deno.writeTextFile(path, `admin: { listen: 127.0.0.1:0 }\n${GOOD}`);
      const wrapper = ["sh", "-c", 'exec "$@" < "$0"', path];
      await using sluice = await Sluice.start(["-c", "-"], { wrapper });
      const { status, text } = await new Admin(sluice).ask("POST", "/api/v1/reload");
      assert.equal(status, 200, text);
      const detail = '"<stdin>" cannot be read again; certificates reread and log files reopened';
      assert.equal(JSON.parse(text).detail, detail);
      await sluice.logged('"<stdin>" cannot be read twice');
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});

Deno.test("groups and services may be called constructor, in the admin interface too", async () => {
  await using sluice = await Sluice.withConfig(`
admin: { listen: 127.0.0.1:0 }
upstreams:
  constructor: { endpoints: ["127.0.0.1:9"] }
  toString: { endpoints: ["127.0.0.1:9"] }
services:
  - { name: __proto__, listen: 127.0.0.1:0, upstream: constructor }
  - { name: constructor, listen: 127.0.0.1:0, upstream: toString }
`);
  const admin = new Admin(sluice);
  const names = (views: readonly { name: string }[]) => views.map(({ name }) => name);
  assert.deepEqual(names(await admin.view("services")), ["__proto__", "constructor"]);
  assert.deepEqual(names(await admin.view("upstreams")), ["constructor", "toString"]);
  const config = await admin.view<{ upstreams: object }>("config");
  assert.deepEqual(Object.keys(config.upstreams), ["constructor", "toString"]);
  const { text } = await admin.ask("GET", "/metrics");
  for (const name of ["__proto__", "constructor"]) assert.ok(text.includes(`service="${name}"`), name);
  const path = `/api/v1/upstreams/constructor/${encodeURIComponent("127.0.0.1:9")}`;
  assert.equal((await admin.ask("POST", path, { state: "drain" })).status, 200);
});

async function runWithInput(args: readonly string[], input: string): Promise<Finished> {
  const [command, ...prefix] = sluiceCommand();
  const child = new Deno.Command(command, {
    args: [...prefix, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
