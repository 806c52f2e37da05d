import assert from "node:assert/strict";
import { join } from "node:path";
import { mock } from "node:test";
import { answerWithin } from "../../../../src/files/answer_within.ts";
import { AcmeStorage } from "../../../../src/runtime/acme/storage.ts";

const DIRECTORY = "https://acme.test/directory";

async function inFolder(fn: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await fn(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("AcmeStorage keeps answers in its folder, whatever a server calls them", async () => {
  await inFolder(async (folder) => {
    const storage = new AcmeStorage({ storage: join(folder, "store"), directory: DIRECTORY });
    await storage.prepare();
    const other = join(folder, "other.pem");
    await Deno.writeTextFile(other, "valuable");
    for (const key of ["../../other", "/etc/other", "..", ".", "", "a/b", "a\\b", "a\0b", "a..b", "a\n"]) {
      const refused = { name: "AcmeError" };
      await assert.rejects(storage.setTls(key, "mine"), refused, key);
      await assert.rejects(storage.setHttp(key, "mine"), refused, key);
      await assert.rejects(storage.remove("tls-alpn-01", key), refused, key);
      await assert.rejects(storage.remove("http-01", key), refused, key);
    }
    assert.equal(await Deno.readTextFile(other), "valuable");
    const answers = join(folder, "store", "challenges");
    await storage.setTls("a.example.com", "certificate");
    await storage.setHttp("token-1_x", "text");
    const names = () => Array.fromAsync(Deno.readDir(answers), ({ name }) => name);
    assert.deepEqual((await names()).sort(), ["a.example.com.pem", "token-1_x.txt"]);
    await storage.remove("tls-alpn-01", "a.example.com");
    await storage.remove("http-01", "token-1_x");
    assert.deepEqual(await names(), []);
  });
});

for (
  const [name, attempt] of [
    ["mkdir", (storage: AcmeStorage) => storage.prepare()],
    ["open", (storage: AcmeStorage) => storage.setHttp("token", "text")],
    ["rename", (storage: AcmeStorage) => storage.setHttp("token", "text")],
    ["remove", (storage: AcmeStorage) => storage.remove("http-01", "token")],
  ] as const
) {
  Deno.test(`AcmeStorage does not wait for a Deno.${name}() that never returns`, async () => {
    await inFolder(async (folder) => {
      const storage = new AcmeStorage({ storage: join(folder, "store"), directory: DIRECTORY });
      await storage.prepare();
      const held = Promise.withResolvers<never>();
      // While one hangs, the limit for others is short.
      await assert.rejects(answerWithin("stalled", () => held.promise, undefined, 1));
      const stalled = mock.method(Deno, name, () => held.promise);
      try {
        await assert.rejects(attempt(storage), { name: "UnusableFileError" });
        assert.ok(stalled.mock.callCount() > 0);
      } finally {
        stalled.mock.restore();
        held.reject(new Error("no such mount"));
      }
    });
  });
}
