/** A connection around a service without sockets. */

import { setImmediate } from "node:timers/promises";
import { decodeFault } from "../../../src/config/fault.ts";
import { decodeOptions } from "../../../src/config/library.ts";
import type { ProxyOptions } from "../../../src/config/options.ts";
import type { Conn, SocketOptions } from "../../../src/net/socket/conn.ts";
import { Deadlines, IdleClock } from "../../../src/net/timers/timeouts.ts";
import { ProxyError } from "../../../src/net/errors.ts";
import type { CloseReason } from "../../../src/observe/close_reason.ts";
import { AdmissionControl, type AdmissionParts } from "../../../src/proxy/admission.ts";
import { Connection } from "../../../src/proxy/connection.ts";
import type { ConnectionContext } from "../../../src/proxy/connection_context.ts";
import { ServiceFaults } from "../../../src/proxy/faults.ts";
import { SharedCounter } from "../../../src/shared/shared_counter.ts";
import type { Group } from "../../../src/upstream/group.ts";
import type { Abortable, Lease } from "../../../src/upstream/endpoint.ts";
import type { ClientFacts } from "../../../src/proxy/client_facts.ts";
import { ledgerAlone } from "../observe/counters/ledger_alone.ts";
import { SlowConn } from "../relay/relay_fixture.ts";

export type Options = Partial<ProxyOptions["services"][number]>;
/** The connection rate of the service. */
type Rate = Pick<NonNullable<AdmissionParts["rate"]>, "take">;

/** Too long to pass in a test; if the timer were not cleared, the test runner would report it. */
export const LONG = new Deadlines(60_000, () => new Error("never"));
Deno.test.afterEach(() => LONG.rest());

/** A handshake that lasts while the client's connection is open. */
export async function handshake(client: Conn): Promise<never> {
  await client.read(new Uint8Array(1));
  throw new Error("read something");
}

/** Records its options, and is read in steps. */
export class LooseConn extends SlowConn {
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

/** The faults of a service without threads. */
export function faultsOf(...faults: object[]): ServiceFaults {
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

/** A connection in a service whose dials the test answers. */
export class Fixture {
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
