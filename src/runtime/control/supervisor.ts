/** The state that all threads share: configuration, services and groups, and the change to another configuration. */

import { isDeepStrictEqual } from "node:util";
import { areFaultsEnabled } from "../../config/fault.ts";
import type { Config, GroupConfig } from "../../config/config.ts";
import { type ConfigDiff, namesOf } from "../../config/diff.ts";
import { inTurns, mapInSteps, type Steps, stepThrough } from "../../config/input/steps.ts";
import type { ActivatedSockets } from "../../net/socket/activation.ts";
import type { ListenAddress } from "../../net/address.ts";
import type { EventFeed } from "../../observe/events/event_feed.ts";
import type { Gauge } from "../../shared/gauge.ts";
import type { ProgramLog } from "../../observe/log/log.ts";
import { GroupController } from "../../upstream/group_controller.ts";
import type { AccessOutput } from "../files/access_output.ts";
import { changedGroups, inOrder, sharedSettingsOf } from "./changed_parts.ts";
import { type CheckLegs, checkLegsIn } from "./check_legs.ts";
import { logUnexpected } from "./guard.ts";
import { FaultList } from "./fault_list.ts";
import { ServiceController } from "./service_controller.ts";
import { type Listening, planListeners } from "./listen_plans.ts";
import type { ServiceFiles } from "../files/service_files.ts";
import { SharedMemory } from "./shared_memory.ts";
import type { ThreadPlan } from "../worker/thread_calls.ts";
import type { DiscoveryFiles } from "../files/discovery_files.ts";
import type { ListFiles, LoadedLists } from "../files/list_files.ts";
import type { LoadedFiles, TlsFiles } from "../files/tls_files.ts";
import { startUntilReady } from "./start_until_ready.ts";
import type { Threads } from "./threads.ts";

export interface SupervisorParts {
  readonly log: ProgramLog;
  readonly access: AccessOutput;
  readonly events: EventFeed;
  readonly tlsFiles: TlsFiles;
  readonly listFiles: ListFiles;
  readonly discoveryFiles: DiscoveryFiles;
  readonly memory: SharedMemory;
  readonly threads: Threads;
  readonly sockets: ActivatedSockets;
  /** Another sluice still listens on the addresses of the first configuration. */
  readonly takesOver: boolean;
}

/** The contents of the files of a configuration. */
export interface Loaded {
  readonly tls: LoadedFiles;
  readonly lists: LoadedLists;
}

export class Supervisor {
  readonly parts: SupervisorParts;
  /** Counts the connections of all services. */
  readonly #all: Gauge;
  #config: Config;
  #hasBegun = false;
  #groups = new Map<string, GroupController>();
  #services = new Map<string, ServiceController>();
  /** Removed services that still have listeners or connections. */
  readonly #leaving = new Map<ServiceController, { isClosed: boolean }>();

  /** @param config The first one; nothing of it exists before {@linkcode apply}. */
  constructor(config: Config, parts: SupervisorParts) {
    this.parts = parts;
    this.#config = { ...config, services: [], upstreams: [] };
    this.#all = parts.memory.gauges.claim()!;
  }

  /** The configuration in effect. */
  get config(): Config {
    return this.#config;
  }

  /** In the order of the configuration. */
  get services(): ServiceController[] {
    return [...this.#services.values()];
  }

  get groups(): GroupController[] {
    return [...this.#groups.values()];
  }

  /** Open connections, including those of removed services. */
  get active(): number {
    return this.#counted.reduce((sum, each) => sum + each.figures().active, 0);
  }

  /** Whether a configuration has been applied. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /**
   * Applies a configuration, or fails and leaves everything as it was.
   *
   * @param diff Its differences from the one in effect.
   * @param files What its files have.
   * @returns once it is in effect. `closed` resolves when removed listeners are closed; `mistakes` are the errors of
   * threads that cannot apply it.
   * @throws {ListenError} when an address cannot be bound.
   * @throws {AccountsFullError} when there is no room for more services or groups.
   * @throws {TakeOverError} when the endpoints of a group do not become known before a take-over.
   */
  async apply(next: Config, diff: ConfigDiff, { tls: files, lists }: Loaded): Promise<Applied> {
    using undo = new DisposableStack();
    const legs = checkLegsIn(next, files);
    const added = await inTurns(this.#claim(next, diff, legs, undo));
    const takesOver = this.parts.takesOver && !this.#hasBegun;
    if (takesOver) await startUntilReady(added.groups, this.parts.log);
    using listening = await planListeners(next, {
      before: this.services,
      sockets: this.parts.sockets,
      takesOver,
      tlsOf: (service) => files.get(service)?.tls,
      isDown: ({ name, faults }) =>
        (this.#services.get(name)?.faults ?? new FaultList()).willBeDown(faults, areFaultsEnabled(next)),
    });
    await listening.bind(this.parts.threads);
    undo.move();
    const { alone = [], withService = [] } = changedGroups(next, diff);
    const update = (config: GroupConfig) =>
      this.#groups.get(config.name)!.update(config, legs.get(config.name));
    await inTurns(stepThrough(alone, update));
    // No await from here to the commit: no thread may see half of it.
    this.parts.tlsFiles.use(files);
    this.parts.listFiles.use(lists);
    const { committed, closed } = this.#commit(next, diff, { added, legs, listening, changed: withService });
    const mistakes = await committed;
    for (const mistake of mistakes) logUnexpected(this.parts.log, mistake);
    await listening.cutDown(this.parts.threads);
    await Promise.all([this.parts.tlsFiles.watch(), this.parts.listFiles.watch()]);
    return { closed, mistakes };
  }

  /** The plan for all threads. */
  plan(
    isSame: (service: string) => boolean = () => false,
    isSameGroup: (group: string) => boolean = () => false,
  ): ThreadPlan {
    const { limits, log, services } = this.#config;
    const { tlsFiles, listFiles } = this.parts;
    return {
      lists: listFiles.contents,
      ownAddresses: this.#ownAddresses,
      groups: this.groups.map(({ config, row, queue, records }) => ({
        config,
        isSame: isSameGroup(config.name),
        row: row.number,
        queue: queue?.slot,
        endpoints: records,
      })),
      services: services.map(({ name }) => ({
        ...this.#services.get(name)!.plan,
        isSame: isSame(name),
        tls: tlsFiles.of(name)?.tls,
        upstreamTls: tlsFiles.of(name)?.upstreamTls,
      })),
      listeners: [],
      all: { gauge: this.#all.slot, limit: limits.connections },
      log: { level: log.level, hasAccessFile: log.access.path !== undefined, access: log.access },
    };
  }

  /** Takes the connections of a worker that has died out of all accounts; returns how many there were. */
  reclaimWorker(thread: number): number {
    const { memory, threads } = this.parts;
    memory.epoch.end(thread);
    const services = this.#counted;
    const before = services.map((service) => service.figures().active);
    memory.accounts.reclaimWorker(thread);
    const lost = services.map((service, index) => before[index]! - service.figures().active);
    for (const [index, service] of services.entries()) service.reclaimWorker(thread, lost[index]!);
    const queues = this.groups.flatMap(({ queue }) => queue?.slot ?? []);
    for (const gauge of [...memory.reclaimWaiters(thread), ...queues]) threads.others(thread).wake(gauge);
    return lost.reduce((sum, count) => sum + count, 0);
  }

  /** Closes what faults take down, and binds what they no longer do. @throws {ListenError} Nothing has changed then. */
  async relisten(): Promise<void> {
    const { threads, tlsFiles, log } = this.parts;
    using listening = await planListeners(this.#config, {
      before: this.services,
      sockets: this.parts.sockets,
      takesOver: false,
      tlsOf: (service) => tlsFiles.of(service)?.tls,
      isDown: ({ name }) => this.#services.get(name)!.faults.isDown,
    });
    await listening.bind(threads);
    listening.record(this.services, log);
    const mistakes = await threads.commit(listening.plans, this.plan(() => true, () => true));
    for (const mistake of mistakes) logUnexpected(log, mistake);
    await listening.cutDown(threads);
  }

  /** Uses the reloaded certificates of a service; false when a listener keeps the previous one. */
  async setTls({ config: { name }, tls, upstreamTls }: ServiceFiles): Promise<boolean> {
    for (const group of this.groups) group.setTls(name, upstreamTls);
    const outcomes = await this.parts.threads.all.setTls(name, tls, upstreamTls);
    return outcomes.every((isInUse) => isInUse);
  }

  async stop(): Promise<void> {
    const { tlsFiles, listFiles } = this.parts;
    await Promise.all([...this.groups.map((group) => group.stop()), tlsFiles.stop(), listFiles.stop()]);
  }

  /** Every service with connections in the accounts. */
  get #counted(): ServiceController[] {
    return [...this.#services.values(), ...this.#leaving.keys()];
  }

  get #ownAddresses(): ListenAddress[] {
    const { admin } = this.#config;
    const others = [admin?.listen, admin?.toxiproxy].filter((address) => address !== undefined);
    return [...this.services.flatMap(({ addresses }) => addresses), ...others];
  }

  /** Claims rows and slots for new services and groups, one per step. */
  *#claim(next: Config, diff: ConfigDiff, legs: CheckLegs, undo: DisposableStack): Steps<Added> {
    const [addedServices, addedGroups] = [namesOf(diff.services, "added"), namesOf(diff.groups, "added")];
    const { memory, threads: { all: updates }, events, log, discoveryFiles: { parts: discovery } } =
      this.parts;
    const { accounts, gauges, tickets, credits, stuck } = memory;
    const parts = { accounts, gauges, tickets, credits, stuck, events, log, updates, discovery };
    for (const [service, { isClosed }] of this.#leaving) {
      if (!isClosed || service.figures().active > 0) continue;
      service.release();
      this.#leaving.delete(service);
    }
    return {
      services: yield* mapInSteps(
        next.services.filter(({ name }) => addedServices.has(name)),
        (config) => undo.adopt(new ServiceController(config, memory), (service) => service.release()),
      ),
      groups: yield* mapInSteps(
        next.upstreams.filter(({ name }) => addedGroups.has(name)),
        (config) =>
          undo.adopt(
            new GroupController(config, parts, legs.get(config.name)),
            (group) => void group.stop(),
          ),
      ),
    };
  }

  #commit(next: Config, diff: ConfigDiff, { added, legs, listening, changed }: Ready) {
    const [sameServices, sameGroups] = [namesOf(diff.services, "same"), namesOf(diff.groups, "same")];
    const isRebuilt = !isDeepStrictEqual(sharedSettingsOf(this.#config), sharedSettingsOf(next));
    this.#config = next;
    this.#hasBegun = true;
    const [groupsBefore, servicesBefore] = [this.#groups, this.#services];
    this.#groups = inOrder(next.upstreams, added.groups, groupsBefore);
    this.#services = inOrder(next.services, added.services, servicesBefore);
    for (const config of changed) this.#groups.get(config.name)!.update(config, legs.get(config.name));
    const areFaultsOn = areFaultsEnabled(next);
    for (const config of next.services) {
      const service = this.#services.get(config.name)!;
      service.config = config;
      service.faults.configure(config.faults, areFaultsOn);
    }
    const { log, threads } = this.parts;
    listening.record(this.services, log);
    const committed = threads.commit(
      listening.plans,
      this.plan((name) => sameServices.has(name) && !isRebuilt, (name) => sameGroups.has(name)),
    );
    const closed = committed.then(() => threads.all.unplannedClosed()).then(() => {}).catch((error) =>
      logUnexpected(log, error)
    );
    for (const group of added.groups) group.start();
    for (const [name, group] of groupsBefore) if (!this.#groups.has(name)) void group.stop(closed);
    for (const [name, service] of servicesBefore) if (!this.#services.has(name)) this.#leave(service, closed);
    return { committed, closed };
  }

  #leave(service: ServiceController, closed: Promise<void>): void {
    const leaving = { isClosed: false };
    this.#leaving.set(service, leaving);
    void closed.then(() => leaving.isClosed = true);
  }
}

/** The outcome of {@linkcode Supervisor.apply}. */
export interface Applied {
  readonly closed: Promise<void>;
  readonly mistakes: readonly unknown[];
}

/** The resources that {@linkcode Supervisor.apply} has claimed and bound for the commit. */
interface Ready {
  readonly added: Added;
  readonly legs: CheckLegs;
  readonly listening: Listening;
  /** Groups to change with their services. */
  readonly changed: readonly GroupConfig[];
}

interface Added {
  readonly services: readonly ServiceController[];
  readonly groups: readonly GroupController[];
}
