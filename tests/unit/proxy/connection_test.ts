/** The life of one connection, around a service without sockets. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { decodeOptions } from "../../../src/config/library.ts";
import type { ProxyOptions } from "../../../src/config/options.ts";
import type { Conn } from "../../../src/net/socket/conn.ts";
import { Deadlines } from "../../../src/net/timers/deadlines.ts";
import { ProxyError } from "../../../src/net/errors.ts";
import { IdleClock } from "../../../src/net/timers/idle_clock.ts";
import { LifetimeClock } from "../../../src/net/timers/lifetime_clock.ts";
import type { CloseReason } from "../../../src/observe/close_reason.ts";
import { AdmissionControl, type AdmissionParts } from "../../../src/proxy/admission.ts";
import { Connection, type ConnectionContext, recordLostClient } from "../../../src/proxy/connection.ts";
import type { Group } from "../../../src/upstream/group.ts";
import type { Lease } from "../../../src/upstream/endpoint.ts";
import type { ClientFacts } from "../../../src/proxy/client_facts.ts";
import { encodeProxyHeader } from "../../../src/wire/proxy_protocol/proxy_protocol.ts";
import { clientHello } from "../../support/bytes/client_hellos.ts";
import { FakeTime, settled } from "../../support/fakes/fake_time.ts";
import { ledgerAlone } from "../observe/counters/ledger_alone.ts";
import { latin1 } from "../wire/proxy_protocol/proxy_headers.ts";
import { BROKEN, RESET, SlowConn } from "../relay/relay_fixture.ts";

type Options = Partial<ProxyOptions["services"][number]>;
/** Of the service: how fast clients may come. */
type Rate = Pick<NonNullable<AdmissionParts["rate"]>, "take">;

Deno.test("Connection.run() relays, and tells of each step in order", async () => {
  const fixture = new Fixture();
  const ran = fixture.run();
  await fixture.dialled();
  assert.deepEqual([fixture.state, fixture.record!.upstream, fixture.record!.route], [
    "connecting",
    "group",
    3,
  ]);
  assert.equal(fixture.lives, 1);
  fixture.answer();
  await setImmediate();
  assert.equal(fixture.state, "open");
  await fixture.client.arriveAll("ping", "end");
  await fixture.upstream.arriveAll("pong", "end");
  await ran;
  assert.deepEqual([fixture.upstream.written, fixture.client.written], ["ping", "pong"]);
  assert.deepEqual(fixture.told, [
    "opened",
    "accepted line",
    "connected",
    "connected line",
    "ended client_closed",
  ]);
  assert.deepEqual(fixture.leases, { failed: 0, disposed: 1 });
  assert.deepEqual([fixture.inside, fixture.client.isClosed, fixture.lives], [0, true, 0]);
  const { accepted, active } = fixture.ledger.figures();
  assert.deepEqual([accepted, active], [1, 0]);
});

Deno.test("the client gets nodelay and keepalive, as the service has them", async () => {
  const options: [Options, (string | number | boolean)[]][] = [
    [{}, ["nodelay"]],
    [{ nodelay: false }, []],
    [{ keepalive: true }, ["nodelay", true]],
    [{ keepalive: "30s" }, ["nodelay", 30_000]],
  ];
  for (const [option, expected] of options) {
    const fixture = new Fixture(option);
    await fixture.ends("killed");
    assert.deepEqual(fixture.client.options, expected);
  }
});

for (const code of ["killed", "shutdown"] as const) {
  Deno.test(`a connection ${code} while it dials ends at once, and frees the place of a late dial`, async () => {
    const fixture = new Fixture();
    const ran = fixture.run();
    await fixture.dialled();
    fixture.connection.abort(code);
    fixture.connection.abort("lifetime");
    await ran;
    assert.deepEqual([fixture.told.at(-1), fixture.client.isClosed, fixture.inside], [
      `ended ${code}`,
      true,
      0,
    ]);
    assert.equal(fixture.leases.disposed, 0);
    fixture.answer();
    await setImmediate();
    assert.equal(fixture.leases.disposed, 1);
  });
}

Deno.test("a connection killed while it is relayed closes both sides, with its first reason", async () => {
  const fixture = new Fixture();
  const ran = fixture.run();
  await fixture.dialled();
  fixture.answer();
  await setImmediate();
  fixture.connection.abort("killed");
  fixture.connection.abort("shutdown");
  await ran;
  assert.deepEqual([fixture.client.isClosed, fixture.upstream.isClosed], [true, true]);
  assert.equal(fixture.told.at(-1), "ended killed");
});

Deno.test("a connection is killed while it waits for a place, its PROXY header, its handshake or ClientHello", async () => {
  const cases: [string, Options, Partial<ConnectionContext>][] = [
    ["place", { limits: { connections: 1, whenFull: "wait" } }, {}],
    ["header", { acceptProxyProtocol: { from: ["192.0.2.1"] } }, { readAhead: 4096, headerDeadlines: LONG }],
    ["handshake", {}, { tls: { terminate: handshake } as unknown as ConnectionContext["tls"] }],
    ["hello", {}, { readAhead: 4096, needsHello: () => true }],
  ];
  for (const [what, options, parts] of cases) {
    const fixture = new Fixture(options, { ...parts, isFull: what === "place" });
    const ran = fixture.run();
    await setImmediate();
    assert.equal(fixture.told.length, 2, what);
    fixture.connection.abort("killed");
    await ran;
    assert.deepEqual([fixture.told.at(-1), fixture.dials], ["ended killed", 0], what);
  }
});

Deno.test("what is aborted before it dials or is relayed does neither", async () => {
  const early = new Fixture();
  early.onRoute = () => early.connection.abort("killed");
  await early.run();
  assert.deepEqual([early.dials, early.told], [0, ["opened", "accepted line", "ended killed"]]);

  const late = new Fixture();
  const ran = late.run();
  await late.dialled();
  late.answer();
  late.connection.abort("killed");
  await ran;
  assert.deepEqual(late.told, ["opened", "accepted line", "ended killed"]);
  assert.equal(late.leases.disposed, 1);
});

Deno.test("no relay begins once a connection was aborted, however late", async () => {
  for (let microtasks = 0; microtasks < 12; microtasks++) {
    const fixture = new Fixture();
    const ran = fixture.run();
    await fixture.dialled();
    fixture.answer();
    for (let passed = 0; passed < microtasks; passed++) await undefined;
    fixture.told.push("aborted");
    fixture.connection.abort("killed");
    await ran;
    await setImmediate();
    assert.deepEqual(fixture.told.slice(fixture.told.indexOf("aborted")), ["aborted", "ended killed"]);
    assert.equal(fixture.leases.disposed, 1);
  }
});

Deno.test("a peer that may not send a PROXY header is closed before anything is read", async () => {
  const fixture = new Fixture({ acceptProxyProtocol: { from: ["198.51.100.1"] } }, {
    readAhead: 4096,
    headerDeadlines: LONG,
  });
  await fixture.run();
  assert.deepEqual([fixture.told.at(-1), fixture.client.reads], ["ended proxy_not_trusted", 0]);
});

Deno.test("where a client goes that sends no ClientHello is decided by why there is none", async () => {
  // The first byte tells, and may be all that there is room for.
  for (const readAhead of [4096, 1]) {
    const fixture = new Fixture({}, { readAhead, needsHello: () => true });
    const ran = fixture.run();
    fixture.client.arrive("GET / HTTP/1.1");
    await fixture.dialled();
    assert.deepEqual([fixture.facts!.noHello, fixture.facts!.serverName], ["not TLS", undefined]);
    fixture.connection.abort("killed");
    await ran;
  }
});

Deno.test("a client that is refused or gone has entered: nobody else waits for it", async () => {
  const refused = new Fixture({ deny: ["192.0.2.1"] });
  const entered = refused.connection.entered();
  await refused.run();
  await entered;
  assert.equal(refused.told.at(-1), "ended access_denied");

  const full = new Fixture({ limits: { connections: 1 } }, { isFull: true });
  const alsoEntered = full.connection.entered();
  await full.run();
  await alsoEntered;
  assert.equal(full.told.at(-1), "ended connection_limit");
});

Deno.test("a client that waits for a place has not entered", async () => {
  const fixture = new Fixture({ limits: { connections: 1, whenFull: "wait" } }, { isFull: true });
  let hasEntered = false;
  const entered = fixture.connection.entered().then(() => hasEntered = true);
  const ran = fixture.run();
  await setImmediate();
  assert.equal(hasEntered, false);
  fixture.connection.abort("killed");
  await ran;
  await entered;
});

Deno.test("a client has entered as soon as it has its place", async () => {
  const fixture = new Fixture();
  const entered = fixture.connection.entered();
  const ran = fixture.run();
  await entered;
  fixture.connection.abort("killed");
  await ran;
});

for (const reset of ["close", "pass"] as const) {
  Deno.test(`a reset before the relay is one for the client with reset: ${reset}`, async () => {
    for (const [error, isReset] of [[RESET, true], [BROKEN, true], [new Error("no"), false]] as const) {
      const fixture = new Fixture({ reset });
      const ran = fixture.run();
      await fixture.dialled();
      fixture.refuse(new ProxyError(isReset ? "connection_reset" : "io_error", "upstream", { cause: error }));
      await ran;
      assert.equal(fixture.client.isReset, isReset && reset === "pass");
      assert.equal(fixture.client.isClosed, true);
    }
  });
}

Deno.test("a dial without a descriptor left tells the listeners, other failures do not", async () => {
  for (const [code, shortages] of [["too_many_open_files", 1], ["connection_refused", 0]] as const) {
    const fixture = new Fixture();
    const ran = fixture.run();
    await fixture.dialled();
    fixture.refuse(new ProxyError(code, "proxy"));
    await ran;
    assert.deepEqual([fixture.shortages, fixture.told.at(-1)], [shortages, `ended ${code}`]);
  }
});

Deno.test("a relay that fails tells its lease, one that ends in order does not", async () => {
  const fixture = new Fixture();
  const ran = fixture.run();
  await fixture.dialled();
  fixture.answer();
  await setImmediate();
  await fixture.upstream.arriveAll(RESET);
  await ran;
  assert.deepEqual(fixture.leases, { failed: 1, disposed: 1 });
  assert.equal(fixture.told.at(-1), "ended upstream_connection_reset");
});

Deno.test("an endpoint that goes down ends the relay with its reason", async () => {
  const fixture = new Fixture();
  const ran = fixture.run();
  await fixture.dialled();
  fixture.answer();
  await setImmediate();
  fixture.goDown(new ProxyError("endpoint_down", "upstream"));
  await ran;
  assert.equal(fixture.told.at(-1), "ended upstream_endpoint_down");
});

Deno.test("a connection lives no longer than its lifetime", async () => {
  using time = new FakeTime();
  const fixture = new Fixture({}, { lifetimes: new LifetimeClock(1000) });
  const ran = fixture.run();
  await settled();
  await time.advance(990);
  assert.equal(fixture.client.isClosed, false);
  await time.advance(120);
  await ran;
  assert.equal(fixture.told.at(-1), "ended lifetime");
});

Deno.test("what a PROXY header says of the client is told of the connection", async () => {
  const header = latin1(encodeProxyHeader({
    command: "proxy",
    source: { transport: "tcp", hostname: "198.51.100.7", port: 7 },
    destination: { transport: "tcp", hostname: "198.51.100.8", port: 8 },
    authority: "db.test",
    alpn: "h2",
    uniqueId: Uint8Array.of(255),
    tls: { client: 7, verify: 0, version: "TLSv1.3", commonName: "alice" },
  }, 2));
  const fixture = new Fixture({ acceptProxyProtocol: { from: ["192.0.2.1"] } }, {
    readAhead: 4096,
    headerDeadlines: LONG,
  });
  const ran = fixture.run();
  fixture.client.arriveBytes(header);
  await fixture.dialled();
  const { client, peer, serverName, alpn, tlsVersion, clientSubject, uniqueId } = fixture.record!;
  assert.deepEqual({ client, peer, serverName, alpn, tlsVersion, clientSubject, uniqueId }, {
    client: "198.51.100.7:7",
    peer: "192.0.2.1:5432",
    serverName: "db.test",
    alpn: "h2",
    tlsVersion: "TLSv1.3",
    clientSubject: "CN=alice",
    uniqueId: "ff",
  });
  fixture.connection.abort("killed");
  await ran;

  const local = new Fixture({ acceptProxyProtocol: { from: ["192.0.2.1"] } }, {
    readAhead: 4096,
    headerDeadlines: LONG,
  });
  const localRan = local.run();
  local.client.arriveBytes(latin1(encodeProxyHeader({ command: "local" }, 2)));
  await local.dialled();
  assert.equal(local.record!.uniqueId, undefined);
  assert.deepEqual([local.record!.client, local.record!.peer], ["192.0.2.1:5432", undefined]);
  local.connection.abort("killed");
  await localRan;

  const nameless = new Fixture({ acceptProxyProtocol: { from: ["192.0.2.1"] } }, {
    readAhead: 4096,
    headerDeadlines: LONG,
  });
  const namelessRan = nameless.run();
  nameless.client.arriveBytes(latin1(encodeProxyHeader({
    command: "proxy",
    source: { transport: "tcp", hostname: "198.51.100.7", port: 7 },
    destination: { transport: "tcp", hostname: "198.51.100.8", port: 8 },
    uniqueId: new Uint8Array(0),
  }, 2)));
  await nameless.dialled();
  assert.deepEqual([nameless.record!.client, nameless.record!.uniqueId], ["198.51.100.7:7", undefined]);
  nameless.connection.abort("killed");
  await namelessRan;
});

Deno.test("the name of a ClientHello is told of the connection, and all of it is relayed", async () => {
  const hello = latin1(clientHello({ sni: "db.test", alpn: ["h2", "http/1.1"] }));
  const fixture = new Fixture({}, { readAhead: 4096, needsHello: () => true });
  const ran = fixture.run();
  fixture.client.arriveBytes(hello);
  await fixture.dialled();
  assert.equal(fixture.record!.serverName, "db.test");
  assert.deepEqual([fixture.facts!.serverName, fixture.facts!.alpn], ["db.test", ["h2", "http/1.1"]]);
  fixture.answer();
  await setImmediate();
  assert.equal(fixture.upstream.writes, 1);
  fixture.connection.abort("killed");
  await ran;
});

Deno.test("a TLS client is read inside TLS from its handshake on, and what was agreed on is told", async () => {
  const inside = new LooseConn();
  const facts = { serverName: "db.test", alpn: "h2", version: "TLSv1.3", clientSubject: "CN=alice" };
  let state: string | undefined;
  const terminate = () => {
    state = fixture.state;
    return Promise.resolve({ conn: inside, facts });
  };
  const fixture = new Fixture({}, { tls: { terminate } as unknown as ConnectionContext["tls"] });
  const ran = fixture.run();
  await fixture.dialled();
  const { serverName, alpn, tlsVersion, clientSubject } = fixture.record!;
  assert.deepEqual([serverName, alpn, tlsVersion, clientSubject], ["db.test", "h2", "TLSv1.3", "CN=alice"]);
  assert.deepEqual([state, fixture.facts!.serverName, fixture.facts!.alpn], ["handshake", "db.test", ["h2"]]);
  fixture.answer();
  await setImmediate();
  await inside.arriveAll("secret", "end");
  await fixture.upstream.arriveAll("end");
  await ran;
  assert.deepEqual([fixture.upstream.written, inside.isClosed], ["secret", true]);
});

for (
  const [room, handshakes, left, end] of [[1, 1, 0, "tls_handshake_failed"], [
    0,
    0,
    0,
    "connect_rate",
  ]] as const
) {
  Deno.test(`a handshake costs the service its rate, whatever comes of it: ${end}`, async () => {
    let begun = 0;
    const terminate = () => {
      begun += 1;
      return Promise.reject(new ProxyError("tls_handshake_failed", "client"));
    };
    const rate = { left: room as number, take: () => rate.left > 0 && rate.left-- > 0 };
    const fixture = new Fixture({}, { tls: { terminate } as unknown as ConnectionContext["tls"], rate });
    await fixture.run();
    assert.deepEqual([begun, rate.left, fixture.told.at(-1), fixture.inside], [
      handshakes,
      left,
      `ended ${end}`,
      0,
    ]);
  });
}

Deno.test("recordLostClient() counts a client that nobody knows, with its reason", () => {
  const fixture = new Fixture();
  recordLostClient(fixture.service, "127.0.0.1:5432");
  const { accepted, active, failedBy } = fixture.ledger.figures();
  assert.deepEqual([accepted, active, fixture.record!.client], [1, 0, "unknown"]);
  assert.deepEqual(failedBy, { connection_reset: 1 });
  assert.deepEqual(fixture.told, ["opened", "ended connection_reset"]);
});

/** Far too long to pass, yet a timer that the test runner would find if it were left behind. */
const LONG = new Deadlines(60_000, () => new Error("never"));
Deno.test.afterEach(() => LONG.rest());

/** As long as the client's connection is open. */
async function handshake(client: Conn): Promise<never> {
  await client.read(new Uint8Array(1));
  throw new Error("read something");
}

/** Remembers its options, and is read in steps. */
class LooseConn extends SlowConn {
  readonly options: (string | number | boolean)[] = [];

  override setNoDelay(on = true): void {
    if (on) this.options.push("nodelay");
  }

  override setKeepAlive(after: true | number = true): void {
    this.options.push(after);
  }

  async arriveAll(...what: (string | Error)[]): Promise<void> {
    for (const each of what) {
      this.arrive(each);
      await setImmediate();
    }
  }

  /** Bytes of a text with a character each. */
  arriveBytes(text: string): void {
    this.arrive(Uint8Array.from(text, (each) => each.charCodeAt(0)));
  }
}

/** A connection in a service whose dials the test answers. */
class Fixture {
  readonly client = new LooseConn();
  readonly upstream = new LooseConn();
  readonly ledger = ledgerAlone();
  readonly service: ConnectionContext;
  #connection: Connection | undefined;
  readonly told: string[] = [];
  readonly leases = { failed: 0, disposed: 0 };
  record: Parameters<ConnectionContext["events"]["ended"]>[0] & { state?: string } | undefined;
  /** What is known when it dials. */
  facts: ClientFacts | undefined;
  /** Lifetimes that are watched. */
  lives = 0;
  dials = 0;
  shortages = 0;
  /** Places taken. */
  inside = 0;
  onRoute = () => {};
  goDown: (error: ProxyError) => void = () => {};
  readonly #dialled = Promise.withResolvers<void>();
  readonly #dial = Promise.withResolvers<Lease>();

  constructor(
    options: Options = {},
    { isFull = false, rate, ...parts }: Partial<ConnectionContext> & { isFull?: boolean; rate?: Rate } = {},
  ) {
    const { services: [config] } = decodeOptions({
      services: [{ name: "test", listen: "127.0.0.1:0", upstream: "127.0.0.1:1", ...options }],
    });
    const limit = {
      isFull,
      enter: () => ++this.inside > 0,
      leave: () => void this.inside--,
      undo: () => void this.inside--,
      onFree: () => ({ [Symbol.dispose]() {} }),
    };
    const counts = { own: limit, all: limit, rate, clients: undefined };
    this.service = {
      config: config!,
      admission: new AdmissionControl(config!, counts as unknown as AdmissionParts),
      ledger: this.ledger,
      accessLog: { ended: () => {} },
      events: {
        opened: (record) => {
          this.record = record as NonNullable<Fixture["record"]>;
          this.told.push("opened");
        },
        connected: () => this.told.push("connected"),
        ended: (_record: unknown, { key }: CloseReason) => this.told.push(`ended ${key}`),
      },
      debugLines: {
        accepted: () => this.told.push("accepted line"),
        connected: () => this.told.push("connected line"),
      },
      readAhead: 0,
      needsHello: () => false,
      route: () => {
        this.onRoute();
        const group = { name: "group" } as Group;
        return { connector: { group, connect: () => this.#connect() }, route: 3 };
      },
      headerFor: (facts) => void (this.facts = facts),
      tls: undefined,
      headerDeadlines: undefined,
      addStages: undefined,
      filterFailed: () => {},
      lifetimes: {
        watch: () => {
          this.lives += 1;
          return { [Symbol.dispose]: () => void (this.lives -= 1) };
        },
      },
      handshakeDeadlines: LONG,
      peekDeadlines: LONG,
      idleClock: new IdleClock(0, 0),
      stopping: new AbortController().signal,
      onShortage: () => this.shortages += 1,
      ...parts,
    };
  }

  get connection(): Connection {
    return this.#connection ??= new Connection(this.client, this.service);
  }

  get state(): string | undefined {
    return this.record?.state;
  }

  run(): Promise<void> {
    return this.connection.run();
  }

  dialled(): Promise<void> {
    return this.#dialled.promise;
  }

  answer(): void {
    this.#dial.resolve({
      conn: this.upstream,
      whenDown: (abort: (error: ProxyError) => void) => this.goDown = abort,
      failed: () => this.leases.failed += 1,
      [Symbol.dispose]: () => void (this.leases.disposed += 1),
    } as unknown as Lease);
  }

  refuse(error: ProxyError): void {
    this.#dial.reject(error);
  }

  /** Runs it up to its dial, and ends it. */
  async ends(code: "killed"): Promise<void> {
    const ran = this.run();
    await this.dialled();
    this.connection.abort(code);
    await ran;
  }

  #connect(): Promise<Lease> {
    this.dials += 1;
    this.#dialled.resolve();
    return this.#dial.promise;
  }
}
