/** Limits of connections at the same time, and of their rate. */

import assert from "node:assert/strict";
import { eventually, roundTrip } from "../../support/eventually.ts";
import { TestClient, TestClients } from "../../support/peers/test_client.ts";
import { answeringServer, countsOf, NamedServer } from "../../support/peers/named_server.ts";
import { Sluice, within, workers } from "../../support/program/program.ts";
import { readText, upstream, writeText } from "../../support/peers/sockets.ts";

const isLinux = Deno.build.os === "linux";
const onLinux = isLinux ? "" : " (skipped: needs 127.0.0.2, which Linux has)";

for (const reset of ["close", "pass"]) {
  Deno.test(`limits.connections admits exactly its number of 200 clients at once, with reset: ${reset}`, async () => {
    await using a = await NamedServer.start("a");
    await using sluice = await Sluice.withConfig(logged([
      `{ name: test, listen: 0, reset: ${reset}, limits: { connections: 17 }, upstream: "${a.address}" }`,
    ]));
    using clients = new TestClients();
    // Admitted clients stay, so that one too many would be seen.
    assert.deepEqual(countsOf(await clients.connectMany(sluice.port(), 200)), { "": 183, a: 17 });
    assert.equal(a.clients, 17);
    const [refused] = await sluice.loggedEvents("connection_refused", 1);
    assert.equal(refused!.code, "connection_limit");
    assert.equal(refused!.reason, "connection limit");
  });
}

Deno.test("when_full: wait serves all 200 clients, never more at once than the limit", async () => {
  await using batches = new Batches(10);
  await using sluice = await Sluice.before(batches.address, [
    "limits: { connections: 10, when_full: wait }",
  ]);
  using clients = new TestClients();
  const names = await within(20_000, "the turn of all", clients.connectMany(sluice.port(), 200));
  assert.deepEqual(countsOf(names), { a: 200 });
  assert.deepEqual({ served: batches.served, most: batches.most }, { served: 200, most: 10 });
  assert.equal(sluice.stderr.includes("refused"), false);
});

Deno.test("limits.connections of the process applies to all services together, and one service may use all of it", async () => {
  await using a = await NamedServer.start("a");
  const service = (name: string) =>
    `{ name: ${name}, listen: 0, limits: { connections: 8 }, upstream: "${a.address}" }`;
  await using sluice = await Sluice.withConfig(
    logged([service("one"), service("two")], "limits: { connections: 12 }"),
  );
  using clients = new TestClients();
  const both = await Promise.all([
    clients.connectMany(sluice.port(0), 60),
    clients.connectMany(sluice.port(1), 60),
  ]);
  assert.deepEqual(countsOf(both.flat()), { "": 108, a: 12 });
  for (const names of both) assert.ok(names.filter(Boolean).length <= 8, names.join());
  assert.equal(a.clients, 12);
});

Deno.test("a client in the queue gets a slot that another service releases", async () => {
  await using a = await NamedServer.start("a");
  await using sluice = await Sluice.withConfig(`
limits: { connections: 1 }
services:
  - { name: one, listen: 0, upstream: "${a.address}" }
  - { name: two, listen: 0, upstream: "${a.address}", limits: { connections: 5, when_full: wait } }
`);
  using first = await TestClient.connect(sluice.port(0));
  const second = TestClient.connect(sluice.port(1));
  await roundTrip();
  first[Symbol.dispose]();
  using client = await within(5000, "the place of the other service", second);
  assert.equal(client.name, "a");
});

Deno.test({
  name: `each client address has its own limit${onLinux}`,
  ignore: !isLinux,
  async fn() {
    await using a = await NamedServer.start("a");
    await using sluice = await Sluice.withConfig(logged([
      `{ name: test, listen: ":0", limits: { connections_per_client: 3 }, upstream: "${a.address}" }`,
    ]));
    using clients = new TestClients();
    const rushes = ["127.0.0.2", "127.0.0.3", "127.0.0.4"].map((localAddress) =>
      clients.connectMany(sluice.port(), 20, { localAddress })
    );
    for (const names of await Promise.all(rushes)) assert.deepEqual(countsOf(names), { "": 17, a: 3 });
    assert.equal(a.clients, 9);
    const [refused] = await sluice.loggedEvents("connection_refused", 1);
    assert.equal(refused!.code, "client_connection_limit");
    assert.equal(await answeringServer(sluice.port(), { localAddress: "127.0.0.5" }), "a");
  },
});

Deno.test({
  name: `clients beyond the burst are refused, and admitted later${onLinux}`,
  ignore: !isLinux,
  async fn() {
    await using a = await NamedServer.start("a");
    await using sluice = await Sluice.withConfig(logged([
      `{ name: all, listen: 0, limits: { connects_per_second: { rate: 2, burst: 5 } }, upstream: "${a.address}" }`,
      `{ name: each, listen: 0, limits: { connects_per_second_per_client: { rate: 2, burst: 5 } }, ` +
      `upstream: "${a.address}" }`,
    ]));
    const visit = (service: number, localAddress = "127.0.0.1") =>
      answeringServer(sluice.port(service), { localAddress });
    for (const service of [0, 1]) {
      const began = performance.now();
      const names = await Promise.all(Array.from({ length: 20 }, () => visit(service)));
      const refilled = Math.ceil((performance.now() - began) / 500);
      const { a: letIn } = countsOf(names);
      assert.ok(letIn! >= 5 && letIn! <= 5 + refilled, `${letIn} of 20 in ${refilled} half seconds`);
      // Refused clients do not delay the next admission.
      await within(
        3000,
        "to come in again",
        eventually("a place", () => visit(service), (name) => name === "a"),
      );
    }
    assert.equal(await visit(1, "127.0.0.2"), "a", "another client has a rate of its own");
    // Each of several threads has its share of ten lines a second, and perhaps only one needs it.
    await sluice.loggedEvents("connection_refused", workers === 1 ? 20 : 1);
    for (const code of ["connect_rate", "client_connect_rate"]) await sluice.logged(`"code":"${code}"`);
    const codes = new Set(
      sluice.events("connection_refused").map(({ service, code }) => `${service} ${code}`),
    );
    assert.deepEqual(codes, new Set(["all connect_rate", "each client_connect_rate"]));
  },
});

function logged(services: string[], more = ""): string {
  return `log: { format: json }\n${more}\nservices:\n${services.map((each) => `  - ${each}\n`).join("")}`;
}

/** Clients that are released together. */
class Batch {
  size = 0;
  readonly complete = Promise.withResolvers<void>();
}

/** An upstream called "a" that keeps its clients until it has this many, then releases all of them. */
class Batches implements AsyncDisposable {
  served = 0;
  most = 0;
  readonly #size: number;
  #open = 0;
  #batch = new Batch();
  readonly #upstream = upstream((conn) => this.#serve(conn));

  constructor(size: number) {
    this.#size = size;
  }

  get address(): string {
    return this.#upstream.address;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#batch.complete.resolve();
    await this.#upstream[Symbol.asyncDispose]();
  }

  async #serve(conn: Deno.TcpConn): Promise<void> {
    this.#open += 1;
    this.most = Math.max(this.most, this.#open);
    await readText(conn, 4);
    const batch = this.#batch;
    batch.size += 1;
    if (batch.size === this.#size) {
      this.#batch = new Batch();
      // By then, one too many would be visible.
      await roundTrip();
      batch.complete.resolve();
    }
    await batch.complete.promise;
    await writeText(conn, "a");
    this.#open -= 1;
    this.served += 1;
  }
}
