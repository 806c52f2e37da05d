/** Reads the access log of sluice while it is written, and rotates it now and then. */

import { setTimeout as pause } from "node:timers/promises";
import type { AccessLine } from "../../support/program/access_line.ts";

/** The interval at which new lines are read, in milliseconds. */
const LOOK_EVERY = 100;
/** A line is written within this time after its connection has ended, in milliseconds. */
const LATEST = 5000;
/** Lines are kept for this time, in milliseconds: longer than any client is idle. */
const KEPT_FOR = 60_000;

interface Kept {
  readonly line: AccessLine;
  readonly seenAt: number;
}

export interface AccessLinesOptions {
  readonly path: string;
  /** Makes sluice reopen the file. */
  readonly reopen: () => void;
  readonly onLine: (line: AccessLine) => void;
}

export class AccessLines {
  readonly #options: AccessLinesOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #counts = new Map<string, number>();
  #file: Deno.FsFile | undefined;
  #rest = "";
  #isStopped = false;
  #running: Promise<void> = Promise.resolve();
  #rotate = false;

  constructor(options: AccessLinesOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    this.#file?.close();
  }

  /** Moves the file away soon, reads it to its end, and continues with a new one. */
  rotate(): void {
    this.#rotate = true;
  }

  /** The number of lines of a service with this event so far. */
  count(service: string, event: string): number {
    return this.#counts.get(`${service} ${event}`) ?? 0;
  }

  /**
   * Waits for the line of a connection that has just ended; undefined when there is none.
   *
   * @param since Lines from before, in milliseconds of `performance.now()`, are about an earlier client with the same
   * address.
   */
  async find(service: string, client: string, since: number): Promise<AccessLine | undefined> {
    for (const deadline = performance.now() + LATEST; performance.now() < deadline;) {
      const found = this.#kept.get(`${service} ${client}`);
      if (found !== undefined && found.seenAt >= since) return found.line;
      await pause(LOOK_EVERY);
    }
    return undefined;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      await this.#readAll();
      if (this.#rotate) await this.#takeNewFile();
      this.#forget();
      await pause(LOOK_EVERY);
    }
    await this.#readAll();
  }

  async #readAll(): Promise<void> {
    const { path, onLine } = this.#options;
    this.#file ??= await Deno.open(path).catch(() => undefined);
    if (this.#file === undefined) return;
    const buffer = new Uint8Array(262_144);
    const decoder = new TextDecoder();
    for (let count = await this.#file.read(buffer); count !== null; count = await this.#file.read(buffer)) {
      const lines = (this.#rest + decoder.decode(buffer.subarray(0, count), { stream: true })).split("\n");
      this.#rest = lines.pop()!;
      for (const text of lines) {
        const line: AccessLine = JSON.parse(text);
        const key = `${line.service} ${line.client}`;
        this.#kept.delete(key);
        this.#kept.set(key, { line, seenAt: performance.now() });
        this.#counts.set(`${line.service} ${line.event}`, this.count(line.service, line.event) + 1);
        onLine(line);
      }
    }
  }

  async #takeNewFile(): Promise<void> {
    this.#rotate = false;
    const { path, reopen } = this.#options;
    const old = `${path}.old`;
    await Deno.rename(path, old);
    reopen();
    // The last lines still go to the old file, just after the signal, as documented.
    while (!this.#isStopped && await Deno.stat(path).catch(() => null) === null) await this.#lookAgain();
    for (let look = 0; look < 10; look++) await this.#lookAgain();
    this.#file?.close();
    this.#file = undefined;
    await Deno.remove(old);
  }

  async #lookAgain(): Promise<void> {
    await pause(LOOK_EVERY);
    await this.#readAll();
  }

  #forget(): void {
    const before = performance.now() - KEPT_FOR;
    // They are in the order of arrival.
    for (const [key, { seenAt }] of this.#kept) {
      if (seenAt > before) break;
      this.#kept.delete(key);
    }
  }
}
