/** Certificates and keys of all services: read at the start, reread when the files change, and checked for expiry. */

import { isDeepStrictEqual } from "node:util";
import type { Config, TlsConfig } from "../../config/config.ts";
import { ConfigError, type Problem } from "../../config/config_error.ts";
import { formatDuration } from "../../config/values/duration.ts";
import type { Credentials } from "../../net/tls/credentials.ts";
import { CredentialsError } from "../../net/tls/pem.ts";
import { readFault } from "../../files/file_fault.ts";
import { watchFiles } from "./watch_files.ts";
import type { Log } from "../../observe/log/log.ts";
import type { ConfigSource } from "./config_source.ts";
import { ServiceFiles } from "./service_files.ts";

const DAY = 86_400_000;
/** Milliseconds before the expiry of a certificate in which a warning is logged every day. */
const EXPIRY_WARNING = 14 * DAY;

/** The files of services, by name. */
export type LoadedFiles = ReadonlyMap<string, ServiceFiles>;

/**
 * Reads the files of a configuration.
 *
 * @param known The files in use; those with an unchanged configuration are not read again.
 * @param source The configuration, for the error.
 * @throws {ConfigError} with every problem.
 */
export async function loadTls(
  config: Config,
  known: LoadedFiles = new Map(),
  source?: Pick<ConfigSource, "path" | "locate">,
): Promise<LoadedFiles> {
  const problems: Problem[] = [];
  const loaded = new Map<string, ServiceFiles>();
  for (const [index, { name, tls, upstreamTls }] of config.services.entries()) {
    const files = new ServiceFiles({ name, tls, upstreamTls });
    if (files.paths.length === 0 && tls === undefined && upstreamTls === undefined) continue;
    const same = known.get(name);
    if (same !== undefined && isDeepStrictEqual(same.config, files.config)) {
      loaded.set(name, same);
      continue;
    }
    await files.read(
      collecting((key, error) => problems.push(problemWith(`services[${index}]`, key, error, tls))),
    );
    loaded.set(name, files);
  }
  if (problems.length === 0) return loaded;
  const error = new ConfigError(problems, { file: source?.path });
  throw source === undefined ? error : await source.locate(error);
}

/** Warnings about usable files. */
export function warningsAbout(loaded: LoadedFiles, now = Date.now()): string[] {
  const warnings = loaded.values().flatMap(({ all }) => warningsAboutAll(all, now));
  return [...new Set(warnings)];
}

export interface TlsFilesOptions {
  readonly log: Log;
  /** Uses the certificates of a service that may have changed; false when a listener keeps the previous ones. */
  readonly onChange: (files: ServiceFiles) => Promise<boolean>;
}

/** The files of a running proxy. */
export class TlsFiles {
  readonly #options: TlsFilesOptions;
  readonly #daily: ReturnType<typeof setInterval>;
  #loaded: LoadedFiles = new Map();
  /** Those whose certificates a listener has not taken. */
  readonly #notInUse = new WeakSet<ServiceFiles>();
  #watch:
    | { readonly paths: readonly string[]; readonly stop: AbortController; ended: Promise<void> }
    | undefined;

  constructor(options: TlsFilesOptions) {
    this.#options = options;
    this.#daily = setInterval(() => this.#warnOfExpiry(), DAY);
  }

  /**
   * Reads the new files of a configuration; {@linkcode use} must follow.
   *
   * @param source The configuration, for the error.
   * @throws {ConfigError} with every problem.
   */
  load(config: Config, source?: ConfigSource): Promise<LoadedFiles> {
    return loadTls(config, this.#loaded, source);
  }

  /** Uses these from now on; {@linkcode watch} must follow. */
  use(loaded: LoadedFiles): void {
    this.#loaded = loaded;
    for (const warning of warningsAbout(loaded)) {
      this.#options.log.warn(warning, { event: "certificate_warning" });
    }
  }

  /** Rereads the files whenever they change, until {@linkcode stop}. */
  async watch(): Promise<void> {
    const paths = pathsOf(this.#loaded);
    if (isDeepStrictEqual(this.#watch?.paths ?? [], paths)) return;
    await this.#stopWatch();
    if (paths.length > 0) await this.#watchOver(paths);
  }

  of(service: string): ServiceFiles | undefined {
    return this.#loaded.get(service);
  }

  async stop(): Promise<void> {
    clearInterval(this.#daily);
    await this.#stopWatch();
  }

  /** Reads every file again. Returns and logs why certificates stay as they were. */
  async reload(): Promise<string[]> {
    const problems: string[] = [];
    for (const [service, files] of this.#loaded) {
      const before = fingerprintOf(files);
      await files.read(collecting((_key, { message }) => {
        const problem = `${service}: keeping the certificate in use. ${message}`;
        this.#options.log.error(problem, { event: "certificate_rejected", service });
        problems.push(problem);
      }));
      // A reload may have replaced the files meanwhile.
      if (this.#loaded.get(service) !== files) continue;
      // Changed authorities are not detected, so the threads always get them.
      const isInUse = await this.#options.onChange(files);
      const isNew = fingerprintOf(files) !== before || this.#notInUse.delete(files);
      if (!isInUse) {
        this.#notInUse.add(files);
        problems.push(`${service}: a listener keeps its previous certificate`);
      } else if (isNew) this.#logNew(service, files.all);
    }
    return problems;
  }

  async #watchOver(paths: readonly string[]): Promise<void> {
    const stop = new AbortController();
    const watch = this.#watch = { paths, stop, ended: Promise.resolve() };
    const { ended } = await watchFiles(paths, {
      signal: stop.signal,
      onChange: async () => void await this.reload(),
      onError: (directory, error) =>
        this.#options.log.error(`Cannot watch "${directory}" for new certificates, trying again`, {
          event: "certificate_watch_failed",
          detail: readFault(error).fault,
        }),
    });
    watch.ended = ended;
    // Files may have changed before the watch began.
    await this.reload();
  }

  async #stopWatch(): Promise<void> {
    const watch = this.#watch;
    this.#watch = undefined;
    watch?.stop.abort();
    await watch?.ended;
  }

  #logNew(service: string, certificates: readonly Credentials[]): void {
    this.#options.log.info(`${service}: new certificates are in use`, {
      event: "certificate_reloaded",
      service,
      subjects: certificates.map(({ subject }) => subject).join("; ") || undefined,
    });
    const now = Date.now();
    for (const warning of warningsAboutAll(certificates, now)) {
      this.#options.log.warn(warning, { event: "certificate_warning", service });
    }
  }

  #warnOfExpiry(): void {
    const now = Date.now();
    for (const [service, { all }] of this.#loaded) {
      for (const warning of all.flatMap((certificate) => expiryWarning(certificate, now))) {
        this.#options.log.warn(warning, { event: "certificate_expiring", service });
      }
    }
  }
}

/** The sections of a service that can name files. */
type TlsKey = "tls" | "upstream_tls";

/** Finds the key that names the file. A single certificate may be written with or without a list. */
function problemWith(
  service: string,
  key: TlsKey,
  { file, message }: CredentialsError,
  tls: TlsConfig | undefined,
): Problem {
  const path = `${service}.${key}`;
  if (key === "upstream_tls" || tls === undefined) return { path: `${path}.${file}`, message };
  if (file === "ca") return { path: `${path}.client_ca`, message };
  const index = tls.certificates.findIndex((files) => message.includes(`"${files[file]}"`));
  const listed = `${path}.certificates[${Math.max(0, index)}].${file}`;
  if (tls.certificates.length > 1) return { path: listed, message };
  return { path: `${path}.${file}`, message, otherwise: listed };
}

/** Passes on the errors of unusable files. */
function collecting(onProblem: (key: TlsKey, error: CredentialsError) => void) {
  return async <Loaded>(key: TlsKey, load: () => Promise<Loaded>): Promise<Loaded | undefined> => {
    try {
      return await load();
    } catch (error) {
      if (!(error instanceof CredentialsError)) throw error;
      onProblem(key, error);
      return undefined;
    }
  };
}

function pathsOf(loaded: LoadedFiles): string[] {
  return [...new Set(loaded.values().flatMap(({ paths }) => paths))].sort();
}

function warningsAboutAll(certificates: readonly Credentials[], now: number): string[] {
  return certificates.flatMap((each) => [...each.warnings, ...expiryWarning(each, now)]);
}

function expiryWarning({ subject, expiresAt }: Credentials, now: number): string[] {
  const left = expiresAt.getTime() - now;
  if (left > EXPIRY_WARNING) return [];
  const day = expiresAt.toISOString().slice(0, "2026-01-01".length);
  return left <= 0
    ? [`The certificate for ${subject} expired on ${day} (renew it)`]
    : [`The certificate for ${subject} expires on ${day}, in ${formatDuration(wholeHours(left))} (renew it)`];
}

function wholeHours(milliseconds: number): number {
  const hour = 3_600_000;
  return Math.max(hour, Math.floor(milliseconds / hour) * hour);
}

/** Changes when a certificate does; authorities do not count. */
function fingerprintOf({ all }: ServiceFiles): string {
  return all.map(({ cert }) => cert).join();
}
