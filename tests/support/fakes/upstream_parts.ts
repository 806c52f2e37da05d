/** The parts of upstream groups for tests: a controller that decides, and the groups of threads that use it. */

import type { GroupConfig, HealthCheckConfig, UpstreamTlsConfig } from "../../../src/config/config.ts";
import { Accounts, type AccountsSize, type UpstreamRow } from "../../../src/observe/counters/accounts.ts";
import { EventFeed } from "../../../src/observe/events/event_feed.ts";
import type { EndpointEvent } from "../../../src/observe/events/events.ts";
import { GaugeTable } from "../../../src/shared/gauge.ts";
import { type Log, silentLog } from "../../../src/observe/log/log.ts";
import { StuckEndpoints } from "../../../src/shared/stuck_endpoint.ts";
import { TicketTable } from "../../../src/shared/ticket_queue.ts";
import { WakeUps } from "../../../src/shared/wake_ups.ts";
import { WorkerEpoch } from "../../../src/shared/worker_epoch.ts";
import { Endpoint, type EndpointRecord } from "../../../src/upstream/endpoint.ts";
import { Group } from "../../../src/upstream/group.ts";
import type { ControllerParts, GroupOwner, GroupUpdates } from "../../../src/upstream/group_parts.ts";
import type { SourceParts } from "../../../src/upstream/discovery/source_parts.ts";
import { DiscoveryFiles } from "../../../src/runtime/files/discovery_files.ts";
import { GroupController } from "../../../src/upstream/group_controller.ts";
import type { EndingCalls } from "../../../src/upstream/ending/end_some.ts";
import { TurnCredits } from "../../../src/upstream/balance/smooth_weighted_round_robin.ts";
import type { EndpointController } from "../../../src/upstream/endpoint_controller.ts";

const ACCOUNTS: AccountsSize = { services: 0, upstreams: 2, endpoints: 8 };
const GAUGES = 16;

/** The memory that threads share, all simulated in this one: with room for two groups of a few endpoints. */
export class UpstreamMemory {
  readonly accounts: Accounts;
  readonly gauges: GaugeTable;
  readonly tickets: TicketTable;
  readonly credits = new TurnCredits(8);
  readonly stuck = new StuckEndpoints(ACCOUNTS.upstreams);
  readonly #epoch: WorkerEpoch;

  constructor(threads = 1) {
    this.#epoch = new WorkerEpoch({ threads });
    this.accounts = new Accounts(ACCOUNTS, this.#epoch);
    this.gauges = new GaugeTable(GAUGES, this.#epoch);
    this.tickets = new TicketTable(ACCOUNTS.upstreams, this.#epoch);
  }

  /** A thread has died: takes all that it counted out of the memory. */
  reclaim(thread: number): void {
    this.#epoch.end(thread);
    for (const table of [this.accounts, this.gauges, this.tickets]) table.reclaimWorker(thread);
  }

  /** The group of one thread, with the settings of the controller. @param wakeUps The thread's wake-ups. */
  groupIn(
    thread: number,
    { config, row, queue, records }: GroupController,
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
      stuck: this.stuck.at(row.number),
      owner,
    });
    const tickets = new TicketTable(ACCOUNTS.upstreams, epoch, this.tickets.memory).at(row.number);
    group.waits.open(queue && { waiting: gauges.at(queue.slot), tickets, wakeUps });
    group.setEndpoints(records);
    return group;
  }
}

/** A group in a single thread, and the controller that decides for it. Messages between them arrive at once. */
export class ControlledGroup implements AsyncDisposable {
  readonly controller: GroupController;
  readonly group: Group;
  readonly memory = new UpstreamMemory();
  /** The events of endpoints so far. */
  readonly events: EndpointEvent[] = [];
  #changed = Promise.withResolvers<void>();

  constructor(config: Partial<GroupConfig> = {}, log: Log = silentLog()) {
    const updates: Updates = {
      setEndpoints: (_name, records) => this.group.setEndpoints(records),
      setState: (_name, id, state, abort) => this.group.setState(id, state, abort),
    };
    this.controller = new GroupController(
      groupConfig(config),
      controllerParts(this.memory, updates, log, (event) => {
        this.events.push(event);
        this.#changed.resolve();
        this.#changed = Promise.withResolvers();
      }),
    );
    const owner: GroupOwner = {
      connectionFailed: (_name, id, failure) => this.controller.connectionFailed(id, failure),
      stickFailed: (_name, id, tried, reason) => {
        this.controller.stickFailed(id, tried, reason);
        return Promise.resolve();
      },
      evictIdle: () => {/* No other thread has connections. */},
    };
    this.group = this.memory.groupIn(0, this.controller, owner, new WakeUps(() => {}));
  }

  /** Its endpoints, in the thread and in the controller. */
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
    await this.#changed.promise;
    return this.events.at(-1)!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.controller.stop();
    this.group.retire();
  }
}

/** Those about connections may be left out where there are none. */
export type Updates = Omit<GroupUpdates, keyof EndingCalls> & Partial<EndingCalls>;

const NO_ENDINGS: EndingCalls = {
  endable: () => Promise.resolve([]),
  endConnections: () => Promise.resolve([]),
};

/** @param onEvent Called with events of endpoints. */
export function controllerParts(
  { accounts, gauges, tickets, credits, stuck }: Pick<
    UpstreamMemory,
    "accounts" | "gauges" | "tickets" | "credits" | "stuck"
  >,
  updates: Updates,
  log: Log = silentLog(),
  onEvent: (event: EndpointEvent) => void = () => {},
): ControllerParts {
  const events = new EventFeed((error) => {
    throw error;
  });
  events.subscribe((event) => {
    if (event.type === "endpoint") onEvent(event);
  });
  return {
    ...{ accounts, gauges, tickets, credits, stuck, events, log },
    updates: { ...NO_ENDINGS, ...updates },
    discovery: sourceParts(),
  };
}

/** Real time and files. */
export function sourceParts(): SourceParts {
  return new DiscoveryFiles().parts;
}

/** TLS to an upstream whose certificate may be any. */
export const UNVERIFIED_TLS: UpstreamTlsConfig = {
  ca: undefined,
  certificate: undefined,
  serverName: undefined,
  verify: false,
  alpn: [],
  starttls: undefined,
};

/** Checks that only a test makes: the next one is a quarter of an hour away. */
export const CHECK: HealthCheckConfig = {
  interval: 1e6,
  timeout: 1000,
  rise: 1,
  fall: 1,
  type: undefined,
  fastInterval: undefined,
  address: undefined,
  port: undefined,
  http: undefined,
  script: undefined,
  send: undefined,
  expect: undefined,
  tls: undefined,
  proxyProtocol: undefined,
};

/** A group of one endpoint, unless the test sets something else. */
export function groupConfig(config: Partial<GroupConfig> = {}): GroupConfig {
  return {
    name: "group",
    writtenAs: "name",
    balance: "round_robin",
    endpoints: endpointsAt(1),
    retry: { attempts: 3, timeout: 1000 },
    healthCheck: undefined,
    passive: undefined,
    onDown: "keep",
    onRecover: undefined,
    stick: undefined,
    slowStart: 0,
    rebalance: undefined,
    drainIdle: 0,
    onAllDown: "try",
    queue: undefined,
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
    tier: undefined,
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

/** The accounts of a group that does not exist. */
export function upstreamRow(): UpstreamRow {
  return new UpstreamMemory().accounts.upstreams.claim()!;
}
