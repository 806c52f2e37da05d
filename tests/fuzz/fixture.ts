/** A running sluice with services of many kinds, their upstreams, and its log, metrics and API. */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Admin } from "../support/program/admin.ts";
import type { KeyPair } from "../support/certificates.ts";
import { freePorts } from "../support/peers/sockets.ts";
import { WatchedProgram } from "../support/program/watched_program.ts";
import { AccessLog } from "./access_log.ts";
import { Arrivals } from "./peers/arrivals.ts";
import { CheckServer } from "./peers/checks.ts";
import { Changes } from "./peers/changes.ts";
import { MirrorServer } from "./peers/mirror.ts";
import { Figures } from "./figures.ts";
import { Resources } from "./resources.ts";
import { configText, type Place, type Reloadable, serviceName, type ServiceRow } from "./services.ts";

/** The parts that all programs of a run share. */
export interface Premises {
  readonly directory: string;
  readonly certificate: KeyPair;
  /** The path of a PEM file, and its content. */
  readonly authority: string;
  readonly authorityText: string;
  /** Of clients, where they need one, and the path of the list of those that are revoked. */
  readonly client: KeyPair;
  readonly revoked: string;
}

export interface FixtureOptions {
  readonly premises: Premises;
  readonly workers: number;
  readonly rows: readonly ServiceRow[];
  /** Different for each program of a run. */
  readonly number: number;
}

/** One service, its upstream, and the source of its changes. */
export interface Target {
  readonly fixture: Fixture;
  readonly row: ServiceRow;
  readonly name: string;
  /** One, or those of a range. */
  readonly addresses: readonly string[];
  readonly arrivals: Arrivals;
  readonly changes: Changes;
  readonly mirror: MirrorServer | undefined;
  readonly checks: CheckServer | undefined;
}

interface Service extends Omit<Place, "mirror"> {
  readonly arrivals: Arrivals;
  readonly mirror: MirrorServer | undefined;
  readonly changes: Changes;
  reloadable: Reloadable;
}

export class Fixture implements AsyncDisposable {
  readonly #options: FixtureOptions;
  readonly #services: Service[] = [];
  readonly #directory: string;
  #program!: WatchedProgram;
  #hasExtra = false;
  #reloading: Promise<void> = Promise.resolve();
  #isOver = false;
  admin!: Admin;
  access!: AccessLog;
  resources!: Resources;
  /** Unexpected lines of its log, and its exit. */
  readonly alarms: string[] = [];

  private constructor(options: FixtureOptions) {
    this.#options = options;
    this.#directory = join(options.premises.directory, `fixture-${options.number}`);
  }

  static async start(options: FixtureOptions): Promise<Fixture> {
    const fixture = new Fixture(options);
    try {
      await fixture.#start();
      return fixture;
    } catch (error) {
      await fixture[Symbol.asyncDispose]();
      throw error;
    }
  }

  get workers(): number {
    return this.#options.workers;
  }

  get pid(): number {
    return this.#program.pid;
  }

  get targets(): Target[] {
    return this.#services.map(({ row, name, arrivals, changes, mirror, checks }, index) => ({
      fixture: this,
      row,
      name,
      arrivals,
      changes,
      mirror,
      checks,
      addresses: this.#program.ready.services[index]!.listen,
    }));
  }

  get premises(): Premises {
    return this.#options.premises;
  }

  async figures(): Promise<Figures> {
    return new Figures(await this.admin.metricsText());
  }

  /** Changes the configuration, one reload after the other. Throws when sluice refuses it. */
  async reload(name: string, change: (service: Reloadable) => Reloadable, extra = false): Promise<void> {
    const reloading = this.#reloading.then(async () => {
      const service = this.#services.find((each) => each.name === name)!;
      service.reloadable = change(service.reloadable);
      if (extra) this.#hasExtra = !this.#hasExtra;
      await this.#write();
      const { status, text } = await this.admin.ask("POST", "/api/v1/reload");
      if (status !== 200) throw new Error(`POST /api/v1/reload: ${status} ${text}`);
    });
    this.#reloading = reloading.catch(() => {});
    await reloading;
  }

  async setEndpoint(name: string, address: string, state: string): Promise<void> {
    const path = `/api/v1/upstreams/${name}-group/${encodeURIComponent(address)}`;
    const { status, text } = await this.admin.ask("POST", path, { state });
    if (status !== 200) throw new Error(`POST ${path}: ${status} ${text}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    this.#program?.kill("SIGKILL");
    await this.#program?.ended;
    for (const { arrivals, mirror, checks } of this.#services) {
      arrivals.stop();
      mirror?.stop();
      checks?.stop();
    }
    this.access?.[Symbol.dispose]();
    this.resources?.[Symbol.dispose]();
    await Deno.remove(this.#directory, { recursive: true });
  }

  async #start(): Promise<void> {
    const { rows, premises } = this.#options;
    await Deno.mkdir(this.#directory);
    await Deno.writeTextFile(this.#allowed, "127.0.0.0/8 # clients\n198.51.100.0/24\n");
    for (const [index, row] of rows.entries()) {
      const name = serviceName(row, index);
      const changes = new Changes();
      const arrivals = await Arrivals.listen({
        row,
        name: `u${index}`,
        directory: this.#directory,
        certificate: premises.certificate,
        changes,
      });
      this.#services.push({
        row,
        name,
        arrivals,
        changes,
        listen: row.listen === "range"
          ? `127.0.0.1:${freePorts(2).join("-")}`
          : row.listen === "unix"
          ? `unix:${join(this.#directory, `${name}.sock`)}`
          : "127.0.0.1:0",
        endpoints: arrivals.addresses,
        mirror: row.mirror === "none" ? undefined : MirrorServer.listen(row.mirror, row.pool !== "none"),
        checks: row.checks === "none" ? undefined : CheckServer.listen(),
        reloadable: { version: 0, buffer: undefined, weight: 1, faults: 0, check: 0 },
      });
    }
    await this.#write();
    this.#program = await WatchedProgram.start(
      this.#configPath,
      (line) => this.#alarm(`it has logged: ${line}`),
      fileURLToPath(import.meta.resolve("./stages/preload.ts")),
    );
    void this.#program.ended.then(({ code, signal }) => {
      if (!this.#isOver) {
        this.#alarm(`it has ended with ${signal ?? code}:\n${this.#program.lastLines.join("\n")}`);
      }
    });
    this.admin = new Admin(this.#program);
    this.access = new AccessLog(this.#accessLog, this.workers === 2);
    const idle = async () => (await this.figures()).sum("sluice_pool_idle_connections");
    this.resources = await Resources.of(this.#program.pid, idle);
  }

  #alarm(what: string): void {
    this.alarms.push(what);
    for (const { changes } of this.#services) changes.notify();
  }

  get #configPath(): string {
    return join(this.#directory, "sluice.yaml");
  }

  get #accessLog(): string {
    return join(this.#directory, "access.log");
  }

  get #allowed(): string {
    return join(this.#directory, "allowed.txt");
  }

  async #write(): Promise<void> {
    const { workers, premises: { certificate, authority, revoked } } = this.#options;
    const text = configText({
      workers,
      certificate,
      authority,
      revoked,
      accessLog: this.#accessLog,
      allowed: this.#allowed,
      services: this.#services.map((service) => ({
        ...service,
        ...service.reloadable,
        mirror: service.mirror?.address,
      })),
      hasExtra: this.#hasExtra,
    });
    await Deno.writeTextFile(`${this.#configPath}.new`, text);
    await Deno.rename(`${this.#configPath}.new`, this.#configPath);
  }
}
