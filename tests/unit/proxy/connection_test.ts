/** The life of one connection, around a service without sockets. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { decodeFault } from "../../../src/config/fault.ts";
import { decodeOptions } from "../../../src/config/library.ts";
import type { ProxyOptions } from "../../../src/config/options.ts";
import type { Conn, SocketOptions } from "../../../src/net/socket/conn.ts";
import { Deadlines, IdleClock, LifetimeClock } from "../../../src/net/timers/timeouts.ts";
import { ProxyError } from "../../../src/net/errors.ts";
import type { CloseReason } from "../../../src/observe/close_reason.ts";
import { AdmissionControl, type AdmissionParts } from "../../../src/proxy/admission.ts";
import { Connection } from "../../../src/proxy/connection.ts";
import { recordLostClient } from "../../../src/observe/log/access_log.ts";
import type { ConnectionContext } from "../../../src/proxy/connection_context.ts";
import { ServiceFaults } from "../../../src/proxy/faults.ts";
import { SharedCounter } from "../../../src/shared/shared_counter.ts";
import type { Group } from "../../../src/upstream/group.ts";
import type { Abortable, Lease } from "../../../src/upstream/endpoint.ts";
import type { ClientFacts } from "../../../src/proxy/client_facts.ts";
import { encodeProxyHeader } from "../../../src/wire/proxy_protocol/proxy_protocol.ts";
import { clientHello } from "../../support/bytes/client_hellos.ts";
import { FakeTime, settled } from "../../support/fakes/fake_time.ts";
import { ledgerAlone } from "../observe/counters/ledger_alone.ts";
import { latin1 } from "../wire/proxy_protocol/proxy_headers.ts";
import { BROKEN, RESET, SlowConn } from "../relay/relay_fixture.ts";

type Options = Partial<ProxyOptions["services"][number]>;
/** The connection rate of the service. */
type Rate = Pick<NonNullable<AdmissionParts["rate"]>, "take">;

Deno.test("Connection.run() relays, and reports each step in order", async () => {
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
  assert.deepEqual(fixture.log, [
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

Deno.test("Connection.run() reports no events while there are no subscribers", async () => {
  const events = {
    isSubscribed: false,
    opened: () => assert.fail("opened"),
    connected: () => assert.fail("connected"),
    faultApplied: () => assert.fail("fault"),
    ended: () => assert.fail("ended"),
  };
  const fixture = new Fixture({}, { events });
  const ran = fixture.run();
  await fixture.dialled();
  fixture.answer();
  await setImmediate();
  fixture.connection.abort("killed");
  await ran;
  recordLostClient(fixture.service, "127.0.0.1:5432");
  assert.deepEqual(fixture.log, ["accepted line", "connected line", "accepted line"]);
});

Deno.test("Connection sets nodelay and keepalive of the service on the client", async () => {
  const options: [Options, (string | number | boolean)[]][] = [
    [{}, ["nodelay", false]],
    [{ nodelay: false }, ["delay", false]],
    [{ keepalive: true }, ["nodelay", true]],
    [{ keepalive: "30s" }, ["nodelay", 30_000]],
  ];
  for (const [option, expected] of options) {
    const fixture = new Fixture(option);
    await fixture.ends("killed");
    assert.deepEqual(fixture.client.options, expected);
  }
});

Deno.test("Connection lets faults act before admission, and before it dials", async () => {
  const faults = faultsOf({ type: "delay_accept", delay: 0 }, { type: "delay_connect", delay: 0 });
  const fixture = new Fixture({}, { faults });
  fixture.onRoute = () => fixture.log.push("routed");
  const ran = fixture.run();
  await fixture.dialled();
  assert.deepEqual(fixture.log, [
    "opened",
    "accepted line",
    "fault delay_accept",
    "routed",
    "fault delay_connect",
  ]);
  assert.deepEqual(fixture.record!.faults, ["delay_accept", "delay_connect"]);
  fixture.connection.abort("killed");
  await ran;
});

Deno.test("Connection of a client that a fault refuses is reset, takes no slot, and has not failed", async () => {
  const fixture = new Fixture({}, { faults: faultsOf({ type: "refuse" }) });
  await fixture.run();
  assert.deepEqual(fixture.log, ["opened", "accepted line", "fault refuse", "ended fault"]);
  assert.deepEqual([fixture.client.isReset, fixture.inside, fixture.dials], [true, 0, 0]);
  const { failed, failedBy, active } = fixture.ledger.figures();
  assert.deepEqual([failed, failedBy, active], [0, { fault: 1 }, 0]);
});

for (const type of ["delay_accept", "delay_connect"] as const) {
  Deno.test(`Connection that waits for the fault ${type} has entered, and ends at once when it is killed`, async () => {
    const fixture = new Fixture({}, { faults: faultsOf({ type, delay: "1h" }) });
    let hasEntered = false;
    void fixture.connection.entered().then(() => hasEntered = true);
    const ran = fixture.run();
    await setImmediate();
    assert.deepEqual([hasEntered, fixture.log.at(-1)], [true, `fault ${type}`]);
    fixture.connection.abort("killed");
    await ran;
    assert.deepEqual([fixture.log.at(-1), fixture.dials, fixture.client.isClosed, fixture.inside], [
      "ended killed",
      0,
      true,
      0,
    ]);
  });
}

for (const code of ["killed", "shutdown"] as const) {
  Deno.test(`Connection that is ${code} during a dial ends at once, and closes a late upstream connection`, async () => {
    const fixture = new Fixture();
    const ran = fixture.run();
    await fixture.dialled();
    fixture.connection.abort(code);
    fixture.connection.abort("lifetime");
    await ran;
    assert.deepEqual([fixture.log.at(-1), fixture.client.isClosed, fixture.inside], [
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

Deno.test("Connection that is killed during the relay closes both sides, with its first reason", async () => {
  const fixture = new Fixture();
  const ran = fixture.run();
  await fixture.dialled();
  fixture.answer();
  await setImmediate();
  fixture.connection.abort("killed");
  fixture.connection.abort("shutdown");
  await ran;
  assert.deepEqual([fixture.client.isClosed, fixture.upstream.isClosed], [true, true]);
  assert.equal(fixture.log.at(-1), "ended killed");
});

Deno.test("Connection can be killed while it waits for a slot, a PROXY header, a handshake or a ClientHello", async () => {
  const cases: [string, Options, Partial<ConnectionContext>][] = [
    ["place", { limits: { connections: 1, whenFull: "wait" } }, {}],
    ["header", { acceptProxyProtocol: { from: ["192.0.2.1"] } }, { readAhead: 4096, headerDeadlines: LONG }],
    ["handshake", {}, { tls: { terminate: handshake, deadlines: LONG } }],
    ["hello", {}, { readAhead: 4096, route: () => undefined }],
  ];
  for (const [what, options, parts] of cases) {
    const fixture = new Fixture(options, { ...parts, isFull: what === "place" });
    const ran = fixture.run();
    await setImmediate();
    assert.equal(fixture.log.length, 2, what);
    fixture.connection.abort("killed");
    await ran;
    assert.deepEqual([fixture.log.at(-1), fixture.dials], ["ended killed", 0], what);
  }
});

Deno.test("Connection that is aborted before its dial or relay does neither", async () => {
  const early = new Fixture();
  early.onRoute = () => early.connection.abort("killed");
  await early.run();
  assert.deepEqual([early.dials, early.log], [0, ["opened", "accepted line", "ended killed"]]);

  const late = new Fixture();
  const ran = late.run();
  await late.dialled();
  late.answer();
  late.connection.abort("killed");
  await ran;
  assert.deepEqual(late.log, ["opened", "accepted line", "ended killed"]);
  assert.equal(late.leases.disposed, 1);
});

Deno.test("Connection begins no relay after an abort, however late", async () => {
  for (let microtasks = 0; microtasks < 12; microtasks++) {
    const fixture = new Fixture();
    const ran = fixture.run();
    await fixture.dialled();
    fixture.answer();
    for (let passed = 0; passed < microtasks; passed++) await undefined;
    fixture.log.push("aborted");
    fixture.connection.abort("killed");
    await ran;
    await setImmediate();
    assert.deepEqual(fixture.log.slice(fixture.log.indexOf("aborted")), ["aborted", "ended killed"]);
    assert.equal(fixture.leases.disposed, 1);
  }
});

Deno.test("Connection closes a peer that may not send a PROXY header before it reads", async () => {
  const fixture = new Fixture({ acceptProxyProtocol: { from: ["198.51.100.1"] } }, {
    readAhead: 4096,
    headerDeadlines: LONG,
  });
  await fixture.run();
  assert.deepEqual([fixture.log.at(-1), fixture.client.reads], ["ended proxy_not_trusted", 0]);
});

Deno.test("Connection routes a client without a ClientHello by the reason for that", async () => {
  // The first byte decides, and there may be room for no more.
  for (const readAhead of [4096, 1]) {
    const fixture = new Fixture({}, { readAhead, needsHello: true });
    const ran = fixture.run();
    fixture.client.arrive("GET / HTTP/1.1");
    await fixture.dialled();
    assert.deepEqual([fixture.facts!.noHello, fixture.facts!.serverName], ["not TLS", undefined]);
    fixture.connection.abort("killed");
    await ran;
  }
});

Deno.test("Connection.entered() resolves for a refused or lost client, so that no other waits for it", async () => {
  const refused = new Fixture({ deny: ["192.0.2.1"] });
  const entered = refused.connection.entered();
  await refused.run();
  await entered;
  assert.equal(refused.log.at(-1), "ended access_denied");

  const full = new Fixture({ limits: { connections: 1 } }, { isFull: true });
  const alsoEntered = full.connection.entered();
  await full.run();
  await alsoEntered;
  assert.equal(full.log.at(-1), "ended connection_limit");
});

Deno.test("Connection.entered() does not resolve while the client waits for a slot", async () => {
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

Deno.test("Connection.entered() resolves as soon as the client has its slot", async () => {
  const fixture = new Fixture();
  const entered = fixture.connection.entered();
  const ran = fixture.run();
  await entered;
  fixture.connection.abort("killed");
  await ran;
});

for (const reset of ["close", "pass"] as const) {
  Deno.test(`Connection passes a reset before the relay to the client with reset: ${reset}`, async () => {
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

Deno.test("Connection calls onShortage() if a dial finds no descriptor, but not for other failures", async () => {
  for (const [code, shortages] of [["too_many_open_files", 1], ["connection_refused", 0]] as const) {
    const fixture = new Fixture();
    const ran = fixture.run();
    await fixture.dialled();
    fixture.refuse(new ProxyError(code, "proxy"));
    await ran;
    assert.deepEqual([fixture.shortages, fixture.log.at(-1)], [shortages, `ended ${code}`]);
  }
});

Deno.test("Connection reports a failed relay to its lease, but not an orderly one", async () => {
  const fixture = new Fixture();
  const ran = fixture.run();
  await fixture.dialled();
  fixture.answer();
  await setImmediate();
  await fixture.upstream.arriveAll(RESET);
  await ran;
  assert.deepEqual(fixture.leases, { failed: 1, disposed: 1 });
  assert.equal(fixture.log.at(-1), "ended upstream_connection_reset");
});

Deno.test("Connection ends the relay with the reason when its endpoint goes down", async () => {
  const fixture = new Fixture();
  const ran = fixture.run();
  await fixture.dialled();
  fixture.answer();
  await setImmediate();
  fixture.goDown(new ProxyError("endpoint_down", "upstream"));
  await ran;
  assert.equal(fixture.log.at(-1), "ended upstream_endpoint_down");
});

Deno.test("Connection lives no longer than its lifetime", async () => {
  using time = new FakeTime();
  const fixture = new Fixture({}, { lifetimes: new LifetimeClock(1000) });
  const ran = fixture.run();
  await settled();
  await time.advance(990);
  assert.equal(fixture.client.isClosed, false);
  await time.advance(120);
  await ran;
  assert.equal(fixture.log.at(-1), "ended lifetime");
});

Deno.test("Connection records the facts of a PROXY header", async () => {
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

Deno.test("Connection records the name in a ClientHello, and relays all its bytes", async () => {
  const hello = latin1(clientHello({ sni: "db.test", alpn: ["h2", "http/1.1"] }));
  const fixture = new Fixture({}, { readAhead: 4096, needsHello: true });
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

Deno.test("Connection reads a client inside TLS after the handshake, and records what was negotiated", async () => {
  const inside = new LooseConn();
  const facts = { serverName: "db.test", alpn: "h2", version: "TLSv1.3", clientSubject: "CN=alice" };
  let state: string | undefined;
  const terminate = () => {
    state = fixture.state;
    return Promise.resolve({ conn: inside, facts });
  };
  const fixture = new Fixture({}, { tls: { terminate, deadlines: LONG } });
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

Deno.test("Connection refuses a client that is routed by one name and shakes hands for another", async () => {
  const hello = latin1(clientHello({ sni: "a.test" }));
  for (
    const [serverName, isRefused] of [["a.test", false], ["A.test.", false], ["b.test", true], [
      undefined,
      false,
    ]] as const
  ) {
    const inside = new LooseConn();
    const facts = serverName === undefined ? {} : { serverName };
    const tls = { terminate: () => Promise.resolve({ conn: inside, facts }), deadlines: LONG };
    const fixture = new Fixture({}, { readAhead: 4096, needsHello: true, tlsOfRoute: tls });
    const ran = fixture.run();
    fixture.client.arriveBytes(hello);
    if (isRefused) {
      await ran;
      assert.deepEqual([fixture.dials, fixture.log.at(-1)], [0, "ended tls_handshake_failed"]);
    } else {
      await fixture.dialled();
      assert.equal(fixture.record!.serverName, serverName);
      fixture.connection.abort("killed");
      await ran;
    }
    assert.equal(inside.isClosed, true);
  }
});

for (
  const [room, handshakes, left, end] of [[1, 1, 0, "tls_handshake_failed"], [
    0,
    0,
    0,
    "connect_rate",
  ]] as const
) {
  Deno.test(`Connection counts a handshake for the service's rate, whatever its result: ${end}`, async () => {
    let begun = 0;
    const terminate = () => {
      begun += 1;
      return Promise.reject(new ProxyError("tls_handshake_failed", "client"));
    };
    const rate = { left: room as number, take: () => rate.left > 0 && rate.left-- > 0 };
    const fixture = new Fixture({}, { tls: { terminate, deadlines: LONG }, rate });
    await fixture.run();
    assert.deepEqual([begun, rate.left, fixture.log.at(-1), fixture.inside], [
      handshakes,
      left,
      `ended ${end}`,
      0,
    ]);
  });
}

Deno.test("recordLostClient() counts a client without an address, with its reason", () => {
  const fixture = new Fixture();
  recordLostClient(fixture.service, "127.0.0.1:5432");
  const { accepted, active, failedBy } = fixture.ledger.figures();
  assert.deepEqual([accepted, active, fixture.record!.client], [1, 0, "unknown"]);
  assert.deepEqual(failedBy, { connection_reset: 1 });
  assert.deepEqual(fixture.log, ["opened", "accepted line", "ended connection_reset"]);
});

/** Too long to pass in a test; if the timer were not cleared, the test runner would report it. */
const LONG = new Deadlines(60_000, () => new Error("never"));
Deno.test.afterEach(() => LONG.rest());

/** A handshake that lasts while the client's connection is open. */
async function handshake(client: Conn): Promise<never> {
  await client.read(new Uint8Array(1));
  throw new Error("read something");
}

/** Records its options, and is read in steps. */
class LooseConn extends SlowConn {
  readonly options: (string | number | boolean)[] = [];

  override setOptions({ nodelay, keepalive }: SocketOptions = { nodelay: false, keepalive: false }): void {
    this.options.push(nodelay ? "nodelay" : "delay", keepalive);
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
/** The faults of a service without threads. */
function faultsOf(...faults: object[]): ServiceFaults {
  const service = new ServiceFaults("db", "7", new SharedCounter().memory);
  service.set(faults.map((options, version) => ({
    config: decodeFault(options),
    id: version,
    version,
    addedAt: 0,
    applied: new SharedCounter().memory,
  })));
  return service;
}

class Fixture {
  readonly client = new LooseConn();
  readonly upstream = new LooseConn();
  readonly ledger = ledgerAlone();
  readonly service: ConnectionContext;
  #connection: Connection | undefined;
  readonly log: string[] = [];
  readonly leases = { failed: 0, disposed: 0 };
  record: Parameters<ConnectionContext["events"]["ended"]>[0] & { state?: string } | undefined;
  /** The facts at the time of the dial. */
  facts: ClientFacts | undefined;
  /** Lifetimes that are watched. */
  lives = 0;
  dials = 0;
  shortages = 0;
  /** Slots taken. */
  inside = 0;
  onRoute = () => {};
  goDown: (error: ProxyError) => void = () => {};
  readonly #dialled = Promise.withResolvers<void>();
  readonly #dial = Promise.withResolvers<Lease>();

  constructor(
    options: Options = {},
    { isFull = false, rate, needsHello = false, tlsOfRoute, ...parts }: Partial<ConnectionContext> & {
      isFull?: boolean;
      rate?: Rate;
      /** The route depends on the ClientHello. */
      needsHello?: boolean;
      tlsOfRoute?: ConnectionContext["tls"];
    } = {},
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
      spans: undefined,
      accessLog: {
        opened: () => this.log.push("accepted line"),
        connected: () => this.log.push("connected line"),
        ended: () => {},
      },
      events: {
        isSubscribed: true,
        opened: (record) => {
          this.record = record as NonNullable<Fixture["record"]>;
          this.log.push("opened");
        },
        connected: () => this.log.push("connected"),
        faultApplied: (_record, fault) => this.log.push(`fault ${fault}`),
        ended: (_record: unknown, { key }: CloseReason) => this.log.push(`ended ${key}`),
      },
      faults: undefined,
      readAhead: 0,
      longestReadAhead: 4096,
      route: (facts) => {
        if (needsHello && facts.awaitsHello) return undefined;
        this.onRoute();
        const group = { name: "group" } as Group;
        return { connector: { group, connect: () => this.#connect() }, route: 3, tls: tlsOfRoute };
      },
      prefaceFor: (facts) => void (this.facts = facts),
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
      whenDown: (relay: Abortable) => this.goDown = (error) => relay.abort(error),
      failed: () => this.leases.failed += 1,
      [Symbol.dispose]: () => void (this.leases.disposed += 1),
    } as unknown as Lease);
  }

  refuse(error: ProxyError): void {
    this.#dial.reject(error);
  }

  /** Runs it to its dial, then ends it. */
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
