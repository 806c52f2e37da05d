/** Certificates and keys of all services: read at the start, reread when the files change, and checked for expiry. */

import { isDeepStrictEqual } from "node:util";
import type { Config } from "../../config/config.ts";
import type { Problem } from "../../config/config_error.ts";
import { formatDuration } from "../../config/values/duration.ts";
import type { CredentialsError } from "../../net/tls/pem.ts";
import type { RevocationFile } from "../../net/tls/revocation_file.ts";
import { FileWatch } from "./watch_files.ts";
import type { Log } from "../../observe/log/log.ts";
import { type ConfigSource, refusal, type Refused } from "./config_source.ts";
import { type ClientSection, filesOf, ServiceFiles } from "./service_files.ts";

const DAY = 86_400_000;
/** Milliseconds before the expiry of a revocation list in which the same is done: many are good for a week only. */
const LIST_EXPIRY_WARNING = 2 * DAY;
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
  source?: Refused,
): Promise<LoadedFiles> {
  const problems: Problem[] = [];
  const loaded = new Map<string, ServiceFiles>();
  for (const [index, service] of config.services.entries()) {
    const { name } = service;
    const files = new ServiceFiles(filesOf(service));
    if (files.isEmpty) continue;
    const same = known.get(name);
    if (same !== undefined && isDeepStrictEqual(same.config, files.config)) {
      loaded.set(name, same);
      continue;
    }
    await files.read((section, error) => problems.push(problemWith(`services[${index}]`, section, error)));
    loaded.set(name, files);
  }
  if (problems.length > 0) throw await refusal(problems, source);
  return loaded;
}

/** Warnings about usable files. */
export function warningsAbout(loaded: LoadedFiles, now = Date.now()): string[] {
  const warnings = loaded.values().flatMap((files) => warningsAboutAll(files, now));
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
  readonly #watch: FileWatch;

  constructor(options: TlsFilesOptions) {
    this.#options = options;
    this.#watch = new FileWatch({ onChange: async () => void await this.reload() });
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
  watch(): Promise<void> {
    return this.#watch.over(this.#loaded.values().flatMap(({ paths }) => paths));
  }

  of(service: string): ServiceFiles | undefined {
    return this.#loaded.get(service);
  }

  async stop(): Promise<void> {
    clearInterval(this.#daily);
    await this.#watch.stop();
  }

  /** Reads every file again. Returns and logs why certificates stay as they were. */
  async reload(): Promise<string[]> {
    const problems: string[] = [];
    for (const [service, files] of this.#loaded) {
      const [before, listsBefore] = [fingerprintOf(files), digestsOf(files)];
      await files.read((_section, { file, message }) => {
        const what = file === "crl" ? "revocation list" : "certificate";
        const problem = `${service}: keeping the ${what} in use. ${message}`;
        this.#options.log.error(problem, { event: "certificate_rejected", service });
        problems.push(problem);
      });
      // A reload may have replaced the files meanwhile.
      if (this.#loaded.get(service) !== files) continue;
      // Changed authorities are not detected, so the threads always get them.
      const isInUse = await this.#options.onChange(files);
      const isNew = fingerprintOf(files) !== before || this.#notInUse.delete(files);
      if (!isInUse) {
        this.#notInUse.add(files);
        problems.push(`${service}: a listener keeps its previous certificate`);
        continue;
      }
      if (isNew) this.#logNew(service, files);
      for (const file of files.revocations) {
        if (!listsBefore.has(file.digest)) this.#logNewList(service, file);
      }
    }
    return problems;
  }

  #logNewList(service: string, { path, revoked }: RevocationFile): void {
    const fields = { event: "revocation_list_reloaded", service, file: path, revoked };
    this.#options.log.info(`${service}: new revocation lists are in use`, fields);
  }

  #logNew(service: string, files: ServiceFiles): void {
    this.#options.log.info(`${service}: new certificates are in use`, {
      event: "certificate_reloaded",
      service,
      subjects: files.all.map(({ subject }) => subject).join("; ") || undefined,
    });
    const now = Date.now();
    for (const warning of warningsAboutAll(files, now)) {
      this.#options.log.warn(warning, { event: "certificate_warning", service });
    }
  }

  #warnOfExpiry(): void {
    const now = Date.now();
    for (const [service, files] of this.#loaded) {
      for (const warning of expiryWarnings(files, now)) {
        this.#options.log.warn(warning, { event: "certificate_expiring", service });
      }
    }
  }
}

/**
 * Finds the key that names the file; no section is that for upstreams. A single certificate may be written with or
 * without a list.
 */
function problemWith(
  service: string,
  section: ClientSection | undefined,
  { file, message }: CredentialsError,
): Problem {
  if (section === undefined) return { path: `${service}.upstream_tls.${file}`, message };
  const path = `${service}.${section.key}`;
  if (file === "ca") return { path: `${path}.client_ca`, message };
  if (file === "acme_ca") return { path: `${path}.acme.ca`, message };
  if (file === "crl") return { path: `${path}.crl`, message };
  const { certificates } = section.config;
  const index = certificates.findIndex((files) => message.includes(`"${files[file]}"`));
  const listed = `${path}.certificates[${Math.max(0, index)}].${file}`;
  if (certificates.length > 1) return { path: listed, message };
  return { path: `${path}.${file}`, message, otherwise: listed };
}

function warningsAboutAll(files: ServiceFiles, now: number): string[] {
  const { all, revocations } = files;
  return [
    ...all.flatMap(({ warnings }) => warnings),
    ...revocations.flatMap(({ warnings }) => warnings),
    ...expiryWarnings(files, now),
  ];
}

function expiryWarnings({ all, revocations }: ServiceFiles, now: number): string[] {
  const certificates = all.flatMap(({ subject, expiresAt }) =>
    expiryWarning(`The certificate for ${subject}`, expiresAt.getTime(), now, EXPIRY_WARNING, "renew it")
  );
  const remedy = "publish a new one, or all clients are refused then";
  const lists = revocations.flatMap(({ path, expiresAt }) =>
    expiryWarning(`The revocation list in "${path}"`, expiresAt, now, LIST_EXPIRY_WARNING, remedy)
  );
  return [...certificates, ...lists];
}

function expiryWarning(
  what: string,
  expiresAt: number,
  now: number,
  within: number,
  remedy: string,
): string[] {
  const left = expiresAt - now;
  if (left > within) return [];
  const day = new Date(expiresAt).toISOString().slice(0, "2026-01-01".length);
  return left <= 0
    ? [`${what} expired on ${day} (${remedy})`]
    : [`${what} expires on ${day}, in ${formatDuration(wholeHours(left))} (${remedy})`];
}

function wholeHours(milliseconds: number): number {
  const hour = 3_600_000;
  return Math.max(hour, Math.floor(milliseconds / hour) * hour);
}

function digestsOf({ revocations }: ServiceFiles): ReadonlySet<string> {
  return new Set(revocations.map(({ digest }) => digest));
}

/** Changes when a certificate does; authorities do not count. */
function fingerprintOf({ all }: ServiceFiles): string {
  return all.map(({ cert }) => cert).join();
}
