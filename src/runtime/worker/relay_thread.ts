/** One thread that relays: its listeners, services and groups, which the supervisor creates and changes. */

import { emptyPool } from "../../net/buffers.ts";
import { inTurns, type Steps } from "../../config/input/steps.ts";
import { groupsOf } from "../../config/service_groups.ts";
import type { FilterFactory } from "../../config/filter.ts";
import { ListenError } from "../../net/socket/listen_error.ts";
import { OwnListeners } from "../../net/socket/own_listeners.ts";
import { type ErrorCode, ProxyError } from "../../net/errors.ts";
import { AccessLog } from "../../observe/log/access_log.ts";
import {
  type ConnectionPage,
  type ConnectionQuery,
  listConnections,
} from "../../observe/counters/connection_list.ts";
import type { AbortCode, EndCode } from "../../observe/counters/ledger.ts";
import { AdmissionControl } from "../../proxy/admission.ts";
import type { FaultPlan, ServiceFaults } from "../../proxy/faults.ts";
import { FileLists, type ListContents } from "../../proxy/file_lists.ts";
import { Listeners } from "../../proxy/listeners.ts";
import { Service } from "../../proxy/service.ts";
import {
  requiredMaterial,
  ServiceTls,
  type ServiceTlsMaterial,
  tlsListenOptions,
} from "../../proxy/tls_termination.ts";
import {
  ConnectionEnder,
  type EndingCandidate,
  type EndingQuery,
} from "../../upstream/ending/connection_ender.ts";
import type { EndpointRecord, EndpointState } from "../../upstream/endpoint.ts";
import { UpstreamTls, type UpstreamTlsMaterial } from "../../upstream/upstream_tls.ts";
import { haveFilters, importFilters } from "../files/filter_modules.ts";
import type { Reporter } from "./reporter.ts";
import { ThreadGroups } from "./thread_groups.ts";
import { ThreadAccounts } from "./thread_accounts.ts";
import { ThreadLedgers } from "./thread_ledgers.ts";
import type {
  BindOutcome,
  ListenPlan,
  ServicePlan,
  ThreadCalls,
  ThreadPlan,
  ThreadStart,
} from "./thread_calls.ts";

export class RelayThread implements ThreadCalls {
  readonly #reporter: Reporter;
  readonly #accounts: ThreadAccounts;
  readonly #ender: ConnectionEnder;
  readonly #listeners: Listeners;
  readonly #ledgers = new ThreadLedgers();
  readonly #groups: ThreadGroups;
  readonly #lists = new FileLists();
  readonly #own = new OwnListeners();
  /** As with ledgers, one for all services of the same name. */
  readonly #faults = new Map<string, ServiceFaults>();
  #services = new Map<string, Service>();
  /** Replaced and removed services, until their last connection has ended. */
  readonly #retired = new Set<Service>();
  #unplannedClosed: Promise<void> = Promise.resolve();
  /** Resolves when the last plan is in effect, or cannot be. */
  #committed: Promise<void> = Promise.resolve();
  #bufferSizes = "";

  constructor(start: ThreadStart, reporter: Reporter) {
    this.#reporter = reporter;
    this.#listeners = new Listeners((address) => reporter.supervisor.duplicate(address));
    this.#accounts = new ThreadAccounts(start, (gauge) => reporter.supervisor.freed(gauge));
    this.#groups = new ThreadGroups(this.#accounts, reporter.supervisor, this.#own);
    this.#ender = new ConnectionEnder(this.#accounts.connections);
  }

  async prepare(plans: readonly ListenPlan[]): Promise<BindOutcome> {
    await this.#committed; // a new worker gets the next plan right behind the first one
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
    const committed = this.#commit(plan);
    this.#committed = committed.catch(() => {});
    return committed;
  }

  async #commit(plan: ThreadPlan): Promise<void> {
    this.#reporter.setLevel(plan.log.level);
    this.#accounts.setLimit(plan.all);
    // A plan without filters waits for nothing.
    const filters = haveFilters(plan.services) ? await importFilters(plan.services) : new Map();
    this.#lists.set(plan.lists);
    this.#groups.plan(plan.groups);
    // New services come first: if one cannot be created, everything stays as it was.
    const services = await inTurns(this.#makeServices(plan, filters));
    // No await from here: no client may see half of it.
    this.#own.set(plan.ownAddresses);
    this.#groups.set();
    const before = this.#services;
    this.#services = services;
    for (const { config: { name }, faults } of plan.services) {
      this.#faults.get(name)?.set(faults?.faults ?? []);
    }
    for (const name of this.#faults.keys()) if (!services.has(name)) this.#faults.delete(name);
    this.#lists.keep(plan.lists);
    this.#trimBuffers();
    const closed = this.#listeners.commit(plan.listeners.map((name) => services.get(name)!));
    for (const [name, service] of services) if (before.get(name) !== service) service.start();
    for (const [name, service] of before) if (services.get(name) !== service) this.#retire(service, closed);
    this.#ledgers.keep(services, closed);
    this.#groups.keep(plan.groups, closed);
    this.#unplannedClosed = closed;
  }

  async unplannedClosed(): Promise<void> {
    await this.#committed;
    await this.#unplannedClosed;
  }

  async setTls(
    name: string,
    tls: ServiceTlsMaterial | undefined,
    upstreamTls: UpstreamTlsMaterial | undefined,
  ): Promise<boolean> {
    await this.#committed;
    const service = this.#services.get(name);
    if (service === undefined) return true;
    if (upstreamTls !== undefined) service.updateUpstreamTls(upstreamTls);
    if (tls === undefined) return true;
    service.updateTls(tls);
    return this.#listeners.updateTls(service, tlsListenOptions(service.config.tls, tls.own));
  }

  setLists(contents: ListContents): void {
    this.#lists.set(contents);
  }

  async setFaults(service: string, faults: readonly FaultPlan[]): Promise<void> {
    await this.#committed;
    this.#faults.get(service)?.set(faults);
  }

  async cutService(name: string): Promise<void> {
    await this.#committed;
    await this.#listeners.closeLeaving(name);
    this.#faults.get(name)?.cut();
    // Those included that began before the service could have faults.
    for (const record of this.#accounts.connections.all()) if (record.service === name) record.abort("fault");
  }

  setEndpoints(group: string, records: readonly EndpointRecord[]): void {
    this.#groups.find(group)?.setEndpoints(records);
  }

  setState(group: string, endpoint: number, state: EndpointState, abort: boolean): void {
    this.#groups.find(group)?.setState(endpoint, state, abort);
  }

  wake(gauge: number): void {
    this.#accounts.wakeUps.wake(gauge);
  }

  evictIdle(group: string, endpoint: number): void {
    this.#groups.find(group)?.evictIdleById(endpoint);
  }

  setSubscribed(isSubscribed: boolean): void {
    this.#reporter.setSubscribed(isSubscribed);
  }

  connections(query: ConnectionQuery): Promise<ConnectionPage> {
    return Promise.resolve(listConnections(this.#accounts.connections.all(), query));
  }

  kill(id: number, isReset: boolean): Promise<boolean> {
    const record = this.#accounts.connections.find(id);
    record?.abort("killed", isReset);
    return Promise.resolve(record !== undefined);
  }

  endable(query: EndingQuery): Promise<EndingCandidate[]> {
    return Promise.resolve(this.#ender.find(query));
  }

  endConnections(ids: readonly number[], code: EndCode, idle: number): Promise<number> {
    return Promise.resolve(this.#ender.end(ids, code, idle));
  }

  async drainListeners(): Promise<void> {
    await this.#committed;
    this.#stopAccepting();
    await this.#listeners.drain();
  }

  async closeListeners(): Promise<void> {
    await this.#committed;
    this.#stopAccepting();
    await this.#listeners.close();
  }

  drained(): Promise<void> {
    return this.#ledgers.drained();
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
    for (const group of this.#groups.all.values()) group.setEndpoints([]);
    return this.report();
  }

  #stopAccepting(): void {
    for (const service of [...this.#services.values(), ...this.#retired]) service.stopAccepting();
  }

  *#makeServices(
    plan: ThreadPlan,
    filters: ReadonlyMap<string, readonly FilterFactory[]>,
  ): Steps<Map<string, Service>> {
    const changed = plan.services.filter(({ isSame }) => !isSame).map(({ config }) => config);
    yield* this.#groups.make(new Set(changed.flatMap(groupsOf).map(({ name }) => name)));
    const services = new Map<string, Service>();
    for (const each of plan.services) {
      const { name } = each.config;
      const running = each.isSame ? this.#services.get(name) : undefined;
      services.set(name, running ?? (yield* this.#makeService(each, filters.get(name) ?? [], plan)));
    }
    return services;
  }

  *#makeService(
    plan: ServicePlan,
    filters: readonly FilterFactory[],
    { all, log }: ThreadPlan,
  ): Steps<Service> {
    const { config, tls, upstreamTls } = plan;
    const { accessFile, events, spans } = this.#reporter;
    const ledger = this.#ledgers.of(config.name, () => this.#accounts.ledger(plan));
    return yield* Service.of(config, {
      groups: this.#groups.all,
      configs: this.#groups.planned,
      admission: new AdmissionControl(config, this.#accounts.admission(plan, all), this.#lists),
      ledger,
      accessLog: new AccessLog({
        ...log.access,
        sink: log.hasAccessFile ? accessFile : this.#reporter.log,
        log: this.#reporter.log,
        skipped: ledger.row.cells.skipped,
        threads: this.#accounts.threads,
      }),
      events,
      spans,
      lists: this.#lists,
      ownListeners: this.#own,
      addresses: plan.addresses,
      filters,
      faults: plan.faults && this.#faults.getOrInsertComputed(config.name, () => this.#accounts.faults(plan)),
      tls: yield* ServiceTls.of(config, tls),
      upstreamTls: config.upstreamTls && new UpstreamTls(config.upstreamTls, requiredMaterial(upstreamTls)),
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

  #retire(service: Service, closed: Promise<void>): void {
    this.#retired.add(service);
    if (!this.#services.has(service.config.name)) service.stopAccepting();
    void closed.then(() => service.retire(() => this.#retired.delete(service)));
  }
}
