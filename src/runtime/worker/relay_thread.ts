/** One thread that relays: its listeners, services and groups, which the supervisor creates and changes. */

import type { GroupConfig, LogLevel } from "../../config/config.ts";
import { emptyPool } from "../../net/buffers.ts";
import { ListenError } from "../../net/socket/listen_error.ts";
import { type ErrorCode, ProxyError } from "../../net/errors.ts";
import { AccessLog, type AccessSink } from "../../observe/log/access_log.ts";
import {
  type ConnectionPage,
  type ConnectionQuery,
  listConnections,
} from "../../observe/counters/connection_list.ts";
import type { AbortCode } from "../../observe/counters/connection_record.ts";
import type { EventFeed } from "../../observe/events/event_feed.ts";
import type { ServiceLedger } from "../../observe/counters/ledger.ts";
import type { Log } from "../../observe/log/log.ts";
import { AdmissionControl } from "../../proxy/admission.ts";
import { Listeners } from "../../proxy/listeners.ts";
import { Service } from "../../proxy/service.ts";
import { tlsListenOptions, type TlsMaterial, TlsTermination } from "../../proxy/tls_termination.ts";
import type { EndpointRecord, EndpointState } from "../../upstream/endpoint.ts";
import { Group } from "../../upstream/group.ts";
import { UpstreamTls, type UpstreamTlsMaterial } from "../../upstream/upstream_tls.ts";
import { ThreadAccounts } from "./thread_accounts.ts";
import type {
  BindOutcome,
  GroupPlan,
  ListenPlan,
  ServicePlan,
  SupervisorCalls,
  ThreadCalls,
  ThreadPlan,
  ThreadStart,
} from "./thread_calls.ts";

/** Where a thread logs and reports events, and calls the supervisor. */
export interface Reporter {
  readonly log: Log;
  /** Takes closed connections if the access log has a file of its own. */
  readonly accessFile: AccessSink;
  readonly events: EventFeed;
  readonly supervisor: SupervisorCalls;
  /** The lowest level that is logged. */
  setLevel(level: LogLevel): void;
  /** Whether events have a subscriber. */
  setSubscribed(isSubscribed: boolean): void;
  /** Sends the reports that wait for a full batch. */
  flush(): void;
}

export class RelayThread implements ThreadCalls {
  readonly #reporter: Reporter;
  readonly #accounts: ThreadAccounts;
  readonly #listeners = new Listeners();
  readonly #ledgers = new Map<string, ServiceLedger>();
  /** Ledgers of removed services, until their last connection has ended. */
  readonly #leavingLedgers = new Set<ServiceLedger>();
  readonly #groups = new Map<string, Group>();
  #services = new Map<string, Service>();
  /** Replaced and removed services, until their last connection has ended. */
  readonly #retired = new Set<Service>();
  #unplannedClosed: Promise<void> = Promise.resolve();
  #bufferSizes = "";

  constructor(start: ThreadStart, reporter: Reporter) {
    this.#reporter = reporter;
    this.#accounts = new ThreadAccounts(start, (gauge) => reporter.supervisor.freed(gauge));
  }

  async prepare(plans: readonly ListenPlan[]): Promise<BindOutcome> {
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

  // deno-lint-ignore require-await -- a throw must reject
  async commit(plan: ThreadPlan): Promise<void> {
    this.#reporter.setLevel(plan.log.level);
    this.#accounts.setLimit(plan.all);
    for (const group of plan.groups) this.#setGroup(group);
    const before = this.#services;
    // New services come first: if one cannot be created, everything stays as it was.
    const services = new Map(plan.services.map((each) => {
      const { name } = each.config;
      return [name, (each.isSame ? before.get(name) : undefined) ?? this.#makeService(each, plan)];
    }));
    this.#services = services;
    this.#trimBuffers();
    const closed = this.#listeners.commit(plan.listeners.map((name) => services.get(name)!));
    for (const [name, service] of services) if (before.get(name) !== service) service.start();
    for (const [name, service] of before) if (services.get(name) !== service) this.#retire(service, closed);
    for (const name of this.#ledgers.keys()) if (!services.has(name)) this.#dropLedger(name, closed);
    for (const name of this.#groups.keys()) {
      if (!plan.groups.some(({ config }) => config.name === name)) this.#dropGroup(name, closed);
    }
    this.#unplannedClosed = closed;
  }

  unplannedClosed(): Promise<void> {
    return this.#unplannedClosed;
  }

  // deno-lint-ignore require-await -- a throw must reject
  async setTls(
    name: string,
    tls: TlsMaterial | undefined,
    upstreamTls: UpstreamTlsMaterial | undefined,
  ): Promise<boolean> {
    const service = this.#services.get(name);
    if (service === undefined) return true;
    if (upstreamTls !== undefined) service.updateUpstreamTls(upstreamTls);
    if (tls === undefined) return true;
    service.tls?.update(tls);
    return this.#listeners.updateTls(service, tlsListenOptions(service.config.tls, tls));
  }

  setEndpoints(group: string, records: readonly EndpointRecord[]): void {
    this.#groups.get(group)?.setEndpoints(records);
  }

  setState(group: string, endpoint: number, state: EndpointState, abort: boolean): void {
    this.#groups.get(group)?.setState(endpoint, state, abort);
  }

  wake(gauge: number): void {
    this.#accounts.wakeUps.wake(gauge);
  }

  evictIdle(group: string, endpoint: number): void {
    this.#groups.get(group)?.makeRoomFor(endpoint);
  }

  setSubscribed(isSubscribed: boolean): void {
    this.#reporter.setSubscribed(isSubscribed);
  }

  connections(query: ConnectionQuery): Promise<ConnectionPage> {
    return Promise.resolve(listConnections(this.#accounts.connections.all(), query));
  }

  kill(id: number): Promise<boolean> {
    const record = this.#accounts.connections.find(id);
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
    await Promise.all(this.#allLedgers.map((ledger) => ledger.drained()));
  }

  async abortConnections(code: AbortCode): Promise<void> {
    for (const record of this.#accounts.connections.all()) record.abort(code);
    const reason = new ProxyError(code as ErrorCode, "proxy");
    await Promise.all([...this.#services.values(), ...this.#retired].map((service) => service.stop(reason)));
  }

  report(): Promise<void> {
    this.#reporter.flush();
    return Promise.resolve();
  }

  finish(): Promise<void> {
    this.#accounts[Symbol.dispose]();
    for (const service of [...this.#services.values(), ...this.#retired]) service.restTimers();
    for (const group of this.#groups.values()) group.setEndpoints([]);
    return this.report();
  }

  get #allLedgers(): ServiceLedger[] {
    return [...this.#ledgers.values(), ...this.#leavingLedgers];
  }

  #stopAccepting(): void {
    for (const service of [...this.#services.values(), ...this.#retired]) service.stopAccepting();
  }

  #setGroup({ config: whole, row, endpoints }: GroupPlan): void {
    const config = this.#withOwnShare(whole);
    const known = this.#groups.get(config.name);
    const group = known ?? new Group(config, {
      row: this.#accounts.upstreamRow(row),
      accountsOf: (record) => this.#accounts.endpoint(record),
      credits: this.#accounts.credits,
      owner: this.#reporter.supervisor,
    });
    group.config = config;
    group.setEndpoints(endpoints);
    this.#groups.set(config.name, group);
  }

  /** `max_idle` is for all threads together: each keeps its share ready. */
  #withOwnShare(config: GroupConfig): GroupConfig {
    const { pool } = config;
    return pool === undefined
      ? config
      : { ...config, pool: { ...pool, maxIdle: this.#accounts.shareOf(pool.maxIdle) } };
  }

  /** The group stays until the listeners of its services are closed: pending clients are still served. */
  #dropGroup(name: string, closed: Promise<void>): void {
    const group = this.#groups.get(name)!;
    this.#groups.delete(name);
    void closed.then(() => group.retire());
  }

  #dropLedger(name: string, closed: Promise<void>): void {
    const ledger = this.#ledgers.get(name)!;
    this.#ledgers.delete(name);
    this.#leavingLedgers.add(ledger);
    void closed.then(() => ledger.drained()).then(() => this.#leavingLedgers.delete(ledger));
  }

  #makeService(plan: ServicePlan, { all, log }: ThreadPlan): Service {
    const { config, tls, upstreamTls } = plan;
    const { accessFile, events } = this.#reporter;
    const sink = log.hasAccessFile ? accessFile : this.#reporter.log;
    return new Service(config, {
      groups: this.#groups,
      admission: new AdmissionControl(config, this.#accounts.admission(plan, all)),
      ledger: this.#ledgerOf(plan),
      accessLog: new AccessLog(sink, { sample: log.sample, threads: this.#accounts.threads }),
      events,
      tls: config.tls && new TlsTermination(config.tls, required(tls)),
      upstreamTls: config.upstreamTls && new UpstreamTls(config.upstreamTls, required(upstreamTls)),
      log: this.#reporter.log,
      onShortage: () => {
        this.#listeners.onShortage();
        this.#reporter.supervisor.descriptorsShort();
      },
    });
  }

  /** Frees the pooled buffers when the sizes in use change. */
  #trimBuffers(): void {
    const sizes = [...new Set(this.#services.values().map(({ config }) => config.bufferSize))].sort().join();
    if (sizes !== this.#bufferSizes) emptyPool();
    this.#bufferSizes = sizes;
  }

  /** One for all services of the same name, before and after a reload, so that each connection stays counted. */
  #ledgerOf(plan: ServicePlan): ServiceLedger {
    const { name } = plan.config;
    const known = this.#ledgers.get(name);
    if (known !== undefined) return known;
    const ledger = this.#accounts.ledger(plan);
    this.#ledgers.set(name, ledger);
    return ledger;
  }

  #retire(service: Service, closed: Promise<void>): void {
    this.#retired.add(service);
    if (!this.#services.has(service.config.name)) service.stopAccepting();
    void closed.then(() => service.retire(() => this.#retired.delete(service)));
  }
}

/** A service with TLS must not start without its certificates. */
function required<Material>(material: Material | undefined): Material {
  if (material === undefined) throw new TypeError("Certificates are missing in the plan of a thread");
  return material;
}
