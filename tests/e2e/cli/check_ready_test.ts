/** `sluice check --ready`, as a container's health check runs it. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { FakeAdmin } from "../../support/peers/fake_admin.ts";
import { type Finished, runSluice, Sluice } from "../../support/program/program.ts";

function ready(...args: string[]): Promise<Finished> {
  // A proxy for HTTP must not be asked.
  return runSluice(["check", "--ready", ...args], { env: { HTTP_PROXY: "http://127.0.0.1:9" } });
}

Deno.test("sluice check --ready ends with code 0 once a proxy is ready, by address and by URL", async () => {
  await using sluice = await Sluice.withConfig(
    `admin: { listen: "127.0.0.1:0", token: a-token-of-a-test }\nservices: [{ name: a, listen: 0, upstream: "127.0.0.1:1" }]\n`,
  );
  for (const url of [sluice.ready.admin!, `http://${sluice.ready.admin}/readyz`]) {
    assert.deepEqual(await ready(url), { code: 0, stdout: "ready\n", stderr: "" });
  }
});

Deno.test("sluice check --ready ends with code 1 and says why, when the proxy is not ready", async () => {
  await using fake = await FakeAdmin.start();
  fake.statusView = { ...fake.statusView, ready: false, not_ready: ["draining"] };
  const { code, stdout, stderr } = await ready(fake.address);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /^sluice: Not ready: .* answers 503 .*draining/);
});

Deno.test("sluice check --ready ends with code 1 when nothing listens, or nothing answers in time", async () => {
  // Its backlog accepts the connection; no program answers.
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = silent.addr;
  const late = await ready(String(port), "--timeout", "50ms");
  assert.equal(late.code, 1);
  assert.match(late.stderr, /does not answer: no answer within 50 ms\n$/);
  silent.close();
  const refused = await ready(`http://127.0.0.1:${port}/`);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /does not answer: /);
});

Deno.test({
  name: "sluice check --ready asks on a unix socket (needs Unix)",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const folder = await Deno.makeTempDir();
    const path = join(folder, "admin");
    {
      await using _fake = await FakeAdmin.start({ listen: { transport: "unix", path } });
      assert.equal((await ready(`unix:${path}`)).code, 0);
    }
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test("sluice check --ready refuses what it cannot ask, with code 2", async () => {
  for (const url of ["https://127.0.0.1/readyz", "http://user@127.0.0.1/", "nonsense"]) {
    const { code, stderr } = await ready(url);
    assert.equal(code, 2, url);
    assert.match(stderr, /^sluice: --ready: .*\nSee sluice check --help\n$/);
  }
});
