/** Orders one certificate, and renews it, for as long as the configuration names it. */

import { X509Certificate } from "node:crypto";
import type { AcmeParts } from "../../acme/client.ts";
import { AcmeError } from "../../acme/acme_error.ts";
import type { AcmeConfig } from "../../config/config.ts";
import { formatDuration } from "../../config/values/duration.ts";
import { writeFault } from "../../files/file_fault.ts";
import { loadCredentials } from "../../net/tls/credentials.ts";
import { CredentialsError } from "../../net/tls/pem.ts";
import { messageOf } from "../../observe/log/error_text.ts";
import type { Log } from "../../observe/log/log.ts";
import type { AcmeServer } from "./acme_server.ts";
import { checkIssued, hasAll, useless } from "./check_issued.ts";
import { FileLock } from "./file_lock.ts";
import { backOff, renewalTime } from "./schedule.ts";
import type { AcmeStorage, FailureRecord } from "./storage.ts";

/** Milliseconds between two checks of the file, which another proxy may have renewed. */
const LOOK_EVERY = 60_000;
/** The same while another proxy orders. */
const LOOK_WHILE_LOCKED = 2000;

const RENEWED_AT_ONCE =
  "The certificate that was issued is in use, but is to be renewed at once (check the clock of this machine)";

/** Time, and chance, which tests replace. */
export interface Clock extends Pick<AcmeParts, "now" | "sleep"> {
  /** From 0 to 1. */
  readonly random: () => number;
}

export interface CertificateTaskOptions {
  readonly acme: AcmeConfig;
  /** Where the certificate is, and where it is written to. */
  readonly file: string;
  readonly storage: AcmeStorage;
  readonly server: AcmeServer;
  readonly log: Log;
  readonly clock: Clock;
  /** For other proxies that wait. */
  readonly owner: string;
  /** Called when the file has another certificate. */
  readonly onChange: () => Promise<unknown>;
}

export interface CertificateTaskFigures {
  readonly file: string;
  /** Certificates that this process has got, and attempts that failed. */
  readonly issued: number;
  readonly failed: number;
  /** Attempts in a row that failed, of all proxies that share the folder. */
  readonly failing: number;
  /** Milliseconds since 1970; undefined before the first check. */
  readonly nextAttempt: number | undefined;
  /** Since when the certificate is valid, in milliseconds since 1970; undefined without one. */
  readonly lastSuccess: number | undefined;
}

/** A certificate that can be used. */
interface Known {
  /** The chain, as PEM. */
  readonly cert: string;
  readonly names: readonly string[];
  readonly notBefore: number;
  readonly notAfter: number;
}

export class CertificateTask {
  readonly #options: CertificateTaskOptions;
  readonly #lock: FileLock;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #wake = new AbortController();
  #isUrgent = false;
  #known: Known | undefined;
  /** Why there is none. */
  #fault = "";
  #hasLooked = false;
  #isToldOfLock = false;
  #issued = 0;
  #failed = 0;
  #failure: FailureRecord | undefined;
  /** One that could not be written. */
  #unwritten: FailureRecord | undefined;
  #nextAttempt: number | undefined;

  /** Begins at once. */
  constructor(options: CertificateTaskOptions) {
    this.#options = options;
    const { file, owner, clock: { now } } = options;
    this.#lock = new FileLock({ path: file.replace(/\.pem$/, ".lock"), owner, now });
    this.#ended = this.#run();
  }

  get acme(): AcmeConfig {
    return this.#options.acme;
  }

  get figures(): CertificateTaskFigures {
    return {
      file: this.#options.file,
      issued: this.#issued,
      failed: this.#failed,
      failing: this.#failure?.attempts ?? 0,
      nextAttempt: this.#nextAttempt,
      lastSuccess: this.#known?.notBefore,
    };
  }

  /** If the last attempt has failed, tries again now: an operator may have removed the cause. */
  retry(): void {
    this.#isUrgent = true;
    this.#wake.abort();
  }

  /** Cancels an order in progress. Resolves when nothing is written any more. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const pause = await this.#step().catch((error) => this.#failedToLook(error));
      if (signal.aborted) return;
      await this.#options.clock.sleep(pause, AbortSignal.any([signal, this.#wake.signal]));
      this.#wake = new AbortController();
    }
  }

  /** @returns how long to wait until the next step, in milliseconds. */
  async #step(): Promise<number> {
    const { now } = this.#options.clock;
    if (await this.#isDue()) {
      await using lock = await this.#lock.take();
      if (lock === undefined) return this.#waitForOther();
      this.#isToldOfLock = false;
      // Another proxy may have ordered it meanwhile.
      if (await this.#isDue()) await this.#order();
    }
    return Math.min(Math.max((this.#nextAttempt ?? 0) - now(), 0), LOOK_EVERY);
  }

  async #isDue(): Promise<boolean> {
    const { file, storage, clock, acme } = this.#options;
    await this.#look();
    const renewal = await this.#renewal();
    const failure = await storage.readFailure(file) ?? this.#unwritten;
    // Another certificate may have come since.
    this.#failure = renewal > clock.now() ? undefined : failure;
    const isHeld = failure !== undefined && !this.#isUrgent && isSameSet(failure.names, acme.names);
    this.#nextAttempt = isHeld ? Math.max(renewal, failure.nextAttempt) : renewal;
    return this.#nextAttempt <= clock.now() && !this.#stop.signal.aborted;
  }

  /** When the certificate in use is to be renewed: now, if there is none that fits. */
  async #renewal(): Promise<number> {
    const { clock, server, acme } = this.#options;
    const known = this.#known;
    if (known === undefined || !hasAll(known.names, acme.names)) return clock.now();
    const window = await server.renewalWindow(known.cert, this.#stop.signal);
    return renewalTime(known, { window, fraction: server.fractionOf(known.cert) });
  }

  async #look(): Promise<void> {
    const { file, clock, onChange, acme, log } = this.#options;
    const before = this.#known;
    let isMissing = false;
    try {
      const { cert, names } = await loadCredentials({ cert: file, key: file }, new Date(clock.now()));
      const { validFromDate, validToDate } = new X509Certificate(cert);
      this.#known = { cert, names, notBefore: validFromDate.getTime(), notAfter: validToDate.getTime() };
    } catch (error) {
      if (!(error instanceof CredentialsError)) throw error;
      this.#known = undefined;
      this.#fault = error.message;
      isMissing = error.cause instanceof Deno.errors.NotFound;
    }
    const isFirst = !this.#hasLooked;
    this.#hasLooked = true;
    if (isFirst && this.#known === undefined) {
      const names = acme.names.join(", ");
      // At the first start, that there is no file is no fault.
      const [what, detail] = isMissing
        ? [`No certificate for ${names} yet`, {}]
        : [`Cannot use the certificate for ${names}`, { detail: this.#fault }];
      log.warn(`${what}: clients are refused until an order succeeds`, {
        event: "acme_waiting",
        names: acme.names.join(" "),
        ...detail,
      });
    }
    if (!isFirst && this.#known !== undefined && this.#known.cert !== before?.cert) await onChange();
  }

  async #order(): Promise<void> {
    const { acme, file, storage, server, log, clock } = this.#options;
    const names = acme.names.join(", ");
    log.info(`Ordering a certificate for ${names}`, {
      event: "acme_ordering",
      names: acme.names.join(" "),
      directory: acme.directory,
    });
    try {
      const replaces = this.#known && hasAll(this.#known.names, acme.names) ? this.#known.cert : undefined;
      const issued = await server.order({ acme, storage, replaces, signal: this.#stop.signal });
      checkIssued(issued, acme, clock.now());
      await storage.writeCertificate(file, issued);
      await this.#look();
      if (this.#known === undefined) throw useless(this.#fault);
      const renewal = await this.#renewal();
      this.#issued += 1;
      // Without a pause, one order would follow the other.
      if (renewal <= clock.now()) throw new AcmeError(RENEWED_AT_ONCE);
      await storage.clearFailure(file);
      this.#failure = this.#unwritten = undefined;
      this.#isUrgent = false;
      this.#nextAttempt = renewal;
      log.info(`The certificate for ${names} is here`, {
        event: "acme_issued",
        names: acme.names.join(" "),
        until: new Date(this.#known.notAfter).toISOString(),
        renewal: new Date(renewal).toISOString(),
      });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      await this.#orderFailed(error);
    }
  }

  async #orderFailed(error: unknown): Promise<void> {
    const { acme, file, storage, clock } = this.#options;
    this.#isUrgent = false;
    this.#failed += 1;
    const attempts = (this.#failure?.attempts ?? 0) + 1;
    const asked = error instanceof AcmeError ? error.retryAfter ?? 0 : 0;
    const pause = Math.max(backOff(attempts, this.#known, clock.random()), asked);
    this.#nextAttempt = clock.now() + pause;
    const said = failureText(error, file);
    this.#failure = { attempts, nextAttempt: this.#nextAttempt, error: said, names: acme.names };
    const meanwhile = this.#known === undefined
      ? "Clients are refused"
      : `The one in use is valid until ${new Date(this.#known.notAfter).toISOString()}`;
    const next = formatDuration(Math.max(1000, Math.round(pause / 1000) * 1000));
    this.#options.log.error(
      `Cannot get a certificate for ${acme.names.join(", ")}: ${said}. ${meanwhile}; next attempt in ${next}`,
      {
        event: "acme_failed",
        names: acme.names.join(" "),
        attempts,
        next_attempt: new Date(this.#nextAttempt).toISOString(),
        ...error instanceof AcmeError && error.type !== undefined ? { problem: error.type } : {},
      },
    );
    this.#unwritten = this.#failure;
    await storage.writeFailure(file, this.#failure);
    this.#unwritten = undefined;
  }

  #waitForOther(): number {
    if (!this.#isToldOfLock) {
      const { acme, log } = this.#options;
      log.info(`Another proxy is ordering the certificate for ${acme.names.join(", ")}`, {
        event: "acme_waits",
        names: acme.names.join(" "),
        holder: this.#lock.holder,
      });
    }
    this.#isToldOfLock = true;
    return LOOK_WHILE_LOCKED;
  }

  /** The folder cannot be used now. */
  #failedToLook(error: unknown): number {
    if (this.#stop.signal.aborted) return 0;
    this.#failed += 1;
    const { acme, file, log } = this.#options;
    log.error(`Cannot manage the certificate for ${acme.names.join(", ")}: ${failureText(error, file)}`, {
      event: "acme_failed",
      names: acme.names.join(" "),
    });
    return LOOK_EVERY;
  }
}

function isSameSet(one: readonly string[], other: readonly string[]): boolean {
  const set = new Set(one);
  return set.size === new Set(other).size && other.every((name) => set.has(name));
}

function failureText(error: unknown, file: string): string {
  if (error instanceof AcmeError) return error.message;
  if (error instanceof Error && error.name in Deno.errors) {
    return `${writeFault(error, file).fault} ("${file}")`;
  }
  return messageOf(error);
}
