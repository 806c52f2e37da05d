/** A lock between processes, on one machine or several: a file with its owner, which the owner renews. */

import { randomUUID } from "node:crypto";
import { answerWithin } from "../../files/answer_within.ts";
import { createNew, readIfThere, removeIfThere } from "./storage.ts";

/** Milliseconds between renewals by the owner. */
const RENEW_EVERY = 5000;
/**
 * Milliseconds after which a lock that has not changed is taken away: its owner has died. The waiter measures them by
 * its own clock, as clocks of two machines differ.
 */
export const STALE_AFTER = 30_000;

export interface LockOptions {
  readonly path: string;
  /** Names the holder, for people. */
  readonly owner: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** What a waiter has seen of a lock of another process. */
interface Seen {
  readonly content: string;
  readonly since: number;
}

/** One for each process and lock. */
export class FileLock {
  readonly #options: LockOptions;
  #seen: Seen | undefined;

  constructor(options: LockOptions) {
    this.#options = options;
  }

  /** The holder, when the last attempt to take it failed. */
  get holder(): string | undefined {
    const owner = this.#seen && parse(this.#seen.content)?.owner;
    return typeof owner === "string" ? owner : undefined;
  }

  /** Takes the lock; undefined while another process has it. Dispose of it to release it. */
  async take(): Promise<HeldLock | undefined> {
    const { path, owner, now } = this.#options;
    const held = new HeldLock(path, owner, now);
    if (await createNew(path, held.content)) {
      this.#seen = undefined;
      held.keep();
      return held;
    }
    const content = await readIfThere(path);
    if (content === undefined) return undefined;
    if (this.#seen?.content !== content) this.#seen = { content, since: now() };
    else if (now() - this.#seen.since >= STALE_AFTER) {
      // Two waiters may remove it at once, and one of them that of the other: then two order, and nothing breaks.
      await removeIfThere(path);
      this.#seen = undefined;
    }
    return undefined;
  }
}

/** A lock of this process. */
class HeldLock implements AsyncDisposable {
  readonly #path: string;
  readonly #owner: string;
  readonly #id = randomUUID();
  readonly #now: () => number;
  #timer: ReturnType<typeof setInterval> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string, owner: string, now: () => number) {
    this.#path = path;
    this.#owner = owner;
    this.#now = now;
  }

  get content(): string {
    return `${
      JSON.stringify({ owner: this.#owner, id: this.#id, at: new Date(this.#now()).toISOString() })
    }\n`;
  }

  /** Renews it until it is released. */
  keep(): void {
    this.#timer = setInterval(() => this.#writing = this.#writing.then(() => this.#renew()), RENEW_EVERY);
  }

  /** Only its own: another process may have taken it away. */
  async #renew(): Promise<void> {
    try {
      if (!await this.#isOwn()) return;
      await answerWithin(this.#path, () => Deno.writeTextFile(this.#path, this.content, { create: false }));
    } catch {
      // Another process takes the lock after a while, and orders a second certificate: nothing breaks.
    }
  }

  async #isOwn(): Promise<boolean> {
    const content = await readIfThere(this.#path);
    return content !== undefined && parse(content)?.id === this.#id;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#writing;
    if (await this.#isOwn().catch(() => false)) await removeIfThere(this.#path).catch(() => {});
  }
}

function parse(content: string): { readonly owner?: unknown; readonly id?: unknown } | undefined {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}
