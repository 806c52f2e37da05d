/**
 * Which clients are admitted, and that refused clients take no capacity from others: with real connections, without
 * sockets.
 */

import assert from "node:assert/strict";
import { atOnce } from "../../../src/config/input/steps.ts";
import fc from "fast-check";
import { decodeOptions } from "../../../src/config/library.ts";
import type { ProxyOptions } from "../../../src/config/options.ts";
import type { Address } from "../../../src/net/address.ts";
import { ProxyError } from "../../../src/net/errors.ts";
import { accessLog } from "../observe/connection_facts.ts";
import { Accounts } from "../../../src/observe/counters/accounts.ts";
import { type ClientLimits, ClientTable } from "../../../src/shared/client_table.ts";
import { type ConnectionRecord, ServiceLedger } from "../../../src/observe/counters/ledger.ts";
import { OpenConnections } from "../../../src/observe/counters/open_connections.ts";
import { EventFeed } from "../../../src/observe/events/event_feed.ts";
import { type Gauge, GaugeTable } from "../../../src/shared/gauge.ts";
import { silentLog } from "../../../src/observe/log/log.ts";
import { RateLimit } from "../../../src/shared/rate_limit.ts";
import { WakeUps } from "../../../src/shared/wake_ups.ts";
import { Admission, AdmissionControl, CountLimit } from "../../../src/proxy/admission.ts";
import { Service } from "../../../src/proxy/service.ts";
import { ServiceTls } from "../../../src/proxy/tls_termination.ts";
import { clientKeyOf } from "../../../src/wire/ip/client_key.ts";
import { FakeConn } from "../../support/fakes/fake_conn.ts";
import { ControlledGroup } from "../../support/fakes/upstream_parts.ts";

const START = Date.UTC(2030, 0, 1);
/** The clients. The last but one is denied, and the last one matches no route. */
const CLIENTS = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.9.9.9", "10.8.8.8"];
/** Its PROXY header has no address. */
const UNKNOWN = "unknown";
/** Larger than any burst here. */
const MANY = 20;

type Limits = NonNullable<ProxyOptions["services"][number]["limits"]>;
type Outcome = "in" | "waiting" | string;

Deno.test("AdmissionControl restores every limit exactly after a refusal, with any limits", async () => {
  const rate = fc.option(
    fc.record({ rate: fc.integer({ min: 1, max: 20 }), burst: fc.integer({ min: 1, max: 4 }) }),
    { nil: undefined },
  );
  const options = fc.record({
    hasHeader: fc.boolean(),
    hasRoutes: fc.boolean(),
    waits: fc.boolean(),
    all: fc.nat(4),
    own: fc.integer({ min: 1, max: 4 }),
    perClient: fc.nat(2),
    rate,
    clientRate: rate,
  });
  const step = fc.record({
    does: fc.constantFrom("come", "come", "come", "leave", "pass"),
    client: fc.constantFrom(...CLIENTS),
    which: fc.nat(9),
  });
  const refused = new Set<string>();
  await fc.assert(
    fc.asyncProperty(options, fc.array(step, { maxLength: 30 }), async (options, steps) => {
      await using fixture = new Fixture(options);
      for (const { does, client, which } of steps) {
        if (does === "pass") fixture.now += which * 100;
        else if (does === "leave") await fixture.leave(which);
        else {
          const before = fixture.limits();
          let outcome = await fixture.come(client);
          // No other client comes while one waits.
          if (outcome === "waiting") outcome = await fixture.leave(-1);
          if (outcome === "in") continue;
          refused.add(outcome);
          assert.deepEqual(fixture.limits(), before, outcome);
        }
      }
    }),
    { numRuns: 200 },
  );
  assert.deepEqual(
    refused,
    new Set([
      "access_denied",
      "client_connect_rate",
      "client_connection_limit",
      "connect_rate",
      "connection_limit",
      "killed",
      "no_route",
    ]),
  );
});

for (const hasHeader of [false, true]) {
  const how = hasHeader ? "behind a PROXY header" : "by itself";
  Deno.test(`AdmissionControl admits others while a client is repeatedly refused ${how}`, async () => {
    await using fixture = new Fixture({
      hasHeader,
      rate: { rate: 1, burst: 4 },
      perClient: 1,
      clientRate: { rate: 1, burst: 2 },
    });
    const [one, two, three, denied] = CLIENTS;
    assert.equal(await fixture.come(one!), "in");
    for (let tries = 0; tries < 50; tries++) {
      assert.equal(await fixture.come(one!), "client_connection_limit");
      assert.equal(await fixture.come(denied!), "access_denied");
    }
    assert.equal(await fixture.come(two!), "in");
    assert.equal(await fixture.come(three!), "in");
    await fixture.leave(0);
    assert.equal(await fixture.come(one!), "in");
    assert.equal(await fixture.come("10.0.0.4"), "connect_rate");
  });
}

Deno.test("AdmissionControl admits waiting clients while another is refused", async () => {
  await using fixture = new Fixture({ waits: true, own: 2, perClient: 1 });
  const [one, two, three] = CLIENTS;
  assert.equal(await fixture.come(one!), "in");
  assert.equal(await fixture.come(two!), "in");
  assert.equal(await fixture.come(one!), "client_connection_limit");
  assert.equal(await fixture.come(three!), "waiting");
});

Deno.test("AdmissionControl releases the slot and the client's rate if a waiting client exceeds the service's rate", async () => {
  await using fixture = new Fixture({
    waits: true,
    own: 1,
    rate: { rate: 1, burst: 1 },
    clientRate: { rate: 1, burst: 2 },
  });
  const [one, two] = CLIENTS;
  assert.equal(await fixture.come(one!), "in");
  assert.equal(await fixture.come(two!), "waiting");
  assert.equal(await fixture.leave(0), "connect_rate");
  const { own, all, clients } = fixture.limits();
  assert.deepEqual([own, all], [0, 0]);
  // One of them is used up.
  assert.deepEqual(clients.slice(0, 2), [{ [START]: 1, [START + 1000]: 2 }, {
    [START]: 2,
    [START + 1000]: 2,
  }]);
});

Deno.test("AdmissionControl counts clients without an address in the PROXY header as one", async () => {
  await using fixture = new Fixture({ hasHeader: true, perClient: 1 });
  assert.equal(await fixture.come(UNKNOWN), "in");
  assert.equal(await fixture.come(UNKNOWN), "client_connection_limit");
  assert.equal(await fixture.come(CLIENTS[0]!), "in");
});

Deno.test("Admission takes nothing when an admitted client is admitted again", () => {
  const rate = new RateLimit(undefined, { rate: 1, burst: 2 }, () => START);
  using entry = new Admission(admissionBy({ rate }));
  for (let again = 0; again < 3; again++) entry.spendRate();
  assert.deepEqual([rate.take(), rate.take()], [true, false]);
});

Deno.test("AdmissionControl refuses a client that the table has no room for, and releases nothing", () => {
  for (
    const [answer, code] of [
      ["too_many", "client_connection_limit"],
      ["too_fast", "client_connect_rate"],
      ["table_full", "client_table_full"],
    ]
  ) {
    const calls: string[] = [];
    const clients = {
      enter: () => answer,
      leave: () => calls.push("leave"),
      refund: () => calls.push("refund"),
    } as unknown as ClientTable;
    {
      using entry = new Admission(admissionBy({ clients }));
      assert.throws(() => entry.countClient({ sourceAddress: "10.0.0.1" }), { code, side: "client" });
    }
    assert.deepEqual(calls, []);
  }
});

/** A service with only these limits. */
function admissionBy(limits: { rate?: RateLimit; clients?: ClientTable }): AdmissionControl {
  const config = decodeOptions({ services: [{ name: "test", listen: 0, upstream: "192.0.2.1:1" }] })
    .services[0]!;
  const gauges = new GaugeTable(2);
  const [own, all] = [0, 0].map((limit) => new CountLimit(gauges.claim()!, limit, new WakeUps(() => {})));
  return new AdmissionControl(config, {
    own: own!,
    all: all!,
    rate: undefined,
    clients: undefined,
    ...limits,
  });
}

interface FixtureOptions {
  readonly hasHeader?: boolean;
  /** A route for addresses that begin with 10.0.0, and none for others. */
  readonly hasRoutes?: boolean;
  readonly waits?: boolean;
  /** 0 is no limit. */
  readonly own?: number;
  readonly all?: number;
  readonly perClient?: number;
  readonly rate?: { readonly rate: number; readonly burst: number } | undefined;
  readonly clientRate?: { readonly rate: number; readonly burst: number } | undefined;
}

/** A service whose clients stay in the connect, because no upstream is known yet. */
class Fixture implements AsyncDisposable {
  now = START;
  readonly #options: FixtureOptions;
  // Without a timeout, which would end them on a slow machine.
  readonly #group = new ControlledGroup({ endpoints: [], retry: { attempts: 1, timeout: 0 } });
  readonly #connections = new NotedConnections();
  readonly #outcomes = new Map<ConnectionRecord, string>();
  readonly #own: Gauge;
  readonly #all: Gauge;
  readonly #rate: RateLimit | undefined;
  readonly #clients: ClientTable;
  readonly #clientLimits: ClientLimits;
  readonly #service: Service;
  /** The clients that are admitted or wait. */
  #open: ConnectionRecord[] = [];
  #ports = 1024;

  constructor(options: FixtureOptions) {
    this.#options = options;
    const { own = 0, all = 0, perClient = 0, rate, clientRate } = options;
    const clock = () => this.now;
    const gauges = new GaugeTable(2);
    [this.#own, this.#all] = [gauges.claim()!, gauges.claim()!];
    const wakeUps = new WakeUps(() => {});
    this.#rate = rate && new RateLimit(undefined, rate, clock);
    this.#clientLimits = { connections: perClient, rate: clientRate };
    this.#clients = new ClientTable(64, this.#clientLimits, { now: clock });
    const config = decodeOptions({
      upstreams: { group: { endpoints: ["192.0.2.1:1"] } },
      services: [this.#serviceOptions()],
    }).services[0]!;
    const accounts = new Accounts({ services: 1, upstreams: 0, endpoints: 0 });
    this.#service = atOnce(Service.of(config, {
      groups: new Map([["group", this.#group.group]]),
      admission: new AdmissionControl(config, {
        own: new CountLimit(this.#own, own, wakeUps),
        all: new CountLimit(this.#all, all, wakeUps),
        rate: this.#rate,
        clients: this.#clients,
      }),
      ledger: new ServiceLedger("test", {
        row: accounts.services.claim()!,
        connections: this.#connections,
      }),
      accessLog: Object.assign(accessLog(), {
        ended: (record: ConnectionRecord, { key }: { key: string }) => void this.#outcomes.set(record, key),
      }),
      events: new EventFeed((error) => {
        throw error;
      }),
      filters: [],
      faults: undefined,
      tls: atOnce(ServiceTls.of(config, undefined)),
      upstreamTls: undefined,
      log: silentLog(),
      onShortage: () => {},
    }));
  }

  #serviceOptions(): ProxyOptions["services"][number] {
    const { hasHeader = false, hasRoutes = false, waits = false, own = 0 } = this.#options;
    const limits: Limits = { connections: own === 0 ? 1000 : own, whenFull: waits ? "wait" : "refuse" };
    return {
      name: "test",
      listen: 0,
      ...hasRoutes ? { routes: [{ sourceIp: ["10.0.0.0/24"], upstream: "group" }] } : { upstream: "group" },
      connectTimeout: 0,
      deny: ["10.9.9.9"],
      limits,
      ...hasHeader ? { acceptProxyProtocol: { from: ["192.0.2.7"] } } : {},
    };
  }

  /** A client connects, and proceeds as far as it can. */
  async come(client: string): Promise<Outcome> {
    const { hasHeader = false, waits = false } = this.#options;
    const conn = new Client(hasHeader ? "192.0.2.7" : client, this.#ports++);
    if (hasHeader) conn.arrive(headerOf(client));
    void this.#service.handle(conn);
    const record = this.#connections.latest!;
    // A header takes a varying number of turns of the event loop. If clients may wait, only one turn runs.
    do await turn(); while (!waits && this.#outcomeOf(record) === "waiting");
    const outcome = this.#outcomeOf(record);
    if (outcome === "in" || outcome === "waiting") this.#open.push(record);
    return outcome;
  }

  /** One client leaves. Returns the outcome of the last one that stays, or of the one that left. */
  async leave(which: number): Promise<Outcome> {
    const [leaving] = this.#open.splice(which < 0 ? which : which % Math.max(this.#open.length, 1), 1);
    leaving?.abort("killed");
    await turn();
    const last = this.#open.at(-1);
    return which >= 0 && last !== undefined ? this.#outcomeOf(last) : "killed";
  }

  /** The state of all limits: the open connections, and how many more may come now and in a second. */
  limits() {
    const later = [this.now, this.now + 1000];
    return {
      own: this.#own.value,
      all: this.#all.value,
      rate: later.map((now) => this.#options.rate && takeAll(this.#options.rate, this.#rate!.buffer, now)),
      clients: CLIENTS.map((client) =>
        Object.fromEntries(later.map((now) => [now, this.#room(client, now)]))
      ),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const record of this.#open) record.abort("killed");
    await this.#service.stop(new ProxyError("shutdown", "proxy"));
    await turn();
    this.#service.restTimers();
    await this.#group[Symbol.asyncDispose]();
  }

  #outcomeOf(record: ConnectionRecord): Outcome {
    const outcome = this.#outcomes.get(record);
    return outcome ?? (record.state === "connecting" ? "in" : "waiting");
  }

  /** The number of connections that a client's own limits would still allow. */
  #room(client: string, now: number): number {
    const memory = copyOf(this.#clients.memory);
    const table = new ClientTable(64, this.#clientLimits, { memory, now: () => now });
    for (let count = 0; count < MANY; count++) {
      if (table.enter(clientKeyOf(client)!) !== "ok") return count;
    }
    return MANY;
  }
}

/** A client that is refused at once has disconnected before the test could check it. */
class NotedConnections extends OpenConnections {
  latest: ConnectionRecord | undefined;

  override add(record: ConnectionRecord): void {
    this.latest = record;
    super.add(record);
  }
}

class Client extends FakeConn {
  override readonly remoteAddress: Address;

  constructor(hostname: string, port: number) {
    super();
    this.remoteAddress = { transport: "tcp", hostname, port };
  }
}

function headerOf(client: string): string {
  if (client !== UNKNOWN) return `PROXY TCP4 ${client} 192.0.2.9 1024 443\r\n`;
  // Version 2, of a client of a unix socket: two empty paths, and a TLV without meaning, so that the length is ASCII.
  return "\r\n\r\n\0\r\nQUIT\n!1\x01\0" + "\0".repeat(216) + "\x04\0\x25" + "\0".repeat(37);
}

function takeAll(rate: NonNullable<FixtureOptions["rate"]>, shared: SharedArrayBuffer, now: number): number {
  const limit = new RateLimit(copyOf(shared), rate, () => now);
  for (let taken = 0;; taken++) if (!limit.take()) return taken;
}

function copyOf(shared: SharedArrayBuffer): SharedArrayBuffer {
  const copy = new SharedArrayBuffer(shared.byteLength);
  new Uint8Array(copy).set(new Uint8Array(shared));
  return copy;
}

/** Runs everything that is due. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
