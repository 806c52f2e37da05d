/** Reloads the configuration while the proxy runs; a bad one changes nothing. */

import type { ReloadOutcome } from "../../admin/backend.ts";
import type { AccessLogConfig, Config } from "../../config/config.ts";
import { ConfigError } from "../../config/config_error.ts";
import { type ConfigDiff, describeDiff, diffConfig } from "../../config/diff.ts";
import { formatAddress } from "../../net/address.ts";
import { ListenError } from "../../net/socket/listen_error.ts";
import { abortable } from "../../net/timers/abortable.ts";
import type { AccessFile } from "../../observe/log/access_file.ts";
import { AccountsFullError } from "../../observe/counters/accounts.ts";
import { LogFileError } from "../../observe/log/access_file.ts";
import type { Log } from "../../observe/log/log.ts";
import { amountOf } from "./amount.ts";
import { type DescriptorBudget, DescriptorError } from "../files/descriptors.ts";
import type { ConfigSource } from "../files/config_source.ts";
import type { Applied, Supervisor } from "./supervisor.ts";
import { warningsOf } from "./warnings.ts";

/** The errors of a configuration that cannot be used. */
const REFUSALS = [ConfigError, DescriptorError, ListenError, LogFileError, AccountsFullError];

const STOPPED: ReloadOutcome = { ok: false, detail: "Nothing is reloaded while the program stops" };

/** Part of every reload. */
const DONE = "certificates reread and log files reopened";

export class Reloader {
  readonly #supervisor: Supervisor;
  readonly #source: ConfigSource | undefined;
  readonly #descriptors: DescriptorBudget;
  /** Reloads run one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  /** Resolves when the listeners that the last reload removed are closed. */
  #closed: Promise<void> = Promise.resolve();
  readonly #stopped = new AbortController();

  constructor(supervisor: Supervisor, source: ConfigSource | undefined, descriptors: DescriptorBudget) {
    this.#supervisor = supervisor;
    this.#source = source;
    this.#descriptors = descriptors;
  }

  /** Applies the first configuration. Rejects when it cannot be used. */
  begin(config: Config): Promise<void> {
    const begun = this.#begin(config);
    this.#last = begun.catch(() => {});
    return begun;
  }

  async #begin(config: Config): Promise<void> {
    const { access, tlsFiles } = this.#supervisor.parts;
    await access.use(await access.open(config.log.access));
    const { mistakes } = await this.#supervisor.apply(config, await tlsFiles.load(config, this.#source));
    if (mistakes.length > 0) throw mistakes[0];
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

  /**
   * Prevents further reloads, and cancels one that still reads files, which may hang. Resolves when none is
   * in progress.
   */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#last;
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
      const detail = messageOf(error);
      log.error("Cannot reopen the access log, keeping the old file", {
        event: "access_log_not_reopened",
        detail,
      });
      return [detail];
    }
  }

  async #reload(): Promise<ReloadOutcome> {
    const { events, tlsFiles } = this.#supervisor.parts;
    const outcome = await this.#reloadConfig();
    const problems = outcome.ok
      ? await this.#unlessStopped(async () => [...await tlsFiles.reload(), ...await this.reopenLogs()])
      : [];
    const ok = outcome.ok && problems.length === 0;
    const detail = outcome.ok
      ? [
        outcome.detail,
        ...problems.length === 0 ? [outcome.detail === "" ? capitalized(DONE) : DONE] : problems,
      ]
        .filter((part) => part !== "").join("; ")
      : outcome.detail;
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
      const { diff, mistakes } = await this.#apply(await this.#unlessStopped(source.load));
      if (mistakes.length > 0) return this.#incomplete(source.path, mistakes);
      const detail = describeDiff(diff);
      log[diff.needsRestart.length > 0 ? "warn" : "info"](`Reloaded "${source.path}": ${detail}`, {
        event: "reloaded",
      });
      return { ok: true, detail };
    } catch (error) {
      if (!REFUSALS.some((type) => error instanceof type)) throw error;
      const detail = messageOf(error);
      log.error(`Cannot reload "${source.path}", nothing is changed: ${detail}`, {
        event: "reload_refused",
      });
      return { ok: false, detail };
    }
  }

  /** Some threads cannot apply the current configuration. */
  #incomplete(path: string, mistakes: readonly unknown[]): ReloadOutcome {
    const { log, threads } = this.#supervisor.parts;
    const detail = `${mistakes.length} of ${threads.count} threads cannot apply it: ${
      messageOf(mistakes[0])
    }`;
    log.error(`Reloaded "${path}", but ${detail}`, { event: "reload_incomplete" });
    return { ok: false, detail: `The configuration is in effect, but ${detail}` };
  }

  /**
   * Returns the changes, and the errors of threads that cannot apply them. Throws when the configuration
   * is unusable.
   */
  async #apply(wanted: Config): Promise<{ diff: ConfigDiff; mistakes: readonly unknown[] }> {
    const { access, log, tlsFiles } = this.#supervisor.parts;
    const before = this.#supervisor.config;
    const diff = diffConfig(before, wanted);
    // These change only with a restart.
    const next = { ...wanted, workers: before.workers, admin: before.admin };
    const { connections } = next.limits;
    const fits = connections <= before.limits.connections || this.#descriptors.check(connections);
    const files = await this.#unlessStopped(() => tlsFiles.load(next, this.#source));
    const { path: logPath, format } = before.log.access;
    const isSameFile = logPath === next.log.access.path && format === next.log.access.format;
    const file = isSameFile ? undefined : await this.#openAccess(next.log.access);
    let applied: Applied;
    try {
      // An address that is being closed cannot be bound yet.
      await this.#unlessStopped(() => this.#closed);
      applied = await this.#supervisor.apply(next, files);
    } catch (error) {
      await file?.close();
      throw error;
    }
    this.#closed = applied.closed;
    if (!isSameFile) await access.use(file);
    log.adjust(next.log);
    if (!fits) {
      log.warn(
        `limits.connections: not checked whether there are descriptors for ${
          amountOf(connections, "connection")
        } (the next start does)`,
        {
          event: "configuration_warning",
        },
      );
    }
    this.#logAddresses(diff);
    for (const warning of warningsOf(next)) log.warn(warning, { event: "configuration_warning" });
    return { diff, mistakes: applied.mistakes };
  }

  async #openAccess(config: AccessLogConfig): Promise<AccessFile | undefined> {
    const opening = this.#supervisor.parts.access.open(config);
    try {
      return await this.#unlessStopped(() => opening);
    } catch (error) {
      // The result may still arrive later.
      void opening.then((file) => file?.close(), () => {});
      throw error;
    }
  }

  /** Logs where new and changed services listen: port 0 is not in the configuration. */
  #logAddresses({ services }: ConfigDiff): void {
    const isNew = new Set(services.filter(({ kind }) => kind !== "same").map(({ name }) => name));
    for (const { name, addresses } of this.#supervisor.services.filter((each) => isNew.has(each.name))) {
      logListening(this.#supervisor.parts.log, name, addresses.map(formatAddress));
    }
  }
}

/** @param listen As in a configuration, with real ports. */
export function logListening(log: Log, service: string, listen: readonly string[]): void {
  log.info(`${service}: listening on ${listen.join(", ")}`, {
    event: "listening",
    service,
    listen: listen.join(","),
  });
}

function capitalized(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

function messageOf(error: unknown): string {
  if (error instanceof ConfigError) return error.summary;
  return error instanceof Error ? error.message : String(error);
}
