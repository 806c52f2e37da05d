import assert from "node:assert/strict";
import { join } from "node:path";
import { mock } from "node:test";
import { ConfigError } from "../../../../src/config/config_error.ts";
import { decodeOptions } from "../../../../src/config/library.ts";
import type { ProxyOptions } from "../../../../src/config/options.ts";
import { formatAddress } from "../../../../src/net/address.ts";
import { listen, type Listener } from "../../../../src/net/socket/listen.ts";
import type { ProxyEvent } from "../../../../src/observe/events/events.ts";
import type { PreparedAcme } from "../../../../src/runtime/acme/controller.ts";
import { RelayThread } from "../../../../src/runtime/worker/relay_thread.ts";
import { Reloader } from "../../../../src/runtime/control/reloader.ts";
import { temporaryDirectory } from "../../observe/log/access_file_fixture.ts";
import { echoed, ProxyFixture, roundTrip, turn } from "../proxy_fixture.ts";

Deno.test("Reloader.reload() applies the file and returns what has changed", async () => {
  await using fixture = await start();
  const port = fixture.port();
  using client = await echoed(port);
  const events: ProxyEvent[] = [];
  using _heard = fixture.supervisor.parts.events.subscribe((event) => events.push(event));
  fixture.file = decodeOptions({
    services: [
      { name: "test", listen: 0, upstream: fixture.upstream.address },
      { name: "more", listen: 0, upstream: fixture.upstream.address },
    ],
  });
  const { ok, detail } = await fixture.reloader.reload();
  assert.ok(ok);
  assert.match(detail, /^1 service added \(more\).*certificates reread and log files reopened$/i);
  assert.equal(fixture.port(), port, "a free port stays the one that was found");
  assert.equal(await roundTrip(client), "hello");
  using _more = await echoed(fixture.port("more"));
  assert.equal(fixture.events.includes("reloaded"), true);
  assert.deepEqual(events.filter(({ type }) => type === "reload").length, 1);
});

for (
  const [what, bad, reason] of [
    [
      "with a mistake",
      () => Promise.reject(new ConfigError([{ path: "services", message: "No" }], {})),
      /services: No/,
    ],
    [
      "with an address that is in use",
      (taken: number) => ({
        services: [service("test"), { ...service("more"), listen: `127.0.0.1:${taken}` }],
      }),
      /already in use/,
    ],
    [
      "with a certificate that is not there",
      () => ({ services: [{ ...service("test"), tls: { cert: "/no.pem", key: "/no.pem" } }] }),
      /Cannot read "\/no\.pem"/,
    ],
    [
      "with an access log that cannot be opened",
      () => ({ services: [service("more")], log: { access: { path: "/no/such/folder/access.log" } } }),
      /Cannot open the access log/,
    ],
  ] as const satisfies readonly [string, (taken: number) => ProxyOptions | Promise<never>, RegExp][]
) {
  Deno.test(`Reloader.reload() changes nothing and says why for a file ${what}`, async () => {
    await using fixture = await start();
    const { config } = fixture.supervisor;
    const port = fixture.port();
    using client = await echoed(port);
    const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const next = bad(taken.addr.port);
    fixture.file = next instanceof Promise ? next : decodeOptions(next);
    const { ok, detail } = await fixture.reloader.reload();
    assert.equal(ok, false);
    assert.match(detail, reason);
    const { message } = fixture.logged.find(({ event }) => event === "reload_refused")!;
    assert.match(message as string, /^Cannot reload "sluice\.yaml", nothing is changed: /);
    assert.equal(fixture.supervisor.config, config);
    assert.deepEqual(fixture.supervisor.services.map(({ name }) => name), ["test"]);
    assert.deepEqual(
      fixture.supervisor.groups.map(({ name }) => name),
      config.upstreams.map(({ name }) => name),
    );
    assert.equal(await roundTrip(client), "hello");
    using _other = await echoed(port);
    for (let round = 0; round < 3; round++) assert.equal((await fixture.reloader.reload()).ok, false);
    taken.close();
    fixture.file = decodeOptions({ services: [service("test"), service("more")] });
    assert.equal((await fixture.reloader.reload()).ok, true);
  });
}

Deno.test("Reloader.reload() runs one after the other, each with the current file", async () => {
  await using fixture = await start();
  const loads: string[] = [];
  const held = Promise.withResolvers<void>();
  const file = (name: string, until: Promise<void> = Promise.resolve()) => {
    fixture.file = (async () => {
      await until;
      loads.push(name);
      return decodeOptions({ services: [{ ...service(name), upstream: fixture.upstream.address }] });
    })();
  };
  file("first", held.promise);
  const first = fixture.reloader.reload();
  await turn();
  file("second");
  const second = fixture.reloader.reload();
  await turn();
  assert.deepEqual(fixture.supervisor.services.map(({ name }) => name), ["test"]);
  held.resolve();
  assert.equal((await first).ok, true);
  assert.deepEqual((await second).detail.split(";")[0], "1 service added (second), 1 removed (first)");
  assert.deepEqual(fixture.supervisor.services.map(({ name }) => name), ["second"]);
  assert.equal(loads.length, 2);
});

Deno.test("Reloader.reload() says when a thread cannot apply the configuration", async () => {
  await using fixture = await start();
  fixture.file = decodeOptions({ services: [service("next")] });
  const mistake = () => Promise.reject(new TypeError("a mistake"));
  const commit = mock.method(RelayThread.prototype, "commit", mistake);
  try {
    assert.deepEqual(await fixture.reloader.reload(), {
      ok: false,
      detail: "The configuration is in effect, but 1 of 1 threads cannot apply it: a mistake",
    });
  } finally {
    commit.mock.restore();
  }
  assert.ok(fixture.events.includes("unexpected_error"));
  assert.ok(fixture.events.includes("reload_incomplete"));
});

Deno.test("Reloader.stop() cancels a reload whose file never answers, and the reloads after it", async () => {
  await using fixture = await start();
  fixture.file = new Promise<never>(() => {});
  const reloads = [fixture.reloader.reload(), fixture.reloader.reload()];
  await turn();
  await fixture.reloader.stop();
  const stopped = { ok: false, detail: "Nothing is reloaded while the program stops" };
  assert.deepEqual(await Promise.all(reloads), [stopped, stopped]);
  assert.deepEqual(await fixture.reloader.reload(), stopped);
});

Deno.test("Reloader.stop() cancels a reload that prepares ACME, and frees what that prepares too late", async () => {
  await using fixture = await start();
  const called = Promise.withResolvers<void>();
  const held = Promise.withResolvers<PreparedAcme>();
  mock.method(fixture.reloader.acme, "prepare", () => (called.resolve(), held.promise));
  const reload = fixture.reloader.reload();
  await called.promise;
  await fixture.reloader.stop();
  assert.deepEqual(await reload, { ok: false, detail: "Nothing is reloaded while the program stops" });
  const freed = Promise.withResolvers<void>();
  held.resolve({
    commit: () => freed.reject(new Error("It is in effect")),
    [Symbol.asyncDispose]: () => Promise.resolve(freed.resolve()),
  });
  await freed.promise;
});

Deno.test("Reloader of a proxy that takes over shares addresses for ACME at its start alone", async () => {
  await using directory = await temporaryDirectory();
  using other = await SharedPort.bind();
  using late = await SharedPort.bind();
  const answering = (http: string) => ({
    ...service("test"),
    tls: {
      acme: {
        names: ["a.example.com"],
        agreeToTerms: true,
        storage: join(directory.path, "store"),
        directory: "https://127.0.0.1:1/directory",
        http,
      },
    },
  });
  await using fixture = await ProxyFixture.start(() => ({ services: [answering(other.text)] }), true);
  assert.ok(fixture.events.includes("acme_listening"));
  fixture.file = decodeOptions({ services: [answering(late.text)] });
  const { ok, detail } = await fixture.reloader.reload();
  assert.equal(ok, false);
  assert.match(detail, /already in use/);
});

Deno.test("Reloader.reload() works after a refused one", async () => {
  await using fixture = await start();
  const begun = fixture.reloader.figures!;
  assert.ok(begun.isGood);
  fixture.file = Promise.reject(new ConfigError([{ path: "services", message: "No" }], {}));
  const refused = fixture.reloader.reload();
  const good = refused.then(() => {
    assert.deepEqual(fixture.reloader.figures, { isGood: false, lastGoodAt: begun.lastGoodAt });
    fixture.file = decodeOptions({ services: [service("next")] });
    return fixture.reloader.reload();
  });
  assert.deepEqual([(await refused).ok, (await good).ok], [false, true]);
  assert.ok(fixture.reloader.figures!.isGood);
  assert.ok(fixture.reloader.figures!.lastGoodAt >= begun.lastGoodAt);
});

Deno.test("Reloader.reload() changes the file of the access log, unless the new one cannot be opened", async () => {
  await using directory = await temporaryDirectory();
  const pathOf = (name: string) => join(directory.path, name);
  const options = (path: string, upstream: string): ProxyOptions => ({
    log: { access: { path, format: "json" } },
    services: [{ name: "test", listen: 0, upstream }],
  });
  {
    await using fixture = await ProxyFixture.start((upstream) => options(pathOf("one.log"), upstream));
    await finished(fixture);
    fixture.file = decodeOptions(options(pathOf("missing/two.log"), fixture.upstream.address));
    assert.equal((await fixture.reloader.reload()).ok, false);
    await finished(fixture);
    // Here it is opened in vain, and closed again.
    const inUse = { ...service("more"), listen: fixture.upstream.address };
    const { services, ...rest } = options(pathOf("unused.log"), fixture.upstream.address);
    fixture.file = decodeOptions({ ...rest, services: [...services, inUse] });
    assert.equal((await fixture.reloader.reload()).ok, false);
    fixture.file = decodeOptions(options(pathOf("two.log"), fixture.upstream.address));
    assert.equal((await fixture.reloader.reload()).ok, true);
    await finished(fixture);
    await Deno.rename(pathOf("two.log"), pathOf("two.log.1"));
    assert.deepEqual(await fixture.reloader.reopenLogs(), []);
    await finished(fixture);
  }
  const lines = async (name: string) => (await Deno.readTextFile(pathOf(name))).split("\n").length - 1;
  assert.deepEqual([await lines("one.log"), await lines("two.log.1"), await lines("two.log")], [2, 1, 1]);
  assert.equal(await Deno.readTextFile(pathOf("unused.log")), "");
});

Deno.test("Reloader.reload() without a file only rereads certificates and reopens logs", async () => {
  await using fixture = await start();
  const { config } = fixture.supervisor;
  const { ok, detail } = await new Reloader(fixture.supervisor, undefined, fixture.descriptors).reload();
  assert.deepEqual([ok, detail], [true, "Certificates reread and log files reopened"]);
  assert.equal(fixture.supervisor.config, config);
});

/** An address of another program, which lets others share it. */
class SharedPort implements Disposable {
  readonly #listener: Listener;

  private constructor(listener: Listener) {
    this.#listener = listener;
  }

  static async bind(): Promise<SharedPort> {
    const address = { transport: "tcp", hostname: "127.0.0.1", port: 0 } as const;
    return new SharedPort(await listen(address, { adapter: "deno", shared: true }));
  }

  get text(): string {
    return formatAddress(this.#listener.address);
  }

  [Symbol.dispose](): void {
    this.#listener.close();
  }
}

function start(): Promise<ProxyFixture> {
  return ProxyFixture.start((upstream) => ({ services: [{ name: "test", listen: 0, upstream }] }));
}

/** A service whose upstream is never used. */
function service(name: string): ProxyOptions["services"][number] {
  return { name, listen: 0, upstream: "192.0.2.1:1" };
}

/** A connection that opens and closes. */
async function finished(fixture: ProxyFixture): Promise<void> {
  using client = await echoed(fixture.port());
  await client.closeWrite();
  assert.equal(await client.read(new Uint8Array(1)), null);
  while (fixture.supervisor.active > 0) await turn();
}
