/** Certificates and keys of all services: read at the start, read again when the files change, watched for their end. */

import type { Config, ServiceConfig } from "../config/config.ts";
import { ConfigError, type Problem } from "../config/config_error.ts";
import { formatDuration } from "../config/duration.ts";
import type { Credentials } from "../net/tls_credentials.ts";
import { CredentialsError } from "../net/tls_pem.ts";
import { watchFiles } from "../net/watch_files.ts";
import type { Log } from "../observe/log.ts";
import { TlsTermination } from "../proxy/tls_termination.ts";
import { UpstreamTls } from "../upstream/upstream_tls.ts";

const DAY = 86_400_000;
/** A certificate that ends within this time is worth a line a day, in milliseconds. */
const WORTH_A_WARNING = 14 * DAY;

/** TLS of one service, either way; undefined is without. */
export interface ServiceTls {
  readonly tls: TlsTermination | undefined;
  readonly upstreamTls: UpstreamTls | undefined;
}

/** What is made of files and can be made of them again. */
interface FromFiles {
  readonly certificates: readonly Credentials[];
  /** @throws {CredentialsError} and stays as it was. */
  reload(): Promise<void>;
}

/** One side of one service. */
interface Entry {
  readonly service: string;
  readonly files: FromFiles;
}

/**
 * Reads the files of a configuration, to see whether they can be used.
 *
 * @param file Where the configuration is from, for the error.
 * @throws {ConfigError} with every problem.
 */
export async function loadTls(
  config: Config,
  file?: string,
): Promise<ReadonlyMap<ServiceConfig, ServiceTls>> {
  const problems: Problem[] = [];
  const attempt = async <Loaded>(path: string, load: () => Promise<Loaded>): Promise<Loaded | undefined> => {
    try {
      return await load();
    } catch (error) {
      if (!(error instanceof CredentialsError)) throw error;
      problems.push({ path, message: error.message });
      return undefined;
    }
  };
  const loaded = new Map<ServiceConfig, ServiceTls>();
  for (const [index, service] of config.services.entries()) {
    const { tls, upstreamTls } = service;
    loaded.set(service, {
      tls: tls && await attempt(`services[${index}].tls`, () => TlsTermination.load(tls)),
      upstreamTls: upstreamTls &&
        await attempt(`services[${index}].upstream_tls`, () => UpstreamTls.load(upstreamTls)),
    });
  }
  if (problems.length > 0) throw new ConfigError(problems, { file });
  return loaded;
}

/** What is wrong with the files and no reason to refuse them, a line each. */
export function warningsAbout(loaded: ReadonlyMap<ServiceConfig, ServiceTls>, now = Date.now()): string[] {
  const warnings = entriesOf(loaded).flatMap(({ files }) => warningsAboutAll(files.certificates, now));
  return [...new Set(warnings)];
}

/** The files of a running proxy. */
export class TlsFiles {
  readonly #log: Log;
  readonly #stopping = new AbortController();
  #loaded: ReadonlyMap<ServiceConfig, ServiceTls> = new Map();
  #watch: Promise<void> = Promise.resolve();
  #daily: ReturnType<typeof setInterval> | undefined;

  private constructor(log: Log) {
    this.#log = log;
  }

  /**
   * Reads the files, and reads them again whenever they change, until {@linkcode stop}.
   *
   * @param file Where the configuration is from, for the error.
   * @throws {ConfigError} with every problem.
   */
  static async open(config: Config, log: Log, file?: string): Promise<TlsFiles> {
    const paths = config.services.flatMap(({ tls, upstreamTls }) => [
      ...tls === undefined ? [] : TlsTermination.pathsOf(tls),
      ...upstreamTls === undefined ? [] : UpstreamTls.pathsOf(upstreamTls),
    ]);
    const files = new TlsFiles(log);
    const loading = Promise.withResolvers<void>();
    // The watch comes first, so that no change is missed.
    if (paths.length > 0) await files.#watchOver(paths, loading.promise);
    try {
      files.#loaded = await loadTls(config, file);
    } catch (error) {
      loading.resolve();
      await files.stop();
      throw error;
    }
    loading.resolve();
    for (const warning of warningsAbout(files.#loaded)) log.warn(warning, { event: "certificate_warning" });
    return files;
  }

  of(service: ServiceConfig): ServiceTls {
    return this.#loaded.get(service)!;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearInterval(this.#daily);
    await this.#watch;
  }

  /** Reads every file again; what cannot be used leaves what it was for as it is, and is told. */
  async reload(): Promise<string[]> {
    const problems: string[] = [];
    for (const { service, files } of entriesOf(this.#loaded)) {
      const before = fingerprintOf(files);
      try {
        await files.reload();
      } catch (error) {
        const problem = `${service}: keeping the certificate in use. ${messageOf(error)}`;
        this.#log.error(problem, { event: "certificate_rejected", service });
        problems.push(problem);
        continue;
      }
      if (fingerprintOf(files) !== before) this.#reloaded(service, files.certificates);
    }
    return problems;
  }

  async #watchOver(paths: readonly string[], loaded: Promise<void>): Promise<void> {
    this.#daily = setInterval(() => this.#warnOfExpiry(), DAY);
    const { ended } = await watchFiles(paths, {
      signal: this.#stopping.signal,
      onChange: async () => {
        await loaded;
        await this.reload();
      },
      onError: (directory, error) =>
        this.#log.error(`Cannot watch "${directory}" for new certificates, trying again`, {
          event: "certificate_watch_failed",
          detail: messageOf(error),
        }),
    });
    this.#watch = ended;
  }

  #reloaded(service: string, certificates: readonly Credentials[]): void {
    this.#log.info(`${service}: new certificates are in use`, {
      event: "certificate_reloaded",
      service,
      subjects: certificates.map(({ subject }) => subject).join("; ") || undefined,
    });
    const now = Date.now();
    for (const warning of warningsAboutAll(certificates, now)) {
      this.#log.warn(warning, { event: "certificate_warning", service });
    }
  }

  #warnOfExpiry(): void {
    const now = Date.now();
    for (const { service, files } of entriesOf(this.#loaded)) {
      for (const warning of files.certificates.flatMap((certificate) => expiryWarning(certificate, now))) {
        this.#log.warn(warning, { event: "certificate_expiring", service });
      }
    }
  }
}

function entriesOf(loaded: ReadonlyMap<ServiceConfig, ServiceTls>): Entry[] {
  return [...loaded].flatMap(([{ name: service }, { tls, upstreamTls }]) => [
    ...tls === undefined ? [] : [{ service, files: tls }],
    ...upstreamTls === undefined ? [] : [{ service, files: upstreamTls }],
  ]);
}

function warningsAboutAll(certificates: readonly Credentials[], now: number): string[] {
  return certificates.flatMap((each) => [...each.warnings, ...expiryWarning(each, now)]);
}

function expiryWarning({ subject, expiresAt }: Credentials, now: number): string[] {
  const left = expiresAt.getTime() - now;
  if (left > WORTH_A_WARNING) return [];
  const day = expiresAt.toISOString().slice(0, "2026-01-01".length);
  return left <= 0
    ? [`The certificate for ${subject} expired on ${day} (renew it)`]
    : [`The certificate for ${subject} expires on ${day}, in ${formatDuration(wholeHours(left))} (renew it)`];
}

function wholeHours(milliseconds: number): number {
  const hour = 3_600_000;
  return Math.max(hour, Math.floor(milliseconds / hour) * hour);
}

/** Tells whether a reload brought anything new; authorities are not told apart. */
function fingerprintOf({ certificates }: FromFiles): string {
  return certificates.map(({ cert }) => cert).join();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
