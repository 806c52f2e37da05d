import assert from "node:assert/strict";
import type { Credentials } from "../../../../src/net/tls/credentials.ts";
import { silentLog } from "../../../../src/observe/log/log.ts";
import { ServiceFiles } from "../../../../src/runtime/files/service_files.ts";
import { TlsFiles } from "../../../../src/runtime/files/tls_files.ts";

Deno.test("TlsFiles.reload() logs new certificates once they are in use, and no others", async () => {
  await using fixture = new Fixture();
  assert.deepEqual(await fixture.tlsFiles.reload(), []);
  assert.deepEqual(fixture.logged.splice(0), []);
  fixture.files.cert = "second";
  assert.deepEqual(await fixture.tlsFiles.reload(), []);
  assert.deepEqual(fixture.logged.splice(0), ["shop: new certificates are in use"]);
  assert.deepEqual(await fixture.tlsFiles.reload(), []);
  assert.deepEqual(fixture.logged, []);
  assert.deepEqual(fixture.used, ["first", "second", "second"]);
});

Deno.test("TlsFiles.reload() says that a listener keeps its certificate until the listener has the new one", async () => {
  await using fixture = new Fixture();
  fixture.files.cert = "second";
  fixture.isTaken = false;
  for (const _ of [1, 2]) {
    assert.deepEqual(await fixture.tlsFiles.reload(), ["shop: a listener keeps its previous certificate"]);
  }
  assert.deepEqual(fixture.logged, []);
  fixture.isTaken = true;
  assert.deepEqual(await fixture.tlsFiles.reload(), []);
  assert.deepEqual(fixture.logged.splice(0), ["shop: new certificates are in use"]);
  assert.deepEqual(await fixture.tlsFiles.reload(), []);
  assert.deepEqual(fixture.logged, []);
});

class Fixture implements AsyncDisposable {
  readonly files = new FakeFiles();
  readonly logged: string[] = [];
  /** The certificates that listeners were given. */
  readonly used: string[] = [];
  /** Whether listeners accept them. */
  isTaken = true;
  readonly tlsFiles = new TlsFiles({
    log: { ...silentLog(), info: (message) => void this.logged.push(message) },
    onChange: ({ all: [certificate] }) => {
      this.used.push(certificate!.cert);
      return Promise.resolve(this.isTaken);
    },
  });

  constructor() {
    this.tlsFiles.use(new Map([["shop", this.files]]));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.tlsFiles.stop();
  }
}

/** Files whose certificate is always readable. */
class FakeFiles extends ServiceFiles {
  /** The version in the file, and the version last read. */
  cert = "first";
  #read = "first";

  constructor() {
    super({ name: "shop", tls: undefined, routes: [], upstreamTls: undefined });
  }

  override get all(): readonly Credentials[] {
    const expiresAt = new Date(Date.now() + 1e10);
    return [{ cert: this.#read, subject: "CN=shop", warnings: [], expiresAt } as unknown as Credentials];
  }

  override read(): Promise<void> {
    this.#read = this.cert;
    return Promise.resolve();
  }
}
