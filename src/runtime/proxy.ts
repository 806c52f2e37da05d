/** A whole proxy in this thread: all services of a configuration, from bind to drain. */

import { AdminListenError } from "../admin/http_listener.ts";
import type { ReloadOutcome } from "../admin/backend.ts";
import { type AdminServer, serveAdmin } from "../admin/server.ts";
import { pageFiles } from "../admin/page/page.ts";
import type { Config } from "../config/config.ts";
import { parseDuration } from "../config/duration.ts";
import { type Address, formatAddress } from "../net/address.ts";
import { listen, ListenError } from "../net/listen.ts";
import { sleep } from "../net/sleep.ts";
import type { ServiceFigures } from "../observe/ledger.ts";
import type { Log } from "../observe/log.ts";
import type { UpstreamFigures } from "../observe/upstream_figures.ts";
import { ProxyBackend } from "./admin_backend.ts";
import { checkDescriptors } from "./descriptors.ts";
import { buildParts, type Parts } from "./parts.ts";
import { upstreamFigures } from "./upstream_snapshots.ts";
import { warningsOf } from "./warnings.ts";

export { AdminListenError, ListenError };

/** A service that listens. */
export interface BoundService {
  readonly name: string;
  /** As in a configuration, with the real ports: `127.0.0.1:40123`, `[::1]:5000`, `unix:/run/x.sock`. */
  readonly listen: readonly string[];
}

export interface StopOptions {
  /** Milliseconds to wait for open connections; the configuration's `shutdown.drain` when absent. */
  readonly drain?: number;
  /** Who or what stops it, for the log. */
  readonly cause?: string;
}

/** A running proxy. `await using` stops it, closing what is open, without a drain. */
export interface RunningProxy extends AsyncDisposable {
  readonly services: readonly BoundService[];
  /** The address of the admin interface, if there is one. */
  readonly admin: string | undefined;
  /** Resolves when it has stopped, whoever stopped it. */
  readonly stopped: Promise<StopReport>;
  /** The figures of every service, now. */
  figures(): ServiceFigures[];
  /** The figures of every upstream group, now. */
  upstreams(): UpstreamFigures[];
  /**
   * Reads certificates and keys again, for new handshakes, and opens the file of the access log anew. What cannot be
   * used is logged, and what was in use stays.
   */
  reload(): Promise<ReloadOutcome>;
  /** Opens the file of the access log anew, after it was moved away; resolves with what went wrong, which is logged. */
  reopenLogs(): Promise<string[]>;
  /** Stops accepting, waits for open connections, then closes those left. A `drain` of another call may shorten the wait. */
  stop(options?: StopOptions): Promise<StopReport>;
}

export interface StopReport {
  /** Connections that were still open when the wait was over, and were closed. */
  readonly cut: number;
}

/**
 * Binds every address of every service, then starts accepting on all of them: all or nothing.
 *
 * @param file Where the configuration is from, for errors.
 * @throws {ListenError} when an address cannot be bound; nothing listens then. {@linkcode AdminListenError} for that
 * of the admin interface.
 * @throws {ConfigError} when certificates or keys cannot be used.
 * @throws {LogFileError} when the access log cannot be opened.
 * @throws {DescriptorError} when the process may not open enough descriptors for `limits.connections`.
 */
export async function runProxy(config: Config, log: Log, file?: string): Promise<RunningProxy> {
  checkDescriptors(config.limits.connections);
  for (const warning of warningsOf(config)) log.warn(warning, { event: "configuration_warning" });
  const parts = await buildParts(config, log, file);
  const proxy = new Proxy(config, parts);
  try {
    await proxy.start();
  } catch (error) {
    await proxy.abandon();
    throw error;
  }
  return proxy;
}

class Proxy implements RunningProxy {
  readonly #config: Config;
  readonly #parts: Parts;
  readonly #startedAt = new Date();
  readonly #stopped = Promise.withResolvers<StopReport>();
  readonly #cutNow = Promise.withResolvers<void>();
  /** Aborts when nobody waits for open connections any more. */
  readonly #waited = new AbortController();
  #services: readonly BoundService[] = [];
  #admin: AdminServer | undefined;
  #isStopping = false;

  constructor(config: Config, parts: Parts) {
    this.#config = config;
    this.#parts = parts;
  }

  get services(): readonly BoundService[] {
    return this.#services;
  }

  get admin(): string | undefined {
    return this.#admin && formatAddress(this.#admin.address);
  }

  get stopped(): Promise<StopReport> {
    return this.#stopped.promise;
  }

  async start(): Promise<void> {
    const { services, groups } = this.#parts;
    for (const service of services) await service.bind();
    await this.#startAdmin();
    this.#services = services.map(({ config: { name }, addresses }) => ({
      name,
      listen: addresses.map(formatAddress),
    }));
    for (const group of groups) group.start();
    for (const service of services) service.start();
  }

  /** Gives back what a start that failed has taken. */
  async abandon(): Promise<void> {
    for (const service of this.#parts.services) service.stopAccepting();
    await this.#close();
  }

  figures(): ServiceFigures[] {
    return this.#parts.services.map(({ ledger }) => ledger.figures());
  }

  upstreams(): UpstreamFigures[] {
    return upstreamFigures(this.#parts.groups, this.#parts.services);
  }

  async reload(): Promise<ReloadOutcome> {
    const problems = [...await this.#parts.tlsFiles.reload(), ...await this.reopenLogs()];
    const ok = problems.length === 0;
    const detail = ok ? "Certificates were read and log files opened anew" : problems.join("; ");
    this.#parts.events.reloaded(ok, detail);
    return { ok, detail };
  }

  async reopenLogs(): Promise<string[]> {
    const { accessFile, log } = this.#parts;
    try {
      await accessFile?.reopen();
      return [];
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      log.error("Keeping the old file of the access log", { event: "access_log_not_reopened", detail });
      return [detail];
    }
  }

  stop({ drain, cause = "stop" }: StopOptions = {}): Promise<StopReport> {
    if (!this.#isStopping) {
      this.#isStopping = true;
      this.#stop(drain ?? this.#config.shutdown.drain, cause)
        .then(this.#stopped.resolve, this.#stopped.reject);
    } else if (drain !== undefined) this.#cutAfter(drain);
    return this.#stopped.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop({ drain: 0 });
  }

  async #startAdmin(): Promise<void> {
    const { admin } = this.#config;
    if (admin === undefined) return;
    if (admin.listen.transport === "unix") await removeStaleSocket(admin.listen);
    const backend = new ProxyBackend({
      config: this.#config,
      parts: this.#parts,
      startedAt: this.#startedAt,
      isStopping: () => this.#isStopping,
      reload: () => this.reload(),
      stop: (drain) => void this.stop({ cause: "admin", ...drain === undefined ? {} : { drain } }),
    });
    this.#admin = await serveAdmin({ ...admin, backend, pageFiles, parseDuration, log: this.#parts.log });
  }

  async #stop(drain: number, cause: string): Promise<StopReport> {
    const { services, log, events } = this.#parts;
    for (const service of services) service.stopAccepting();
    const active = () => services.reduce((sum, { ledger }) => sum + ledger.active, 0);
    const open = active();
    const hint = open === 0 ? "" : `, waiting for ${open} open ${connections(open)}`;
    log.info(`${cause}: no longer accepting${hint}`, { event: "stopping", signal: cause, open });
    events.draining(open);
    const drained = Promise.all(services.map(({ ledger }) => ledger.drained()));
    this.#cutAfter(drain);
    await Promise.race([drained, this.#cutNow.promise]);
    this.#waited.abort();
    const cut = active();
    await Promise.all(services.map((service) => service.abortConnections("shutdown")));
    await drained;
    await this.#close();
    log.info(cut === 0 ? "Stopped" : `Stopped, ${cut} ${connections(cut)} cut`, { event: "stopped", cut });
    return { cut };
  }

  /** Ends the wait for open connections after `drain` milliseconds, unless it ends before. */
  #cutAfter(drain: number): void {
    if (drain === 0) this.#cutNow.resolve();
    else void sleep(drain, this.#waited.signal).then(this.#cutNow.resolve);
  }

  async #close(): Promise<void> {
    const { services, groups, tlsFiles, accessFile, eventLoopDelay } = this.#parts;
    await Promise.all(services.map((service) => service.closed()));
    await Promise.all([...groups.map((group) => group.stop()), tlsFiles.stop(), this.#admin?.close()]);
    eventLoopDelay[Symbol.dispose]();
    await accessFile?.close();
  }
}

/** Deno.serve calls a socket file in use that a killed program has left behind; a listener of ours removes it. */
async function removeStaleSocket(address: Address): Promise<void> {
  try {
    (await listen(address, { adapter: "deno" })).close();
  } catch (error) {
    throw error instanceof ListenError ? new AdminListenError(address, error.cause as Error) : error;
  }
}

function connections(count: number): string {
  return count === 1 ? "connection" : "connections";
}
