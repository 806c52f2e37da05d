/** Reloads the configuration while the proxy runs; a bad one changes nothing. */

import type { ReloadOutcome } from "../../admin/backend.ts";
import type { Config } from "../../config/config.ts";
import { ConfigError } from "../../config/config_error.ts";
import { type ConfigDiff, describeDiff, diffingSteps } from "../../config/diff.ts";
import { inTurns } from "../../config/input/steps.ts";
import { ListenError } from "../../net/socket/listen_error.ts";
import { abortable } from "../../net/timers/abortable.ts";
import { AccountsFullError } from "../../observe/counters/accounts.ts";
import { LogFileError } from "../../observe/log/access_file.ts";
import type { ReloadFigures } from "../../observe/metrics/metrics.ts";
import { Acme } from "../acme/acme.ts";
import { AdminListenError } from "../admin/listen_error.ts";
import { amountOf } from "../../config/values/amount.ts";
import { type DescriptorBudget, DescriptorError } from "../files/descriptors.ts";
import { withFilterModules } from "../files/filter_modules.ts";
import type { ConfigSource } from "../files/config_source.ts";
import { logListening } from "./listen_plans.ts";
import type { Applied, Supervisor } from "./supervisor.ts";
import { ServiceChanges, type ServiceWithGroups } from "./service_changes.ts";
import { warningsOf } from "./warnings.ts";
import { messageOf } from "../../observe/log/error_text.ts";

/** The errors of a configuration that cannot be used. */
const REFUSALS = [
  ConfigError,
  DescriptorError,
  ListenError,
  AdminListenError,
  LogFileError,
  AccountsFullError,
];

const STOPPED: ReloadOutcome = { ok: false, detail: "Nothing is reloaded while the program stops" };

/** Part of every reload. */
const DONE = "Certificates reread and log files reopened";

export class Reloader {
  readonly #supervisor: Supervisor;
  readonly #source: ConfigSource | undefined;
  readonly #descriptors: DescriptorBudget;
  /** The certificates that it orders. */
  readonly acme: Acme;
  /** Reloads run one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  /** Resolves when the listeners that the last reload removed are closed. */
  #closed: Promise<void> = Promise.resolve();
  readonly #stopped = new AbortController();
  /** As it was loaded last. */
  #loaded: Config;
  #changes = new ServiceChanges();
  #figures: ReloadFigures | undefined;

  constructor(supervisor: Supervisor, source: ConfigSource | undefined, descriptors: DescriptorBudget) {
    this.#supervisor = supervisor;
    this.#source = source;
    this.#descriptors = descriptors;
    const { log, tlsFiles, takesOver } = supervisor.parts;
    this.acme = new Acme({
      log,
      onChange: () => tlsFiles.reload(),
      // The other one has left when the first configuration is in effect.
      takesOver: () => takesOver && this.figures === undefined,
    });
    this.#loaded = supervisor.config;
  }

  /** Undefined before the first configuration is in effect. */
  get figures(): ReloadFigures | undefined {
    return this.#figures;
  }

  /** Applies the first configuration. Rejects when it cannot be used. */
  begin(config: Config): Promise<void> {
    const begun = this.#begin(config);
    this.#last = begun.catch(() => {});
    return begun;
  }

  async #begin(config: Config): Promise<void> {
    const { access, tlsFiles, listFiles, discoveryFiles } = this.#supervisor.parts;
    this.#loaded = config;
    await access.use(await access.open(config.log.access));
    await using acme = await this.acme.prepare(config, this.#source);
    const files = await tlsFiles.load(config, this.#source);
    const lists = await listFiles.load(config, this.#source);
    await discoveryFiles.check(config, this.#source);
    const complete = await withFilterModules(config, this.#source);
    const diff = await inTurns(diffingSteps(this.#supervisor.config, complete));
    const { mistakes } = await this.#supervisor.apply(complete, diff, { tls: files, lists });
    acme.commit();
    if (mistakes.length > 0) throw mistakes[0];
    this.#figures = { isGood: true, lastGoodAt: Date.now() };
  }

  /**
   * Adds or replaces a service, or removes it if `change` is undefined, until the program ends: reloads keep it so.
   * Nothing is changed when it rejects.
   *
   * @throws {ListenError} when an address cannot be bound.
   * @throws {AccountsFullError} when there is no room for another service.
   */
  async changeService(name: string, change: ServiceWithGroups | undefined): Promise<void> {
    await this.change(async () => {
      const changes = this.#changes.with(name, change);
      const { mistakes } = await this.#apply(changes.applyTo(this.#loaded));
      this.#changes = changes;
      if (mistakes.length > 0) throw mistakes[0];
    });
  }

  /** Reloads everything. Never rejects: errors are in the outcome and in the log. */
  reload(): Promise<ReloadOutcome> {
    const reloaded = this.#last.then(() => this.#reload()).catch((error) => {
      if (this.#stopped.signal.aborted && error === this.#stopped.signal.reason) return STOPPED;
      throw error;
    });
    this.#last = reloaded.catch(() => {});
    return reloaded;
  }

  get isStopped(): boolean {
    return this.#stopped.signal.aborted;
  }

  /** Makes another change to listeners, between two reloads. Rejects as `change` does, or once the program stops. */
  change(change: () => Promise<void>): Promise<void> {
    const changed = this.#last.then(async () => {
      // An address that is being closed cannot be bound yet.
      await this.#unlessStopped(() => this.#closed);
      await change();
    });
    this.#last = changed.catch(() => {});
    return changed;
  }

  /**
   * Prevents further reloads, and cancels one that still reads files, which may hang. Resolves when none is
   * in progress.
   */
  async stop(): Promise<void> {
    this.#stopped.abort();
    // An order in progress would fail once nothing listens any more.
    await Promise.all([this.#last, this.acme.stop()]);
  }

  /** Reads files, unless the program stops meanwhile. @throws the reason of the signal */
  #unlessStopped<Read>(reading: () => Promise<Read>): Promise<Read> {
    this.#stopped.signal.throwIfAborted();
    return abortable(reading(), this.#stopped.signal);
  }

  /** Reopens the file of the access log; resolves with errors, which are logged. */
  async reopenLogs(): Promise<string[]> {
    const { access, log } = this.#supervisor.parts;
    try {
      await access.reopen();
      return [];
    } catch (error) {
      const detail = failureText(error);
      log.error("Cannot reopen the access log, keeping the old file", {
        event: "access_log_not_reopened",
        detail,
      });
      return [detail];
    }
  }

  async #reload(): Promise<ReloadOutcome> {
    const { events, tlsFiles, listFiles, discoveryFiles } = this.#supervisor.parts;
    const outcome = await this.#reloadConfig();
    this.acme.retry();
    const problems = outcome.ok
      ? await this.#unlessStopped(async () => [
        ...await tlsFiles.reload(),
        ...await listFiles.reload(),
        ...await discoveryFiles.reload(),
        ...await this.reopenLogs(),
      ])
      : [];
    const ok = outcome.ok && problems.length === 0;
    const done = outcome.detail === "" ? DONE : `${outcome.detail}; ${DONE.toLowerCase()}`;
    const detail = ok ? done : [outcome.detail, ...problems].filter((part) => part !== "").join("; ");
    this.#figures = { isGood: ok, lastGoodAt: ok ? Date.now() : this.#figures?.lastGoodAt ?? 0 };
    events.reloaded(ok, detail);
    return { ok, detail };
  }

  async #reloadConfig(): Promise<ReloadOutcome> {
    const source = this.#source;
    const { log } = this.#supervisor.parts;
    if (source?.load === undefined) {
      log.info("Rereading certificates and reopening log files", { event: "reloaded" });
      return { ok: true, detail: source === undefined ? "" : `"${source.path}" cannot be read again` };
    }
    try {
      const loaded = await this.#unlessStopped(source.load);
      const { diff, mistakes } = await this.#apply(this.#changes.applyTo(loaded));
      this.#loaded = loaded;
      if (mistakes.length > 0) return this.#incomplete(source.path, mistakes);
      const detail = describeDiff(diff);
      const level = diff.needsRestart.length > 0 ? "warn" : "info";
      log[level](`Reloaded "${source.path}": ${detail}`, { event: "reloaded" });
      return { ok: true, detail };
    } catch (error) {
      if (!REFUSALS.some((type) => error instanceof type)) throw error;
      const detail = failureText(error);
      log.error(`Cannot reload "${source.path}", nothing is changed: ${detail}`, { event: "reload_refused" });
      return { ok: false, detail };
    }
  }

  /** Some threads cannot apply the current configuration. */
  #incomplete(path: string, mistakes: readonly unknown[]): ReloadOutcome {
    const { log, threads } = this.#supervisor.parts;
    const count = `${mistakes.length} of ${threads.count} threads`;
    const detail = `${count} cannot apply it: ${failureText(mistakes[0])}`;
    log.error(`Reloaded "${path}", but ${detail}`, { event: "reload_incomplete" });
    return { ok: false, detail: `The configuration is in effect, but ${detail}` };
  }

  /**
   * Returns the changes, and the errors of threads that cannot apply them. Throws when the configuration
   * is unusable.
   */
  async #apply(wanted: Config): Promise<{ diff: ConfigDiff; mistakes: readonly unknown[] }> {
    const { access, log, tlsFiles, listFiles, discoveryFiles } = this.#supervisor.parts;
    const before = this.#supervisor.config;
    const complete = await this.#unlessStopped(() => withFilterModules(wanted, this.#source));
    const diff = await inTurns(diffingSteps(before, complete));
    // These change only with a restart.
    const next = { ...complete, workers: before.workers, admin: before.admin };
    const { connections } = next.limits;
    const fits = connections <= before.limits.connections || this.#descriptors.check(connections);
    await using acme = await this.#opened(
      this.acme.prepare(next, this.#source),
      (late) => late[Symbol.asyncDispose](),
    );
    const tls = await this.#unlessStopped(() => tlsFiles.load(next, this.#source));
    const lists = await this.#unlessStopped(() => listFiles.load(next, this.#source));
    await this.#unlessStopped(() => discoveryFiles.check(next, this.#source));
    const { path: logPath, format } = before.log.access;
    const isSameFile = logPath === next.log.access.path && format === next.log.access.format;
    const file = isSameFile
      ? undefined
      : await this.#opened(access.open(next.log.access), (late) => late?.close());
    let applied: Applied;
    try {
      // An address that is being closed cannot be bound yet.
      await this.#unlessStopped(() => this.#closed);
      applied = await this.#supervisor.apply(next, diff, { tls, lists });
    } catch (error) {
      await file?.close();
      throw error;
    }
    acme.commit();
    this.#closed = applied.closed;
    if (!isSameFile) await access.use(file);
    log.adjust(next.log);
    if (!fits) {
      const hint = `not checked whether there are descriptors for ${amountOf(connections, "connection")}`;
      log.warn(`limits.connections: ${hint} (the next start does)`, { event: "configuration_warning" });
    }
    this.#logAddresses(diff);
    for (const warning of warningsOf(next)) log.warn(warning, { event: "configuration_warning" });
    return { diff, mistakes: applied.mistakes };
  }

  /** As {@linkcode #unlessStopped}, and calls `close` with what is opened too late. */
  async #opened<Opened>(opening: Promise<Opened>, close: (late: Opened) => unknown): Promise<Opened> {
    try {
      return await this.#unlessStopped(() => opening);
    } catch (error) {
      void opening.then(close).catch(() => {});
      throw error;
    }
  }

  /** Logs where new and changed services listen: port 0 is not in the configuration. */
  #logAddresses({ services }: ConfigDiff): void {
    const isNew = new Set(services.filter(({ kind }) => kind !== "same").map(({ name }) => name));
    for (const service of this.#supervisor.services) {
      if (isNew.has(service.name) && !service.isDown) logListening(this.#supervisor.parts.log, service);
    }
  }
}

function failureText(error: unknown): string {
  if (error instanceof ConfigError) return error.summary;
  return messageOf(error);
}
