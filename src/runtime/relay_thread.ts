/** What one thread relays: its listeners, services and groups, made and changed as the supervisor says. */

import type { GroupConfig, LogLevel } from "../config/config.ts";
import { ListenError } from "../net/listen.ts";
import { type ErrorCode, ProxyError } from "../net/errors.ts";
import { AccessLog, type AccessSink } from "../observe/access_log.ts";
import { Accounts } from "../observe/accounts.ts";
import { ClientTable } from "../observe/client_table.ts";
import { type ConnectionPage, type ConnectionQuery, listConnections } from "../observe/connection_list.ts";
import type { AbortCode } from "../observe/connection_record.ts";
import type { EventFeed } from "../observe/event_feed.ts";
import { EventLoopDelay } from "../observe/event_loop_delay.ts";
import { GaugeTable } from "../observe/gauge.ts";
import { ServiceLedger } from "../observe/ledger.ts";
import type { Log } from "../observe/log.ts";
import { OpenConnections } from "../observe/open_connections.ts";
import { RateLimit } from "../observe/rate_limit.ts";
import { SignOfLife } from "../observe/sign_of_life.ts";
import { WakeUps } from "../observe/wake_ups.ts";
import { Admission } from "../proxy/admission.ts";
import { CountLimit } from "../proxy/count_limit.ts";
import { Listeners } from "../proxy/listeners.ts";
import { Service } from "../proxy/service.ts";
import { tlsListenOptions, type TlsMaterial, TlsTermination } from "../proxy/tls_termination.ts";
import type { EndpointAccounts, EndpointRecord, EndpointState } from "../upstream/endpoint.ts";
import { Group } from "../upstream/group.ts";
import { TurnCredits } from "../upstream/turns.ts";
import { UpstreamTls, type UpstreamTlsMaterial } from "../upstream/upstream_tls.ts";
import type {
  Bound,
  GroupPlan,
  ListenPlan,
  ServicePlan,
  SupervisorCalls,
  ThreadCalls,
  ThreadPlan,
  ThreadStart,
} from "./thread_calls.ts";

/** Where a thread says what happens. */
export interface ThreadVoice {
  readonly log: Log;
  /** Where the ends of connections are logged when they have a file of their own. */
  readonly accessFile: AccessSink | undefined;
  readonly events: EventFeed;
  readonly supervisor: SupervisorCalls;
  /** The least important lines of the log that are written. */
  setLevel(level: LogLevel): void;
  /** Whether anybody wants to know what happens. */
  setHeard(isHeard: boolean): void;
  /** Says at once what was kept back. */
  flush(): void;
}

export class RelayThread implements ThreadCalls {
  readonly #start: ThreadStart;
  readonly #voice: ThreadVoice;
  readonly #accounts: Accounts;
  readonly #gauges: GaugeTable;
  readonly #connections: OpenConnections;
  readonly #credits: TurnCredits;
  readonly #wakeUps: WakeUps;
  readonly #vitals: DisposableStack;
  readonly #listeners = new Listeners();
  readonly #ledgers = new Map<string, ServiceLedger>();
  readonly #groups = new Map<string, Group>();
  #services = new Map<string, Service>();
  /** Services whose place others have taken, until their last connection has ended. */
  readonly #retired = new Set<Service>();

  constructor(start: ThreadStart, voice: ThreadVoice) {
    const { numbers, accounts, gauges, signs, credits } = start;
    const { thread } = numbers;
    this.#start = start;
    this.#voice = voice;
    this.#accounts = new Accounts(accounts.size, thread, accounts.memory);
    this.#gauges = new GaugeTable(gauges.size, thread, gauges.memory);
    this.#connections = new OpenConnections(numbers);
    this.#credits = new TurnCredits(credits.endpoints, credits.memory);
    this.#wakeUps = new WakeUps((gauge) => voice.supervisor.freed(gauge));
    this.#vitals = new DisposableStack();
    this.#vitals.use(new EventLoopDelay(this.#accounts.program.cells.eventLoopDelay));
    this.#vitals.use(new SignOfLife(signs, thread));
  }

  async prepare(plans: readonly ListenPlan[]): Promise<Bound> {
    try {
      return { addresses: await this.#listeners.prepare(plans) };
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      return { refused: { message: error.message, code: error.code } };
    }
  }

  discard(): Promise<void> {
    return this.#listeners.discard();
  }

  commit(plan: ThreadPlan): Promise<void> {
    this.#voice.setLevel(plan.log.level);
    for (const group of plan.groups) this.#setGroup(group);
    const before = this.#services;
    this.#services = new Map();
    for (const each of plan.services) {
      const { name } = each.config;
      const service = each.isSame ? before.get(name) : undefined;
      this.#services.set(name, service ?? this.#makeService(each, plan));
    }
    const closed = this.#listeners.commit(plan.listeners.map((name) => this.#services.get(name)!));
    for (const [name, service] of this.#services) if (before.get(name) !== service) service.start();
    for (const [name, service] of before) if (this.#services.get(name) !== service) this.#retire(service, closed);
    // Should one of the name come again, it is counted anew.
    for (const name of this.#ledgers.keys()) if (!this.#services.has(name)) this.#ledgers.delete(name);
    for (const name of this.#groups.keys()) {
      if (!plan.groups.some(({ config }) => config.name === name)) this.#dropGroup(name);
    }
    return closed;
  }

  setTls(name: string, tls: TlsMaterial | undefined, upstreamTls: UpstreamTlsMaterial | undefined): void {
    const service = this.#services.get(name);
    if (service === undefined) return;
    if (tls !== undefined) {
      service.tls?.update(tls);
      this.#listeners.updateTls(service, tlsListenOptions(service.config.tls, tls));
    }
    if (upstreamTls !== undefined) service.upstreamTls?.update(upstreamTls);
  }

  setEndpoints(group: string, records: readonly EndpointRecord[]): void {
    this.#groups.get(group)?.setEndpoints(records);
  }

  setState(group: string, endpoint: number, state: EndpointState, abort: boolean): void {
    this.#groups.get(group)?.setState(endpoint, state, abort);
  }

  wake(gauge: number): void {
    this.#wakeUps.wake(gauge);
  }

  makeRoom(group: string, endpoint: number): void {
    this.#groups.get(group)?.makeRoomFor(endpoint);
  }

  setHeard(isHeard: boolean): void {
    this.#voice.setHeard(isHeard);
  }

  connections(query: ConnectionQuery): Promise<ConnectionPage> {
    return Promise.resolve(listConnections(this.#connections.all(), query));
  }

  kill(id: number): Promise<boolean> {
    const record = this.#connections.find(id);
    record?.abort("killed");
    return Promise.resolve(record !== undefined);
  }

  async drainListeners(): Promise<void> {
    this.#stopAccepting();
    await this.#listeners.drain();
  }

  async closeListeners(): Promise<void> {
    this.#stopAccepting();
    await this.#listeners.close();
  }

  async drained(): Promise<void> {
    await Promise.all(this.#ledgersInUse().map((ledger) => ledger.drained()));
  }

  async abortConnections(code: AbortCode): Promise<void> {
    for (const ledger of this.#ledgersInUse()) ledger.abortConnections(code);
    const reason = new ProxyError(code as ErrorCode, "proxy");
    await Promise.all([...this.#services.values(), ...this.#retired].map((service) => service.stop(reason)));
  }

  report(): Promise<void> {
    this.#voice.flush();
    return Promise.resolve();
  }

  finish(): Promise<void> {
    this.#vitals.dispose();
    for (const group of this.#groups.values()) group.setEndpoints([]);
    return this.report();
  }

  #stopAccepting(): void {
    for (const service of [...this.#services.values(), ...this.#retired]) service.stopAccepting();
  }

  #setGroup({ config: whole, row, endpoints }: GroupPlan): void {
    const config = this.#withOwnShare(whole);
    const known = this.#groups.get(config.name);
    const group = known ?? new Group(config, {
      row: this.#accounts.upstreams.at(row),
      accountsOf: (record) => this.#accountsOf(record),
      credits: this.#credits,
      owner: this.#voice.supervisor,
    });
    group.config = config;
    group.setEndpoints(endpoints);
    this.#groups.set(config.name, group);
  }

  /** What `max_idle` allows is for all threads together: each keeps its part of it ready. */
  #withOwnShare(config: GroupConfig): GroupConfig {
    const { pool } = config;
    if (pool === undefined) return config;
    const { thread, threads } = this.#start.numbers;
    const more = thread < pool.maxIdle % threads ? 1 : 0;
    return { ...config, pool: { ...pool, maxIdle: Math.floor(pool.maxIdle / threads) + more } };
  }

  #dropGroup(name: string): void {
    this.#groups.get(name)!.retire();
    this.#groups.delete(name);
  }

  #accountsOf({ id, clients, open }: EndpointRecord): EndpointAccounts {
    return {
      row: this.#accounts.endpoints.at(id),
      clients: this.#gauges.at(clients),
      open: open === undefined ? undefined : this.#gauges.at(open),
      wakeUps: this.#wakeUps,
    };
  }

  #makeService(plan: ServicePlan, { all, log }: ThreadPlan): Service {
    const { config, tls, upstreamTls } = plan;
    const { accessFile, events } = this.#voice;
    const sink = log.hasAccessFile && accessFile !== undefined ? accessFile : this.#voice.log;
    return new Service(config, {
      groups: this.#groups,
      admission: this.#admissionOf(plan, all),
      ledger: this.#ledgerOf(plan),
      accessLog: new AccessLog(sink, { sample: log.sample }),
      events,
      tls: config.tls && tls && new TlsTermination(config.tls, tls),
      upstreamTls: config.upstreamTls && upstreamTls && new UpstreamTls(config.upstreamTls, upstreamTls),
      log: this.#voice.log,
      onShortage: () => this.#listeners.onShortage(),
    });
  }

  #admissionOf({ config, gauge, rate, clients }: ServicePlan, all: ThreadPlan["all"]): Admission {
    const { limits } = config;
    const { connectsPerSecond, connectionsPerClient: connections, connectsPerSecondPerClient } = limits;
    return new Admission(config, {
      own: new CountLimit(this.#gauges.at(gauge), limits.connections, this.#wakeUps),
      all: new CountLimit(this.#gauges.at(all.gauge), all.limit, this.#wakeUps),
      rate: rate && connectsPerSecond && new RateLimit(rate, connectsPerSecond),
      clients: clients && new ClientTable(
        this.#start.clients,
        { connections, rate: connectsPerSecondPerClient },
        { memory: clients, thread: this.#start.numbers.thread },
      ),
    });
  }

  /** All that may have connections, of services that are gone too. */
  #ledgersInUse(): ServiceLedger[] {
    return [...new Set([...this.#services.values(), ...this.#retired].map(({ ledger }) => ledger))];
  }

  /** One for all services that take over from each other: they are counted as one. */
  #ledgerOf({ config: { name }, row }: ServicePlan): ServiceLedger {
    const known = this.#ledgers.get(name);
    if (known !== undefined && known.row === row) return known;
    const ledger = new ServiceLedger(name, {
      row: this.#accounts.services.at(row),
      connections: this.#connections,
    });
    this.#ledgers.set(name, ledger);
    return ledger;
  }

  #retire(service: Service, closed: Promise<void>): void {
    this.#retired.add(service);
    if (!this.#services.has(service.config.name)) service.stopAccepting();
    void closed.then(() => service.retire(() => this.#retired.delete(service)));
  }
}
