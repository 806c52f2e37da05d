import assert from "node:assert/strict";
import type { ConsulEntry } from "../../../../../src/config/schema/discovery_schema.ts";
import { formatAddress } from "../../../../../src/net/address.ts";
import { type HttpClientOptions, openHttpClient } from "../../../../../src/net/http_client.ts";
import { consulSource } from "../../../../../src/upstream/discovery/consul/consul_source.ts";
import { eventually } from "../../../../support/eventually.ts";
import { sourceParts } from "../../../../support/fakes/upstream_parts.ts";
import { FakeConsul } from "../../../../support/servers/fake_consul.ts";

const A = { address: "10.0.0.1", port: 1 };
const B = { address: "10.0.0.2", port: 2 };

/** The source before a server, with a clock of the test. */
class Fixture implements AsyncDisposable {
  readonly consul: FakeConsul;
  /** The endpoints that were reported last. */
  found: string[] | undefined;
  readonly reports: string[] = [];
  readonly waits: number[] = [];
  /** The options of each client. */
  readonly clients: HttpClientOptions[] = [];
  tokenFile = "";
  #now = 0;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(consul: FakeConsul, options: Partial<ConsulEntry> = {}) {
    this.consul = consul;
    const complete: ConsulEntry = {
      service: "db",
      address: consul.address,
      tag: [],
      datacenter: undefined,
      passingOnly: false,
      token: undefined,
      tokenFile: undefined,
      ca: undefined,
      wait: 60_000,
      ...options,
    };
    this.#running = consulSource.run(complete, {
      discovery: { consul: complete },
      entries: [],
      events: {
        endpoints: (endpoints) => this.found = endpoints.map(({ address }) => formatAddress(address)),
        answered: (what) => this.reports.push(`${this.#short(what)} answered`),
        forgotten: (what) => this.reports.push(`${this.#short(what)} forgotten`),
        failed: (what, error) => this.reports.push(`${this.#short(what)}: ${(error as Error).message}`),
      },
      parts: {
        ...sourceParts(),
        now: () => this.#now,
        http: (options) => {
          this.clients.push(options);
          return openHttpClient(options);
        },
        random: () => 0.5,
        wait: (milliseconds, signal) => {
          this.waits.push(milliseconds);
          if (signal.aborted) return Promise.resolve();
          return new Promise((resolve) => setTimeout(resolve, 1));
        },
        files: {
          ...sourceParts().files,
          read: () => Promise.resolve(new TextEncoder().encode(this.tokenFile)),
        },
      },
      signal: this.#stop.signal,
    });
  }

  /** Time passes for the source while it waits for an answer. */
  pass(milliseconds: number): void {
    this.#now += milliseconds;
  }

  async finds(...endpoints: string[]): Promise<void> {
    await eventually(`${endpoints}`, () => this.found, (found) => found?.join() === endpoints.join());
  }

  async asks(path: string): Promise<void> {
    await eventually(path, () => this.consul.asked.at(-1), (asked) => asked === path);
  }

  async reported(text: string): Promise<void> {
    await eventually(text, () => this.reports, (reports) => reports.some((report) => report.includes(text)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.consul[Symbol.asyncDispose]();
  }

  #short(what: string): string {
    return what.replace(this.consul.address, "~");
  }
}

Deno.test("consulSource asks at once, then waits for changes from the index of the last answer", async () => {
  const consul = new FakeConsul();
  consul.set([B, A], 20);
  await using fixture = new Fixture(consul, { service: "my db", tag: ["a", "b c"], datacenter: "west" });
  await fixture.finds("10.0.0.1:1", "10.0.0.2:2");
  await fixture.asks("/v1/health/service/my%20db?tag=a&tag=b+c&dc=west&index=20&wait=60s");
  assert.equal(consul.asked[0], "/v1/health/service/my%20db?tag=a&tag=b+c&dc=west");
  fixture.pass(40_000);
  consul.set([A]);
  await fixture.finds("10.0.0.1:1");
  consul.set([{ ...A, status: "critical" }]);
  await fixture.finds();
  assert.deepEqual([...new Set(fixture.reports)], ["Consul at ~ answered"]);
  assert.deepEqual([...new Set(fixture.waits)], [100]);
});

Deno.test("consulSource begins again when the index goes backwards, or is none", async () => {
  const consul = new FakeConsul();
  consul.set([A], 20);
  await using fixture = new Fixture(consul);
  await fixture.asks("/v1/health/service/db?index=20&wait=60s");
  consul.set([B], 3);
  await fixture.finds("10.0.0.2:2");
  await fixture.asks("/v1/health/service/db?index=3&wait=60s");
  assert.deepEqual(consul.asked, [
    "/v1/health/service/db",
    "/v1/health/service/db?index=20&wait=60s",
    "/v1/health/service/db",
    "/v1/health/service/db?index=3&wait=60s",
  ]);
  consul.answer = () => Response.json([], { headers: { "X-Consul-Index": "0" } });
  consul.wake();
  await fixture.finds();
  await fixture.asks("/v1/health/service/db");
});

Deno.test("consulSource asks less often what answers at once although nothing has changed", async () => {
  const consul = new FakeConsul();
  await using fixture = new Fixture(consul);
  await fixture.asks("/v1/health/service/db?index=10&wait=60s");
  assert.deepEqual(fixture.waits, [100]);
  consul.wake();
  await eventually("another question", () => fixture.waits.length, (length) => length === 2);
  fixture.pass(31_000);
  await eventually("it to wait", () => consul.asked.length, (length) => length === 3);
  consul.wake();
  await eventually("another question", () => fixture.waits.length, (length) => length === 3);
  assert.equal(fixture.waits[1], 1000);
});

Deno.test("consulSource keeps what it has found while Consul fails, and asks again later each time", async () => {
  const consul = new FakeConsul();
  consul.set([A]);
  await using fixture = new Fixture(consul);
  await fixture.finds("10.0.0.1:1");
  const answers = [
    () => new Response("rpc error: No cluster leader\nmore", { status: 500 }),
    () => new Response("<html>", { status: 200 }),
    () => Response.json({}),
    () => new Response("", { status: 307, headers: { Location: "http://192.0.2.1/" } }),
  ];
  consul.answer = () => (answers.length > 1 ? answers.shift()! : answers[0]!)();
  consul.wake();
  await eventually(
    "five failures",
    () => fixture.waits.filter((wait) => wait >= 1000).length,
    (count) => count >= 5,
  );
  const failures = fixture.reports.filter((report) => !report.endsWith("answered"));
  assert.deepEqual(failures.slice(0, 4), [
    "Consul at ~: status 500: rpc error: No cluster leader",
    "Consul at ~: the answer for the service db is not JSON",
    "Consul at ~: the answer is no list of instances",
    "Consul at ~: status 307",
  ]);
  assert.deepEqual(fixture.waits.filter((wait) => wait >= 1000).slice(0, 5), [
    1000,
    2000,
    4000,
    8000,
    16_000,
  ]);
  assert.deepEqual(fixture.found, ["10.0.0.1:1"]);
  consul.answer = undefined;
  consul.set([B]);
  await fixture.finds("10.0.0.2:2");
  assert.ok(!consul.asked.slice(2, 6).some((path) => path.includes("index")), `${consul.asked}`);
});

Deno.test("consulSource sends its token, reads a file of it each time, and never repeats it", async () => {
  const consul = new FakeConsul({ token: "first-token" });
  consul.set([A]);
  await using fixture = new Fixture(consul, { tokenFile: "/token" });
  await fixture.reported("Consul at ~: /token has no token that a header can carry");
  fixture.tokenFile = "other-token";
  await fixture.reported("status 403: Permission denied: token with AccessorID ");
  fixture.tokenFile = "first-token\n";
  await fixture.finds("10.0.0.1:1");
  consul.answer = () => new Response("cannot use first-token", { status: 403 });
  consul.wake();
  await fixture.reported("cannot use ***");
  consul.answer = undefined;
  assert.ok(!consul.asked.some((path) => path.includes("first-token")));
});

Deno.test("consulSource keeps what it has found while its file has no token, and does not show the file", async () => {
  const consul = new FakeConsul({ token: "first-token" });
  consul.set([A]);
  await using fixture = new Fixture(consul, { tokenFile: "/token", wait: 600_000 });
  fixture.tokenFile = "first-token\n";
  await fixture.finds("10.0.0.1:1");
  await eventually("a question that waits", () => consul.asked.length, (length) => length >= 2);
  for (
    const text of ["", " \n", "AccessorID: 1\nSecretID: my-secret\n", "my-secret\u20ac", "x".repeat(4097)]
  ) {
    const { length } = fixture.reports;
    fixture.tokenFile = text;
    consul.set([A]);
    const failures = () => fixture.reports.slice(length).filter((report) => !report.endsWith("answered"));
    await eventually("a failure", failures, (all) => all.length > 1);
    assert.equal(failures().at(-1), "Consul at ~: /token has no token that a header can carry");
  }
  assert.ok(!fixture.reports.join().includes("my-secret"));
  assert.deepEqual(fixture.found, ["10.0.0.1:1"]);
});

Deno.test("consulSource takes a list that Consul has emptied because of the token for a failure", async () => {
  const consul = new FakeConsul();
  consul.set([A]);
  await using fixture = new Fixture(consul);
  await fixture.finds("10.0.0.1:1");
  consul.answer = () => Response.json([], { headers: { "X-Consul-Results-Filtered-By-ACLs": "true" } });
  consul.wake();
  await fixture.reported("Consul at ~: the token may not see the instances of the service db");
  assert.deepEqual(fixture.found, ["10.0.0.1:1"]);
  consul.answer = () => Response.json([], { headers: { "X-Consul-Results-Filtered-By-ACLs": "false" } });
  await fixture.finds();
});

Deno.test("consulSource names instances without a port until they have one", async () => {
  const consul = new FakeConsul();
  consul.set([A, { address: "10.0.0.3", port: 0 }]);
  await using fixture = new Fixture(consul);
  await fixture.finds("10.0.0.1:1");
  const what = "instance db-0 of node node-1";
  await fixture.reported(`${what}: it has no port`);
  consul.set([A, B]);
  await fixture.finds("10.0.0.1:1", "10.0.0.2:2");
  assert.deepEqual(fixture.reports.filter((report) => report.startsWith(what)), [
    `${what}: it has no port`,
    `${what} forgotten`,
  ]);
});

Deno.test("consulSource ends at once while Consul holds its question", async () => {
  const fixture = new Fixture(new FakeConsul());
  await fixture.asks("/v1/health/service/db?index=10&wait=60s");
  await fixture[Symbol.asyncDispose]();
  assert.deepEqual(fixture.reports, ["Consul at ~ answered"]);
});

Deno.test("consulSource shares no connection, as one of HTTP/2 that is dead would hold the next question too", async () => {
  await using fixture = new Fixture(new FakeConsul());
  await fixture.finds();
  assert.deepEqual(fixture.clients, [{ ca: undefined, http2: false }]);
});

Deno.test("consulSource asks again when the connection is cut in the middle of an answer", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const heads = [
    "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n",
    "",
  ];
  const serving = (async () => {
    for (const head of heads) {
      using conn = await listener.accept();
      await conn.read(new Uint8Array(4096));
      await conn.write(new TextEncoder().encode(head));
    }
  })();
  await using fixture = new Fixture(new FakeConsul(), { address: `http://127.0.0.1:${listener.addr.port}` });
  await serving;
  listener.close();
  await eventually("four failures", () => fixture.waits.length, (count) => count >= 4);
  assert.deepEqual(fixture.waits.slice(0, 4), [1000, 2000, 4000, 8000]);
  assert.equal(fixture.found, undefined);
  assert.match(fixture.reports.at(-1)!, /^Consul at http:[^ ]+: tcp connect error: /);
});
