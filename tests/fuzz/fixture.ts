/** A running sluice with services of many kinds, their upstreams, and what can be known of it from outside. */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Admin } from "../support/program/admin.ts";
import type { KeyPair } from "../support/certificates.ts";
import { WatchedProgram } from "../support/program/watched_program.ts";
import { AccessLog } from "./access_log.ts";
import { Arrivals } from "./peers/arrivals.ts";
import { Changes } from "./peers/changes.ts";
import { Figures } from "./figures.ts";
import { Resources } from "./resources.ts";
import { configText, type Place, type Reloadable, serviceName, type ServiceRow } from "./services.ts";

/** What all programs of a run share. */
export interface Premises {
  readonly directory: string;
  readonly certificate: KeyPair;
  /** Path of a PEM file, and what is in it. */
  readonly authority: string;
  readonly authorityText: string;
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
  readonly address: string;
  readonly arrivals: Arrivals;
  readonly changes: Changes;
}

interface Service extends Place {
  readonly arrivals: Arrivals;
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
  /** Lines of its log that should not be there, and its end. */
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
    return this.#services.map(({ row, name, arrivals, changes }, index) => ({
      fixture: this,
      row,
      name,
      arrivals,
      changes,
      address: this.#program.ready.services[index]!.listen[0]!,
    }));
  }

  get authorityText(): string {
    return this.#options.premises.authorityText;
  }

  async figures(): Promise<Figures> {
    return new Figures(await this.admin.metricsText());
  }

  /** Changes the configuration, one reload after the other. Throws when it is refused. */
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
    for (const { arrivals } of this.#services) arrivals.stop();
    this.access?.[Symbol.dispose]();
    this.resources?.[Symbol.dispose]();
    await Deno.remove(this.#directory, { recursive: true });
  }

  async #start(): Promise<void> {
    const { rows, premises } = this.#options;
    await Deno.mkdir(this.#directory);
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
        socketPath: join(this.#directory, `${name}.sock`),
        endpoints: arrivals.addresses,
        reloadable: { version: 0, buffer: undefined, weight: 1 },
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
    this.access = new AccessLog(this.#accessLog);
    const idle = async () => (await this.figures()).sum("sluice_pool_idle_connections");
    this.resources = await Resources.of(this.#program.pid, idle);
  }

  #alarm(what: string): void {
    this.alarms.push(what);
    for (const { changes } of this.#services) changes.tell();
  }

  get #configPath(): string {
    return join(this.#directory, "sluice.yaml");
  }

  get #accessLog(): string {
    return join(this.#directory, "access.log");
  }

  async #write(): Promise<void> {
    const { workers, premises: { certificate, authority } } = this.#options;
    const text = configText({
      workers,
      certificate,
      authority,
      accessLog: this.#accessLog,
      services: this.#services.map((service) => ({ ...service, ...service.reloadable })),
      hasExtra: this.#hasExtra,
    });
    await Deno.writeTextFile(`${this.#configPath}.new`, text);
    await Deno.rename(`${this.#configPath}.new`, this.#configPath);
  }
}
