/** The load: clients that connect at random, each with a script, and a verdict on each visit. */

import type { AccessLines } from "../verdict/access_lines.ts";
import { sleep } from "../clock.ts";
import { enter, type Entered, enterRaw, type ServiceTarget } from "./service_client.ts";
import type { Incidents, Loss } from "../verdict/incidents.ts";
import { Random } from "../../support/random.ts";
import { type Script, SCRIPTS, type Session } from "./scripts.ts";
import { Intake, WrongBytesError } from "./talk.ts";
import type { Reports } from "../changes/upstreams.ts";

/** A visit that takes longer counts as hung, in milliseconds: three long pauses on a busy machine. */
const LONGEST = 200_000;
/** The interval at which the clients that are due connect, in milliseconds. */
const TICK = 20;

export interface TrafficParts {
  /** The target of a service; undefined while it is removed. */
  readonly doorOf: (service: string) => ServiceTarget | undefined;
  readonly reports: Reports;
  readonly incidents: Incidents;
  readonly lines: AccessLines;
  /** Called with each fault. */
  readonly onWrong: (what: string) => void;
}

/** The results of visits. */
export interface Tally {
  /** Visits that have ended. */
  ended: number;
  /** Visits that were lost for a known reason, by the reason. */
  excused: Record<string, number>;
  /** Visits that have ended, by script. */
  byScript: Record<string, number>;
  /** Bytes that clients have read, by service. */
  received: Record<string, number>;
}

export class Traffic {
  readonly tally: Tally = { ended: 0, excused: {}, byScript: {}, received: {} };
  readonly #parts: TrafficParts;
  readonly #rate: number;
  readonly #random: Random;
  readonly #open = new Map<Promise<void>, string>();
  #last = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #ending = new AbortController();

  /** @param rate Visits a second. */
  constructor(parts: TrafficParts, rate: number, random: Random) {
    this.#parts = parts;
    this.#rate = rate;
    this.#random = random;
  }

  /** Visits in progress. */
  get open(): number {
    return this.#open.size;
  }

  start(): void {
    this.#ending = new AbortController();
    let at = performance.now();
    let due = 0;
    this.#timer = setInterval(() => {
      const now = performance.now();
      // After a pause of this process, clients do not all connect at once.
      due += Math.min(now - at, 5 * TICK) * this.#rate / 1000 * 2 * this.#random.next();
      at = now;
      for (; due >= 1; due--) this.#begin();
    }, TICK);
  }

  /** Starts no more visits, and ends all waits. Resolves with the visits that do not end in time. */
  async pause(patience: number): Promise<string[]> {
    clearInterval(this.#timer);
    this.#ending.abort();
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, patience);
    await Promise.race([Promise.all(this.#open.keys()), late.promise]);
    clearTimeout(timer);
    return [...this.#open.values()];
  }

  #begin(): void {
    const script = this.#random.pickWeighted(SCRIPTS);
    const service = this.#random.pick(script.services);
    const random = this.#random.fork();
    const target = this.#parts.doorOf(service);
    if (target === undefined) return;
    const visit = ++this.#last;
    const done = this.#visit(visit, script, target, random).finally(() => this.#open.delete(done));
    this.#open.set(done, `visit ${visit}, "${script.name}" at ${service}`);
  }

  async #visit(visit: number, script: Script, target: ServiceTarget, random: Random): Promise<void> {
    const { service } = target;
    const from = performance.now();
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error(`Not done after ${LONGEST / 1000} s`)), LONGEST);
    let entered: Entered | undefined;
    let intake: Intake | undefined;
    try {
      entered = await this.#enter(script, target, random);
      intake = new Intake(entered.wire);
      const played = script.play(this.#session(visit, service, entered, intake, random));
      played.catch(() => {});
      await Promise.race([played, late.promise]);
    } catch (error) {
      const wasServed = intake !== undefined && intake.received > 0;
      const loss = { service, client: entered?.client, from, to: performance.now(), wasServed };
      await this.#judge(`Visit ${visit}, "${script.name}" at ${service}`, loss, error);
    } finally {
      clearTimeout(timer);
      entered?.wire.close();
      this.#parts.reports.forget(visit);
      this.#count(script, service, intake?.received ?? 0);
    }
  }

  async #enter({ isRaw }: Script, target: ServiceTarget, random: Random): Promise<Entered> {
    if (isRaw) return { ...await enterRaw(target), client: undefined };
    // Only one service uses the addresses of clients.
    return await enter(
      target,
      target.service === "limited" ? `127.0.0.${random.integer(11, 15)}` : "127.0.0.1",
    );
  }

  #session(visit: number, service: string, { wire }: Entered, intake: Intake, random: Random): Session {
    const { reports } = this.#parts;
    const { signal } = this.#ending;
    return {
      visit,
      service,
      wire,
      intake,
      random,
      pause: (milliseconds) => sleep(milliseconds, signal),
      reported: () => reports.of(visit),
    };
  }

  async #judge(visitor: string, loss: Loss, error: unknown): Promise<void> {
    const { lines, incidents, onWrong } = this.#parts;
    const line = loss.client === undefined
      ? undefined
      : await lines.find(loss.service, loss.client, loss.from);
    const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const logged = line === undefined ? "no line in the access log" : JSON.stringify(line);
    const excuse = error instanceof WrongBytesError ? undefined : incidents.excuseFor(loss, line);
    if (excuse === undefined) {
      return onWrong(`${visitor} (${loss.client ?? "no address"}): ${what}; ${logged}`);
    }
    this.tally.excused[excuse] = (this.tally.excused[excuse] ?? 0) + 1;
  }

  #count({ name }: Script, service: string, received: number): void {
    const { tally } = this;
    tally.ended += 1;
    tally.byScript[name] = (tally.byScript[name] ?? 0) + 1;
    tally.received[service] = (tally.received[service] ?? 0) + received;
  }
}
