/** A running proxy: all services of a configuration, from bind to drain. */

import type { ReloadOutcome } from "../admin/backend.ts";
import { pageFiles } from "../admin/page/page.ts";
import type { Config } from "../config/config.ts";
import { parseDuration } from "../config/values/duration.ts";
import { formatAddress } from "../net/address.ts";
import { keepSockets } from "../net/socket/keep_sockets.ts";
import { checkMemoryTricks } from "../net/workarounds/memory_check.ts";
import type { ServiceFigures } from "../observe/metrics/service_figures.ts";
import type { ProgramLog } from "../observe/log/log.ts";
import type { UpstreamFigures } from "../observe/metrics/upstream_figures.ts";
import { exportMetrics } from "../observe/telemetry/exported_metrics.ts";
import { warnOfTelemetry } from "../observe/telemetry/warnings.ts";
import { ProxyBackend } from "./admin/backend.ts";
import type { ListeningAdmin } from "./admin/listener.ts";
import { logTakeOver, Predecessor } from "./admin/predecessor.ts";
import { type ConfigSource, configWatch } from "./files/config_source.ts";
import { DescriptorBudget } from "./files/descriptors.ts";
import { FaultController } from "./control/fault_controller.ts";
import { Reloader } from "./control/reloader.ts";
import { Shutdown, type StopOptions, type StopReport } from "./control/shutdown.ts";
import { buildSupervisor } from "./control/build_supervisor.ts";
import { metricsSnapshot } from "./control/metrics_snapshot.ts";
import type { ServiceWithGroups } from "./control/service_changes.ts";
import type { Lifecycle } from "./control/service_manager.ts";
import type { Supervisor } from "./control/supervisor.ts";
import { upstreamFigures } from "./control/upstream_snapshots.ts";
import { warningsOf } from "./control/warnings.ts";

export type { ConfigSource };
export type { StopOptions, StopReport };

/**
 * Binds every address of every service, then starts accepting on all of them: all or nothing.
 *
 * @param source Without it, a reload leaves the configuration as it is.
 * @param lifecycle Receives reloads and the stop.
 * @param takesOver From a sluice that runs with the same addresses, and drains then.
 * @throws {ListenError} when an address cannot be bound; nothing listens then. AdminListenError for that
 * of the admin interface.
 * @throws {TakeOverError} when there is no such sluice, it refuses, or this one does not become ready.
 * @throws {ConfigError} when certificates or keys cannot be used.
 * @throws {LogFileError} when the access log cannot be opened.
 * @throws {DescriptorError} when the process may not open enough descriptors for `limits.connections`.
 */
export async function runProxy(
  config: Config,
  log: ProgramLog,
  source?: ConfigSource,
  lifecycle?: Lifecycle,
  takesOver = false,
): Promise<Proxy> {
  const descriptors = DescriptorBudget.probe(config);
  descriptors.check(config.limits.connections);
  const harm = await checkMemoryTricks();
  if (harm !== undefined) log.warn(harm, { event: "deno_untested" });
  warnOfTelemetry(log);
  for (const warning of warningsOf(config)) log.warn(warning, { event: "configuration_warning" });
  const onShortage = () => proxy.descriptorsShort();
  const onHung = (thread: number) => proxy.onHung(thread);
  const supervisor = buildSupervisor(config, log, { onShortage, onHung }, takesOver, source?.room);
  const proxy: Proxy = new Proxy(config, { supervisor, source, descriptors, lifecycle });
  try {
    await (takesOver ? proxy.takeOver() : proxy.start());
  } catch (error) {
    await proxy.abandon();
    throw error;
  }
  return proxy;
}

/** A service that listens. */
export interface BoundService {
  readonly name: string;
  readonly listen: readonly string[];
}

interface ProxyParts {
  readonly supervisor: Supervisor;
  readonly source: ConfigSource | undefined;
  readonly descriptors: DescriptorBudget;
  readonly lifecycle: Lifecycle | undefined;
}

/** `await using` stops it, closing what is open, without a drain. */
export class Proxy implements AsyncDisposable {
  readonly #config: Config;
  readonly supervisor: Supervisor;
  readonly faults: FaultController;
  /** More reasons why it is not ready, from other parts. */
  readonly notReady: Set<string>;
  readonly #reloader: Reloader;
  readonly #shutdown: Shutdown;
  readonly #lifecycle: Lifecycle | undefined;
  readonly #maxAdminConnections: number;
  #admin: ListeningAdmin | undefined;
  #toxiproxy: ListeningAdmin | undefined;
  #exported: Disposable | undefined;
  readonly #watchConfig: ReturnType<typeof configWatch> | undefined;

  constructor(config: Config, { supervisor, source, descriptors, lifecycle }: ProxyParts) {
    this.#config = config;
    this.supervisor = supervisor;
    this.notReady = new Set(source?.awaits);
    this.#lifecycle = lifecycle;
    this.#reloader = new Reloader(supervisor, source, descriptors);
    this.faults = new FaultController(supervisor, this.#reloader);
    this.#shutdown = new Shutdown(supervisor, {
      endChanges: () => this.#reloader.stop(),
      close: () => this.#close(),
      onBegin: (drain) => lifecycle?.stopping(drain),
    });
    this.#maxAdminConnections = descriptors.adminConnections;
    if (source?.load !== undefined) this.#watchConfig = configWatch(source.path, () => this.reload());
  }

  /** Its services, in the order of the configuration, and where they listen: `127.0.0.1:40123`, `unix:/run/x.sock`. */
  get services(): readonly BoundService[] {
    return this.supervisor.services.map(({ name, addresses }) => ({
      name,
      listen: addresses.map(formatAddress),
    }));
  }

  /** The address of the admin interface, if there is one. */
  get admin(): string | undefined {
    return this.#admin && formatAddress(this.#admin.address);
  }

  /** The address of the toxiproxy API, if there is one. */
  get toxiproxy(): string | undefined {
    return this.#toxiproxy && formatAddress(this.#toxiproxy.address);
  }

  /** What random decisions of faults follow from. */
  get seed(): string {
    return this.supervisor.parts.memory.seed;
  }

  /** Whether it stops, and takes no more changes. */
  get isStopping(): boolean {
    return this.#shutdown.hasBegun;
  }

  /** Resolves when it has stopped, for whatever cause. */
  get stopped(): Promise<StopReport> {
    return this.#shutdown.report;
  }

  /** The admin interface starts first: it can answer as soon as a service listens. */
  async start(): Promise<void> {
    await this.#listenAdmin();
    await this.#begin();
  }

  /**
   * Starts beside a sluice that listens on the same addresses, and has it drain as the last step that can fail.
   *
   * @throws {TakeOverError} Nothing has changed for the other one.
   */
  async takeOver(): Promise<void> {
    const predecessor = Predecessor.of(this.#config);
    const pid = await predecessor.find();
    const listeners = await predecessor.listeners();
    await keepSockets(predecessor.addresses, async () => {
      await this.#begin();
      using conn = await predecessor.connect();
      await this.#listenAdmin();
      await predecessor.handOver(conn);
    });
    logTakeOver(pid, listeners, this.supervisor.services, this.supervisor.parts.log);
  }

  /** Cleans up after a failed start. */
  async abandon(): Promise<void> {
    const { threads, access } = this.supervisor.parts;
    threads.retire();
    await threads.all.closeListeners();
    await threads.finish();
    await this.#close();
    await access.close();
  }

  /** Clients of services have priority over the admin interface. */
  descriptorsShort(): void {
    this.#admin?.evictIdle();
    this.#toxiproxy?.evictIdle();
  }

  figures(): ServiceFigures[] {
    return this.supervisor.services.map((service) => service.figures());
  }

  upstreams(): UpstreamFigures[] {
    return upstreamFigures(this.supervisor);
  }

  async reload(): Promise<ReloadOutcome> {
    if (this.#shutdown.hasBegun) {
      return { ok: false, detail: "Nothing is reloaded while the program stops" };
    }
    this.#lifecycle?.reloading();
    let isRefused = true;
    try {
      const outcome = await this.#reloader.reload();
      isRefused = !outcome.ok;
      await this.#watchConfig?.(this.supervisor.config.reload.watch && !this.#shutdown.hasBegun);
      return outcome;
    } finally {
      this.#lifecycle?.reloaded(isRefused);
    }
  }

  /** Adds, replaces or removes a service: see {@linkcode Reloader.changeService}. */
  changeService(name: string, change: ServiceWithGroups | undefined): Promise<void> {
    if (this.#shutdown.hasBegun) {
      return Promise.reject(new Error("Nothing is changed while the program stops"));
    }
    return this.#reloader.changeService(name, change);
  }

  reopenLogs(): Promise<string[]> {
    return this.#reloader.reopenLogs();
  }

  stop(options: StopOptions = {}): Promise<StopReport> {
    return this.#shutdown.begin(options);
  }

  onHung(thread: number): void {
    this.#shutdown.beginWithHung(thread);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop({ drain: 0 });
  }

  async #begin(): Promise<void> {
    await this.#reloader.begin(this.#config);
    this.#exported = exportMetrics(() =>
      metricsSnapshot(this.supervisor, this.#reloader.figures, this.#reloader.acme.figures)
    );
    await this.#watchConfig?.(this.#config.reload.watch);
  }

  async #listenAdmin(): Promise<void> {
    const { admin } = this.#config;
    if (admin === undefined) return;
    // Loading node:http takes 2 ms, which a start without the interface need not spend.
    const { listenAdmin } = await import("./admin/listener.ts");
    const backend = new ProxyBackend({
      supervisor: this.supervisor,
      faults: this.faults,
      acme: () => this.#reloader.acme.figures,
      isStopping: () => this.#shutdown.hasBegun,
      notReady: this.notReady,
      reloadFigures: () => this.#reloader.figures,
      reload: () => this.reload(),
      stop: (drain, isHandedOver) => this.#stopByAdmin(drain, isHandedOver),
    });
    const { log, takesOver } = this.supervisor.parts;
    const options = { ...admin, maxConnections: this.#maxAdminConnections, takesOver };
    this.#admin = await listenAdmin({ ...options, backend, pageFiles, parseDuration, log });
    if (admin.toxiproxy === undefined) return;
    const { listenToxiproxy } = await import("./toxiproxy/listen.ts");
    this.#toxiproxy = await listenToxiproxy({ listen: admin.toxiproxy, takesOver }, log, {
      supervisor: this.supervisor,
      faults: this.faults,
      change: (name, change) => this.changeService(name, change),
      metrics: () => backend.metrics(),
    });
  }

  #stopByAdmin(drain: number | undefined, isHandedOver: boolean): void {
    if (!isHandedOver) return void this.stop({ cause: "admin", ...drain === undefined ? {} : { drain } });
    this.#admin?.stopAccepting();
    this.#toxiproxy?.stopAccepting();
    void this.stop({ cause: "taken over", drain: drain ?? this.supervisor.config.shutdown.drain });
  }

  /** The last step, after all connections. */
  async #close(): Promise<void> {
    this.#exported?.[Symbol.dispose]();
    await this.#watchConfig?.(false);
    await Promise.all([
      this.#reloader.acme.stop(),
      this.supervisor.stop(),
      this.#admin?.close(),
      this.#toxiproxy?.close(),
    ]);
  }
}
