/** What upstream groups are made with, for tests of them: one that decides, and those of threads that use it. */

import type { GroupConfig, HealthCheckConfig, UpstreamTlsConfig } from "../../../src/config/config.ts";
import { Accounts, type AccountsSize, type UpstreamRow } from "../../../src/observe/counters/accounts.ts";
import { EventFeed } from "../../../src/observe/events/event_feed.ts";
import type { EndpointEvent } from "../../../src/observe/events/events.ts";
import { GaugeTable } from "../../../src/shared/gauge.ts";
import { type Log, silentLog } from "../../../src/observe/log/log.ts";
import { WakeUps } from "../../../src/shared/wake_ups.ts";
import { WorkerEpoch } from "../../../src/shared/worker_epoch.ts";
import { Endpoint, type EndpointRecord } from "../../../src/upstream/endpoint.ts";
import { Group, type GroupOwner } from "../../../src/upstream/group.ts";
import {
  type ControllerParts,
  GroupController,
  type GroupUpdates,
} from "../../../src/upstream/group_controller.ts";
import { TurnCredits } from "../../../src/upstream/balance/smooth_weighted_round_robin.ts";
import type { EndpointController } from "../../../src/upstream/endpoint_controller.ts";

const ACCOUNTS: AccountsSize = { services: 0, upstreams: 2, endpoints: 8 };
const GAUGES = 16;

/** What threads share, all of which are this one: with room for two groups of a few endpoints. */
export class UpstreamMemory {
  readonly accounts: Accounts;
  readonly gauges: GaugeTable;
  readonly credits = new TurnCredits(8);
  readonly #epoch: WorkerEpoch;

  constructor(threads = 1) {
    this.#epoch = new WorkerEpoch({ threads });
    this.accounts = new Accounts(ACCOUNTS, this.#epoch);
    this.gauges = new GaugeTable(GAUGES, this.#epoch);
  }

  /** The group of one thread, as the controller has it. @param wakeUps Those of the thread. */
  groupIn(
    thread: number,
    { config, row, records }: GroupController,
    owner: GroupOwner,
    wakeUps: WakeUps,
  ): Group {
    const epoch = new WorkerEpoch(this.#epoch.startOf(thread));
    const accounts = new Accounts(ACCOUNTS, epoch, this.accounts.memory);
    const gauges = new GaugeTable(GAUGES, epoch, this.gauges.memory);
    const group = new Group(config, {
      row: accounts.upstreams.at(row.number),
      accountsOf: ({ id, clients, open }) => ({
        row: accounts.endpoints.at(id),
        clients: gauges.at(clients),
        open: gauges.at(open),
        wakeUps,
      }),
      credits: this.credits,
      owner,
    });
    group.setEndpoints(records);
    return group;
  }
}

/** A group in the one thread there is, and the controller that decides for it. Messages between them arrive at once. */
export class ControlledGroup implements AsyncDisposable {
  readonly controller: GroupController;
  readonly group: Group;
  readonly memory = new UpstreamMemory();
  /** The events of endpoints so far. */
  readonly events: EndpointEvent[] = [];
  #heard = Promise.withResolvers<void>();

  constructor(config: Partial<GroupConfig> = {}, log: Log = silentLog()) {
    const updates: GroupUpdates = {
      setEndpoints: (_name, records) => this.group.setEndpoints(records),
      setState: (_name, id, state, abort) => this.group.setState(id, state, abort),
    };
    this.controller = new GroupController(
      groupConfig(config),
      controllerParts(this.memory, updates, log, (event) => {
        this.events.push(event);
        this.#heard.resolve();
        this.#heard = Promise.withResolvers();
      }),
    );
    const owner: GroupOwner = {
      connectionFailed: (_name, id, failure) => this.controller.connectionFailed(id, failure),
      evictIdle: () => {/* No other thread has connections. */},
    };
    this.group = this.memory.groupIn(0, this.controller, owner, new WakeUps(() => {}));
  }

  /** Its endpoints, as a thread uses them and as the controller has them. */
  get endpoints(): { readonly used: Endpoint; readonly control: EndpointController }[] {
    const { endpoints } = this.group;
    return this.controller.endpoints.map((control) => ({
      control,
      used: endpoints.find(({ id }) => id === control.id)!,
    }));
  }

  /** Health checks have found an endpoint down. */
  foundDown(endpoint: { readonly control: EndpointController }): void {
    this.found(endpoint, "down");
  }

  found({ control }: { readonly control: EndpointController }, health: "up" | "down"): void {
    control.health = health;
    this.group.setState(control.id, control.state, false);
  }

  /** The next event of an endpoint. */
  async nextEvent(): Promise<EndpointEvent> {
    await this.#heard.promise;
    return this.events.at(-1)!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.controller.stop();
    this.group.retire();
  }
}

/** @param onEvent Called with events of endpoints. */
export function controllerParts(
  { accounts, gauges, credits }: Pick<UpstreamMemory, "accounts" | "gauges" | "credits">,
  updates: GroupUpdates,
  log: Log = silentLog(),
  onEvent: (event: EndpointEvent) => void = () => {},
): ControllerParts {
  const events = new EventFeed((error) => {
    throw error;
  });
  events.subscribe((event) => {
    if (event.type === "endpoint") onEvent(event);
  });
  return { accounts, gauges, credits, events, log, updates };
}

/** TLS to an upstream whose certificate may be any. */
export const UNVERIFIED_TLS: UpstreamTlsConfig = {
  ca: undefined,
  certificate: undefined,
  serverName: undefined,
  verify: false,
  alpn: [],
};

/** Checks that come only when a test has them made: the next one is a quarter of an hour away. */
export const CHECK: HealthCheckConfig = {
  interval: 1e6,
  timeout: 1000,
  rise: 1,
  fall: 1,
  send: undefined,
  expect: undefined,
  tls: undefined,
  proxyProtocol: undefined,
};

/** A group of one endpoint, as long as the test wants nothing else. */
export function groupConfig(config: Partial<GroupConfig> = {}): GroupConfig {
  return {
    name: "group",
    balance: "round_robin",
    endpoints: endpointsAt(1),
    retry: { attempts: 3, timeout: 1000 },
    healthCheck: undefined,
    passive: undefined,
    onDown: "keep",
    pool: undefined,
    discovery: undefined,
    ...config,
  };
}

/** This many, at addresses without a listener. */
export function endpointsAt(count: number, maxConnections = 0): GroupConfig["endpoints"] {
  return Array.from({ length: count }, (_, index) => ({
    address: { transport: "tcp", hostname: "192.0.2.1", port: index + 1 },
    weight: 1,
    maxConnections,
    backup: false,
  }));
}

/** An endpoint that is in no group. */
export function endpointAlone(maxConnections = 0): Endpoint {
  const { accounts, gauges } = new UpstreamMemory();
  const row = accounts.endpoints.claim()!;
  const clients = gauges.claim()!;
  const open = gauges.claim()!;
  const record: EndpointRecord = {
    address: { transport: "tcp", hostname: "192.0.2.1", port: 5432 },
    weight: 1,
    tier: 0,
    maxConnections,
    id: row.number,
    clients: clients.slot,
    open: open.slot,
    state: { health: "unknown", admin: "up", isEjected: false },
  };
  return new Endpoint(record, { row, clients, open, wakeUps: new WakeUps(() => {}) });
}

/** Where a group is counted that is not there. */
export function upstreamRow(): UpstreamRow {
  return new UpstreamMemory().accounts.upstreams.claim()!;
}
