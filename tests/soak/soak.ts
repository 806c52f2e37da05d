/** The soak: load and changes for the requested time, with pauses in which everything must come to rest. */

import { AccessLines } from "./verdict/access_lines.ts";
import { auditAtRest, Counters } from "./verdict/consistency.ts";
import { becomes, every, sleep } from "./clock.ts";
import type { ServiceTarget } from "./load/service_client.ts";
import { strangenessOf } from "./verdict/expected_ends.ts";
import type { Findings } from "./verdict/findings.ts";
import { Incidents } from "./verdict/incidents.ts";
import { Operators } from "./changes/operators.ts";
import type { Options } from "./options.ts";
import { Random } from "../support/random.ts";
import { Reloads } from "./changes/reloads.ts";
import { lookAt, mostFrequent, type Sample } from "../support/program/process_samples.ts";
import { SERVICES } from "./changes/settings.ts";
import { phases } from "./phases.ts";
import { Fixture } from "./fixture.ts";
import { Traffic } from "./load/traffic.ts";

/** The time limit for visits to end once no client waits any more, in milliseconds. */
const PATIENCE = 60_000;
/** The time limit for sluice to notice that they have ended, in milliseconds. */
const REST_PATIENCE = 15_000;
/**
 * The pause before a rest is measured, in milliseconds: pools keep connections for 2 s, and V8 returns unused memory
 * after about 8 s without work.
 */
const SETTLING = 12_000;

export interface Course {
  /** Samples under load, one a second. */
  readonly underLoad: readonly Sample[];
  /** One sample for each rest, the first after the warm-up. */
  readonly atRest: readonly Sample[];
}

export class Soak implements AsyncDisposable {
  readonly #options: Options;
  readonly #findings: Findings;
  readonly #print: (line: string) => void;
  readonly #fixture: Fixture;
  readonly #incidents = new Incidents();
  readonly #lines: AccessLines;
  readonly #counters = new Counters(SERVICES);
  readonly #reloads: Reloads;
  readonly #operators: Operators;
  readonly #traffic: Traffic;
  readonly #weather: Random;
  readonly #began = performance.now();
  readonly #underLoad: Sample[] = [];
  readonly #atRest: Sample[] = [];

  private constructor(options: Options, fixture: Fixture, print: (line: string) => void) {
    const { program, admin, settings, authority, certificate, configPath: path, findings, members } = fixture;
    const random = new Random(options.seed);
    const [incidents, onWrong] = [this.#incidents, (what: string) => findings.add(what)];
    this.#options = options;
    this.#fixture = fixture;
    this.#findings = findings;
    this.#print = print;
    this.#lines = new AccessLines({
      path: fixture.accessLog,
      reopen: () => program.kill("SIGUSR2"),
      onLine: (line) => {
        const strange = strangenessOf(line);
        if (strange !== undefined) findings.add(`${strange}: ${JSON.stringify(line)}`);
      },
    });
    const parts = { program, admin, settings, incidents, authority, certificate, path, members, onWrong };
    this.#reloads = new Reloads({ ...parts, random: random.fork() });
    this.#operators = new Operators({ ...parts, random: random.fork() });
    const doorOf = (service: string) => this.#doorOf(service);
    const { reports } = fixture;
    this.#traffic = new Traffic(
      { doorOf, reports, incidents, lines: this.#lines, onWrong },
      options.rate,
      random.fork(),
    );
    this.#weather = random.fork();
    this.#lines.start();
  }

  /** Resolves when sluice is ready. */
  static async start(options: Options, findings: Findings, print: (line: string) => void): Promise<Soak> {
    return new Soak(options, await Fixture.start(options.workers, findings), print);
  }

  get course(): Course {
    return { underLoad: this.#underLoad, atRest: this.#atRest };
  }

  /** Runs until the time is over or `stop` aborts; adds every fault to the findings. */
  async run(stop: AbortSignal): Promise<void> {
    const { program } = this.#fixture;
    const dead = new AbortController();
    void program.ended.then(() => dead.abort());
    const signal = AbortSignal.any([stop, dead.signal]);
    for (const minutes of phases(this.#options.minutes)) {
      if (signal.aborted) break;
      await this.#load(minutes * 60_000, signal);
      if (!dead.signal.aborted) await this.#rest();
    }
    await this.#end(dead.signal.aborted);
  }

  /** The work done so far, in one line. */
  get done(): string {
    const { ended, excused, byScript } = this.#traffic.tally;
    const lost = Object.entries(excused).map(([reason, count]) => `${count} ${reason}`).join(", ") || "none";
    const played = Object.entries(byScript).toSorted(([, a], [, b]) => b - a).map(([name, count]) =>
      `${count} ${name}`
    );
    return `${ended} visits (${
      played.join(", ")
    }); lost for a reason: ${lost}; ${this.#reloads.count} reloads, ` +
      `${this.#reloads.refused} of them refused; ${this.#operators.killed} killed, ${this.#operators.outages} outages`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lines.stop();
    await this.#fixture[Symbol.asyncDispose]();
  }

  /** A phase of load. */
  async #load(milliseconds: number, stop: AbortSignal): Promise<void> {
    const over = new AbortController();
    const signal = AbortSignal.any([stop, over.signal]);
    this.#traffic.start();
    const loops = [
      this.#loop("Reload", () => 1000, signal, () => this.#reloads.next()),
      this.#loop(
        "Operator",
        () => this.#weather.integer(500, 2000),
        signal,
        () => this.#operators.act(signal),
      ),
      this.#loop(
        "Outage",
        () => this.#weather.integer(3000, 10_000),
        signal,
        () => this.#operators.outage(signal),
      ),
      this.#loop("Look", () => 1000, signal, () => this.#look()),
      this.#loop("Rotation", () => 45_000, signal, () => Promise.resolve(this.#lines.rotate())),
      this.#loop("Progress", () => 10_000, signal, () => this.#printProgress()),
    ];
    await sleep(milliseconds, stop);
    over.abort();
    await Promise.all(loops);
  }

  async #loop(
    what: string,
    period: () => number,
    signal: AbortSignal,
    act: () => Promise<void>,
  ): Promise<void> {
    await every(period, signal, async () => {
      try {
        await act();
      } catch (error) {
        this.#findings.add(`${what}: ${error instanceof Error ? error.stack : error}`);
      }
    });
  }

  /** Stops all load, and checks that nothing is left over. */
  async #rest(): Promise<void> {
    const hanging = await this.#traffic.pause(PATIENCE);
    for (const visit of hanging) this.#findings.add(`Still not over after ${PATIENCE / 1000} s: ${visit}`);
    const { admin, program } = this.#fixture;
    await this.#reloads.reset();
    const isEmpty = async () => (await admin.metrics()).sum("sluice_connections_active") === 0;
    await becomes(isEmpty, REST_PATIENCE);
    const page = await admin.connections();
    if (page.length > 0) this.#findings.add(`Open without a client: ${JSON.stringify(page)}`);
    const never = new AbortController().signal;
    await sleep(SETTLING, never);
    const metrics = await admin.metrics();
    for (const wrong of auditAtRest(metrics, this.#seen())) this.#findings.add(wrong);
    const looks: Sample[] = [];
    for (let look = 0; look < 15; look++) {
      const sample = await lookAt(program.pid, this.#seconds);
      if (sample !== undefined) looks.push(sample);
      await sleep(200, never);
    }
    const [first] = looks;
    if (first === undefined) return;
    const descriptors = mostFrequent(looks.map((each) => each.descriptors));
    const rssMb = Math.min(...looks.map((each) => each.rssMb));
    this.#atRest.push({ at: first.at, rssMb, descriptors });
    this.#print(`at rest: RSS ${rssMb.toFixed(1)} MB, ${descriptors} descriptors`);
  }

  /** Stops sluice and checks its exit. @param isDead It has already ended by itself. */
  async #end(isDead: boolean): Promise<void> {
    const { program } = this.#fixture;
    if (!isDead) {
      program.kill("SIGTERM");
      const ended = await Promise.race([program.ended, sleep(30_000, new AbortController().signal)]);
      if (ended === undefined) return this.#findings.add("It has not ended 30 s after SIGTERM");
    }
    const { code, signal } = await program.ended;
    if (isDead || code !== 0) {
      const how = signal === null ? `code ${code}` : signal;
      this.#findings.add(
        `It has ended${isDead ? " by itself" : ""} with ${how}; its last lines:\n${
          program.lastLines.join("\n")
        }`,
      );
    }
  }

  async #look(): Promise<void> {
    const { program, admin } = this.#fixture;
    const sample = await lookAt(program.pid, this.#seconds);
    if (sample !== undefined) this.#underLoad.push(sample);
    const metrics = await admin.metrics();
    for (const wrong of this.#counters.look(metrics)) this.#findings.add(wrong);
  }

  #seen() {
    const { tally } = this.#traffic;
    return {
      services: SERVICES,
      received: (service: string) => tally.received[service] ?? 0,
      lines: (service: string, event: string) => this.#lines.count(service, event),
    };
  }

  #doorOf(service: string): ServiceTarget | undefined {
    const { program, authorityCertificate } = this.#fixture;
    const address = program.ready.services.find(({ name }) => name === service)?.listen[0] ??
      this.#reloads.addressOf(service);
    if (address === undefined) return undefined;
    return {
      service,
      address,
      authority: ["tls", "native"].includes(service) ? authorityCertificate : undefined,
    };
  }

  get #seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  #ended = 0;

  #printProgress(): Promise<void> {
    const { ended } = this.#traffic.tally;
    const rate = (ended - this.#ended) / 10;
    this.#ended = ended;
    const last = this.#underLoad.at(-1);
    const figures = last === undefined
      ? ""
      : `RSS ${last.rssMb.toFixed(0)} MB, ${last.descriptors} descriptors, `;
    this.#print(
      `${rate.toFixed(0)} connections/s, ${this.#traffic.open} open, ${figures}` +
        `${this.#reloads.count} reloads, ${this.#findings.count} errors`,
    );
    return Promise.resolve();
  }
}
