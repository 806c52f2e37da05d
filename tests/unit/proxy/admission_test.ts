/** Who is let in, and that who is not takes nothing away from others: on real connections, without sockets. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeOptions } from "../../../src/config/library.ts";
import type { ProxyOptions } from "../../../src/config/options.ts";
import type { Address } from "../../../src/net/address.ts";
import { ProxyError } from "../../../src/net/errors.ts";
import { AccessLog } from "../../../src/observe/log/access_log.ts";
import { Accounts } from "../../../src/observe/counters/accounts.ts";
import { type ClientLimits, ClientTable } from "../../../src/shared/client_table.ts";
import { type ConnectionRecord, OpenConnections } from "../../../src/observe/counters/connection_record.ts";
import { EventFeed } from "../../../src/observe/events/event_feed.ts";
import { type Gauge, GaugeTable } from "../../../src/shared/gauge.ts";
import { ServiceLedger } from "../../../src/observe/counters/ledger.ts";
import { silentLog } from "../../../src/observe/log/log.ts";
import { RateLimit } from "../../../src/shared/rate_limit.ts";
import { WakeUps } from "../../../src/shared/wake_ups.ts";
import { Admission, AdmissionControl, CountLimit } from "../../../src/proxy/admission.ts";
import { Service } from "../../../src/proxy/service.ts";
import { clientKeyOf } from "../../../src/wire/ip/client_key.ts";
import { FakeConn } from "../../support/fakes/fake_conn.ts";
import { ControlledGroup } from "../../support/fakes/upstream_parts.ts";

const START = Date.UTC(2030, 0, 1);
/** The clients there are; the last but one is denied, and the last one has no route where there are some. */
const CLIENTS = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.9.9.9", "10.8.8.8"];
/** Whose address the PROXY header does not tell. */
const UNKNOWN = "unknown";
/** Larger than any burst here. */
const MANY = 20;

type Limits = NonNullable<ProxyOptions["services"][number]["limits"]>;
type Outcome = "in" | "waiting" | string;

Deno.test("a refused connection leaves every limit exactly as it was, whatever limits there are", async () => {
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
          // Nobody else comes while somebody waits.
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
  Deno.test(`a client that is refused ${how} again and again does not keep others out`, async () => {
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

Deno.test("a client that may not come in does not stand in the way of others who wait", async () => {
  await using fixture = new Fixture({ waits: true, own: 2, perClient: 1 });
  const [one, two, three] = CLIENTS;
  assert.equal(await fixture.come(one!), "in");
  assert.equal(await fixture.come(two!), "in");
  assert.equal(await fixture.come(one!), "client_connection_limit");
  assert.equal(await fixture.come(three!), "waiting");
});

Deno.test("who waited and then comes too fast gives back its place and its own rate", async () => {
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
  // One of them is spent.
  assert.deepEqual(clients.slice(0, 2), [{ [START]: 1, [START + 1000]: 2 }, {
    [START]: 2,
    [START + 1000]: 2,
  }]);
});

Deno.test("clients whose PROXY header brings no address, as of unix sockets, are one client", async () => {
  await using fixture = new Fixture({ hasHeader: true, perClient: 1 });
  assert.equal(await fixture.come(UNKNOWN), "in");
  assert.equal(await fixture.come(UNKNOWN), "client_connection_limit");
  assert.equal(await fixture.come(CLIENTS[0]!), "in");
});

Deno.test("who is let in once is in: being let in again takes nothing", () => {
  const rate = new RateLimit(undefined, { rate: 1, burst: 2 }, () => START);
  using entry = new Admission(admissionBy({ rate }));
  for (let again = 0; again < 3; again++) entry.spendRate();
  assert.deepEqual([rate.take(), rate.take()], [true, false]);
});

Deno.test("a client that the table does not take is refused for that, and has nothing to give back", () => {
  for (
    const [answer, code] of [
      ["too_many", "client_connection_limit"],
      ["too_fast", "client_connect_rate"],
      ["table_full", "client_table_full"],
    ]
  ) {
    const told: string[] = [];
    const clients = {
      enter: () => answer,
      leave: () => told.push("leave"),
      refund: () => told.push("refund"),
    } as unknown as ClientTable;
    {
      using entry = new Admission(admissionBy({ clients }));
      assert.throws(() => entry.countClient({ sourceAddress: "10.0.0.1" }), { code, side: "client" });
    }
    assert.deepEqual(told, []);
  }
});

/** A service without limits but these. */
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
  /** One for those whose addresses begin with 10.0.0, and none for others. */
  readonly hasRoutes?: boolean;
  readonly waits?: boolean;
  /** 0 is no limit. */
  readonly own?: number;
  readonly all?: number;
  readonly perClient?: number;
  readonly rate?: { readonly rate: number; readonly burst: number } | undefined;
  readonly clientRate?: { readonly rate: number; readonly burst: number } | undefined;
}

/** A service whose clients get as far as an upstream that nobody knows yet, and stay there. */
class Fixture implements AsyncDisposable {
  now = START;
  readonly #options: FixtureOptions;
  readonly #group = new ControlledGroup({ endpoints: [] });
  readonly #connections = new NotedConnections();
  readonly #outcomes = new Map<ConnectionRecord, string>();
  readonly #own: Gauge;
  readonly #all: Gauge;
  readonly #rate: RateLimit | undefined;
  readonly #clients: ClientTable;
  readonly #clientLimits: ClientLimits;
  readonly #service: Service;
  /** Who is in, or waits. */
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
    this.#service = new Service(config, {
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
      accessLog: Object.assign(new AccessLog(silentLog()), {
        ended: (record: ConnectionRecord, { key }: { key: string }) => void this.#outcomes.set(record, key),
      }),
      events: new EventFeed((error) => {
        throw error;
      }),
      tls: undefined,
      upstreamTls: undefined,
      log: silentLog(),
      onShortage: () => {},
    });
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

  /** A client comes, and gets as far as it gets. */
  async come(client: string): Promise<Outcome> {
    const { hasHeader = false, waits = false } = this.#options;
    const conn = new Client(hasHeader ? "192.0.2.7" : client, this.#ports++);
    if (hasHeader) conn.arrive(headerOf(client));
    void this.#service.handle(conn);
    const record = this.#connections.latest!;
    // How many turns of the event loop a header takes is not fixed. Only where clients may wait, one is all there is.
    do await turn(); while (!waits && this.#outcomeOf(record) === "waiting");
    const outcome = this.#outcomeOf(record);
    if (outcome === "in" || outcome === "waiting") this.#open.push(record);
    return outcome;
  }

  /** One of those who are there leaves. Gives what becomes of the last one of those who stay, or of the one who left. */
  async leave(which: number): Promise<Outcome> {
    const [leaving] = this.#open.splice(which < 0 ? which : which % Math.max(this.#open.length, 1), 1);
    leaving?.abort("killed");
    await turn();
    const last = this.#open.at(-1);
    return which >= 0 && last !== undefined ? this.#outcomeOf(last) : "killed";
  }

  /** All that limits go by: what is open, and how many more may come now and in a second. */
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

  /** How many of a client could come in, as far as its own limits go. */
  #room(client: string, now: number): number {
    const memory = copyOf(this.#clients.memory);
    const table = new ClientTable(64, this.#clientLimits, { memory, now: () => now });
    for (let count = 0; count < MANY; count++) {
      if (table.enter(clientKeyOf(client)!) !== "ok") return count;
    }
    return MANY;
  }
}

/** Who is refused at once is gone before anybody could look. */
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

/** Lets everything that is due happen. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
