/** A running proxy: all services of a configuration, from bind to drain. */

import type { ReloadOutcome } from "../admin/backend.ts";
import type { Config } from "../config/config.ts";
import { formatAddress } from "../net/address.ts";
import { ListenError } from "../net/socket/listen_error.ts";
import { checkMemoryTricks } from "../net/workarounds/memory_check.ts";
import type { ServiceFigures } from "../observe/counters/ledger.ts";
import type { ProgramLog } from "../observe/log/log.ts";
import type { UpstreamFigures } from "../observe/metrics/upstream_figures.ts";
import { AdminInterface } from "./admin/interface.ts";
import { AdminListenError } from "./admin/listen_error.ts";
import { type ConfigSource, ConfigWatch } from "./files/config_source.ts";
import { DescriptorBudget } from "./files/descriptors.ts";
import { Reloader } from "./control/reloader.ts";
import { Shutdown, type StopOptions, type StopReport } from "./control/shutdown.ts";
import { buildSupervisor } from "./control/build_supervisor.ts";
import type { Supervisor } from "./control/supervisor.ts";
import { upstreamFigures } from "./control/upstream_snapshots.ts";
import { warningsOf } from "./control/warnings.ts";

export type { ConfigSource };
export { AdminListenError, ListenError };
export type { StopOptions, StopReport };

/** Milliseconds that other threads have to drain when one hangs: the hung thread still gets clients. */
const LONGEST_DRAIN_OF_HUNG = 5000;

/**
 * A service that listens.
 *
 * @example Wait for a port, and connect to it
 * ```ts
 * import { type BoundService, startProxy } from "@sluice/sluice";
 *
 * await using proxy = await startProxy({ services: [{ name: "db", listen: 0, upstream: "127.0.0.1:5432" }] });
 * const [service]: readonly BoundService[] = proxy.services;
 * console.log(service!.name, service!.listen); // db [ "127.0.0.1:40123" ]
 * ```
 */
export interface BoundService {
  /** Its name in the configuration. */
  readonly name: string;
  /** As in a configuration, with the real ports: `127.0.0.1:40123`, `[::1]:5000`, `unix:/run/x.sock`. */
  readonly listen: readonly string[];
}

/**
 * A running proxy. `await using` stops it, closing what is open, without a drain.
 *
 * @example Stop when the last connection has ended, after a minute at most
 * ```ts
 * import { type RunningProxy, startProxy } from "@sluice/sluice";
 *
 * const proxy: RunningProxy = await startProxy({
 *   services: [{ name: "db", listen: 0, upstream: "127.0.0.1:5432" }],
 * });
 * const { cut } = await proxy.stop({ drain: 60_000 });
 * console.log(cut); // 0
 * ```
 */
export interface RunningProxy extends AsyncDisposable {
  /** Its services, in the order of the configuration. */
  readonly services: readonly BoundService[];
  /** The address of the admin interface, if there is one. */
  readonly admin: string | undefined;
  /** Resolves when it has stopped, for whatever cause. */
  readonly stopped: Promise<StopReport>;
  /** The figures of every service, now. */
  figures(): ServiceFigures[];
  /** The figures of every upstream group, now. */
  upstreams(): UpstreamFigures[];
  /**
   * Rereads the configuration if it is from a file, and the certificates and keys for new handshakes, and reopens the
   * file of the access log. Errors are logged, and what was in use stays.
   */
  reload(): Promise<ReloadOutcome>;
  /** Reopens the file of the access log after it was renamed; resolves with errors, which are logged. */
  reopenLogs(): Promise<string[]>;
  /** Stops accepting, waits for open connections, then closes the rest. Another call with `drain` may shorten the wait. */
  stop(options?: StopOptions): Promise<StopReport>;
}

/**
 * Binds every address of every service, then starts accepting on all of them: all or nothing.
 *
 * @param source Without it, a reload leaves the configuration as it is.
 * @throws {ListenError} when an address cannot be bound; nothing listens then. {@linkcode AdminListenError} for that
 * of the admin interface.
 * @throws {ConfigError} when certificates or keys cannot be used.
 * @throws {LogFileError} when the access log cannot be opened.
 * @throws {DescriptorError} when the process may not open enough descriptors for `limits.connections`.
 */
export async function runProxy(
  config: Config,
  log: ProgramLog,
  source?: ConfigSource,
): Promise<RunningProxy> {
  const descriptors = DescriptorBudget.probe(config);
  descriptors.check(config.limits.connections);
  const harm = await checkMemoryTricks();
  if (harm !== undefined) log.warn(harm, { event: "deno_untested" });
  for (const warning of warningsOf(config)) log.warn(warning, { event: "configuration_warning" });
  const supervisor = buildSupervisor(config, log, {
    onShortage: () => proxy.descriptorsShort(),
    onHung: (thread) => proxy.onHung(thread),
  });
  const proxy: Proxy = new Proxy(config, { supervisor, source, descriptors });
  try {
    await proxy.start();
  } catch (error) {
    await proxy.abandon();
    throw error;
  }
  return proxy;
}

interface ProxyParts {
  readonly supervisor: Supervisor;
  readonly source: ConfigSource | undefined;
  readonly descriptors: DescriptorBudget;
}

class Proxy implements RunningProxy {
  readonly #config: Config;
  readonly #supervisor: Supervisor;
  readonly #reloader: Reloader;
  readonly #shutdown: Shutdown;
  readonly #admin: AdminInterface;
  readonly #configWatch: ConfigWatch | undefined;

  constructor(config: Config, { supervisor, source, descriptors }: ProxyParts) {
    this.#config = config;
    this.#supervisor = supervisor;
    this.#reloader = new Reloader(supervisor, source, descriptors);
    this.#shutdown = new Shutdown(supervisor, {
      endChanges: () => this.#reloader.stop(),
      close: () => this.#close(),
    });
    this.#admin = new AdminInterface(config.admin, descriptors.adminConnections, {
      supervisor,
      isStopping: () => this.#shutdown.hasBegun,
      reload: () => this.reload(),
      stop: (drain) => void this.stop({ cause: "admin", ...drain === undefined ? {} : { drain } }),
    });
    if (source?.load !== undefined) {
      this.#configWatch = new ConfigWatch(source.path, supervisor.parts.log, () => this.reload());
    }
  }

  get services(): readonly BoundService[] {
    return this.#supervisor.services.map(({ name, addresses }) => ({
      name,
      listen: addresses.map(formatAddress),
    }));
  }

  get admin(): string | undefined {
    return this.#admin.address;
  }

  get stopped(): Promise<StopReport> {
    return this.#shutdown.report;
  }

  /** The admin interface starts first: it can answer as soon as a service listens. */
  async start(): Promise<void> {
    await this.#admin.start();
    await this.#reloader.begin(this.#config);
    await this.#configWatch?.follow(this.#config.reload.watch);
  }

  /** Cleans up after a failed start. */
  async abandon(): Promise<void> {
    const { threads, access } = this.#supervisor.parts;
    threads.retire();
    await threads.all.closeListeners();
    await threads.finish();
    await this.#close();
    await access.close();
  }

  /** Clients of services have priority over the admin interface. */
  descriptorsShort(): void {
    this.#admin.evictIdle();
  }

  figures(): ServiceFigures[] {
    return this.#supervisor.services.map((service) => service.figures());
  }

  upstreams(): UpstreamFigures[] {
    return upstreamFigures(this.#supervisor);
  }

  async reload(): Promise<ReloadOutcome> {
    if (this.#shutdown.hasBegun) {
      return { ok: false, detail: "Nothing is reloaded while the program stops" };
    }
    const outcome = await this.#reloader.reload();
    await this.#configWatch?.follow(this.#supervisor.config.reload.watch && !this.#shutdown.hasBegun);
    return outcome;
  }

  reopenLogs(): Promise<string[]> {
    return this.#reloader.reopenLogs();
  }

  stop(options: StopOptions = {}): Promise<StopReport> {
    return this.#shutdown.begin(options);
  }

  /** Stops the program because a thread hangs. */
  onHung(thread: number): void {
    if (this.#shutdown.hasBegun) return;
    const failure = `Thread ${thread} does not respond and cannot be ended: restart sluice`;
    const { parts, config } = this.#supervisor;
    parts.log.error(failure, { event: "thread_hung", thread });
    const drain = Math.min(config.shutdown.drain, LONGEST_DRAIN_OF_HUNG);
    void this.#shutdown.begin({ cause: `Thread ${thread} hangs`, drain, failure });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop({ drain: 0 });
  }

  /** The last step, after all connections. */
  async #close(): Promise<void> {
    await this.#configWatch?.follow(false);
    await Promise.all([this.#supervisor.stop(), this.#admin.close()]);
  }
}
