/** Writes the status of objects, and no more often than it changes. */

import { createHash } from "node:crypto";
import { messageOf } from "../observe/log/error_text.ts";
import type { Log } from "../observe/log/log.ts";
import type { ApiClient } from "../upstream/discovery/kubernetes/api_client.ts";
import { apiErrorIn, KubernetesApiError } from "../upstream/discovery/kubernetes/api_error.ts";
import { RequestDeadline } from "../upstream/discovery/request_deadline.ts";
import type { StatusUpdate } from "./translation/statuses.ts";

/** How long the API server may take to answer, in milliseconds. */
const ANSWER_TIMEOUT = 30_000;
const NOT_FOUND = 404;
const CONFLICT = 409;
/** A refusal with one of these may be about all objects: a token, rights, or too many requests. */
const GENERAL = [401, 403, 429];
/**
 * The shortest time, in milliseconds, before a status is written again that another writer has changed, or that the API
 * server has refused; it doubles up to the longest. Two controllers that disagree, or a definition that drops a key,
 * must not make a loop.
 */
const SHORTEST_REPEAT = 5000;
const LONGEST_REPEAT = 300_000;
/** Requests at the same time. */
const AT_A_TIME = 8;

export interface StatusWriterOptions {
  readonly client: Pick<ApiClient, "patch">;
  readonly log: Log;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
}

/** What becomes of a round of writes. */
export interface RoundOptions {
  /** Whether there is an object whose status is at this path. Of others, nothing is remembered. */
  readonly exists: (path: string) => boolean;
  /** Whether there are newer updates: the rest of these is left out then. */
  readonly isOutdated: () => boolean;
  readonly signal: AbortSignal;
}

/** A status that was written, or refused. */
interface Tried {
  readonly uid: string;
  /** Of the status without its times. */
  readonly hash: string;
  /** The version of the object before; undefined if the status was not stored. */
  readonly version: string | undefined;
  readonly at: number;
  /** Until it may be written again, in milliseconds. */
  readonly wait: number;
}

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #tried = new Map<string, Tried>();
  /** Paths whose last write failed. */
  readonly #failing = new Set<string>();
  /** The failure that ended a round, until a write succeeds; empty if none did. */
  #lastFailure = "";

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /**
   * Writes several at a time. A failure that may be about all objects ends the round. Resolves with the milliseconds
   * after which to try again, undefined if all is written. Rejects only with the reason of the signal.
   */
  async write(updates: readonly StatusUpdate[], options: RoundOptions): Promise<number | undefined> {
    const { exists, isOutdated, signal } = options;
    for (const path of this.#tried.keys()) if (!exists(path)) this.#tried.delete(path);
    for (const path of this.#failing) if (!exists(path)) this.#failing.delete(path);
    const waits: number[] = [];
    let isEnded = false;
    // Paths that failed come last, so that they do not hold up others.
    const [failed, others] = partition(updates, ({ path }) => this.#failing.has(path));
    const queue = [...others, ...failed].values();
    const writeAll = async () => {
      for (const update of queue) {
        const wait = this.#waitFor(update) ??
          await this.#patch(update, signal, () => isEnded = true);
        if (wait !== undefined) waits.push(wait);
        if (isEnded || isOutdated() || signal.aborted) return;
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, writeAll));
    signal.throwIfAborted();
    return waits.length === 0 ? undefined : Math.min(...waits);
  }

  /** Undefined if it can be written now. */
  #waitFor({ path, uid, status, resourceVersion }: StatusUpdate): number | undefined {
    const before = this.#tried.get(path);
    if (before === undefined || before.uid !== uid || before.hash !== hashOf(status)) return undefined;
    // The watch has not brought the new version yet; when it does, all is compared again.
    if (before.version === resourceVersion) return before.wait;
    const left = before.at + before.wait - this.#options.now();
    return left > 0 ? left : undefined;
  }

  /** @param endRound Called with a failure that may be about all objects. */
  async #patch(
    update: StatusUpdate,
    signal: AbortSignal,
    endRound: () => void,
  ): Promise<number | undefined> {
    const { path, status, resourceVersion } = update;
    using deadline = new RequestDeadline(ANSWER_TIMEOUT, "The API server did not answer in time", signal);
    try {
      const change = { metadata: { resourceVersion }, status };
      const response = await this.#options.client.patch(path, change, deadline.signal);
      // The watch brings the object that is gone or was changed meanwhile.
      const isLate = response.status === NOT_FOUND || response.status === CONFLICT;
      if (!response.ok && !isLate) throw await apiErrorIn(response);
      await response.body?.cancel();
      this.#failing.delete(path);
      this.#lastFailure = "";
      if (!isLate) this.#remember(update, resourceVersion);
      return undefined;
    } catch (error) {
      return signal.aborted ? undefined : this.#failed(update, error, endRound);
    }
  }

  /** The time until it may be tried again. */
  #remember({ path, uid, status }: StatusUpdate, version: string | undefined): number {
    const hash = hashOf(status);
    const before = this.#tried.get(path);
    const isRepeat = before?.uid === uid && before.hash === hash;
    const wait = isRepeat ? Math.min(before.wait * 2, LONGEST_REPEAT) : SHORTEST_REPEAT;
    this.#tried.set(path, { uid, hash, version, at: this.#options.now(), wait });
    return wait;
  }

  #failed(update: StatusUpdate, error: unknown, endRound: () => void): number {
    const { path, what } = update;
    const message = messageOf(error);
    const isAboutObject = error instanceof KubernetesApiError && error.isRefusal &&
      !GENERAL.includes(error.status);
    const isKnown = this.#failing.has(path) || !isAboutObject && message === this.#lastFailure;
    this.#failing.add(path);
    if (!isKnown) {
      this.#options.log.warn(`Cannot write the status of ${what}: ${message}`, {
        event: "gateway_status_failed",
        what,
        error: message,
      });
    }
    if (isAboutObject) return this.#remember(update, undefined);
    this.#lastFailure = message;
    endRound();
    return SHORTEST_REPEAT;
  }
}

function partition<Item>(items: readonly Item[], isFirst: (item: Item) => boolean): [Item[], Item[]] {
  const { true: first = [], false: others = [] } = Object.groupBy(items, (item) => `${isFirst(item)}`);
  return [first, others];
}

/** Without times: they differ each time that a status is made anew. A status may be long, so it is not kept itself. */
function hashOf(status: unknown): string {
  const text = JSON.stringify(status, (key, value) => key === "lastTransitionTime" ? undefined : value);
  return createHash("sha256").update(text).digest("base64");
}
