/** Writes the status of objects, and no more often than it changes. */

import type { Log } from "../observe/log/log.ts";
import type { ApiClient } from "../upstream/discovery/kubernetes/api_client.ts";
import { apiErrorIn } from "../upstream/discovery/kubernetes/api_error.ts";
import { RequestDeadline } from "../upstream/discovery/request_deadline.ts";
import type { StatusUpdate } from "./translation/statuses.ts";

/** How long the API server may take to answer, in milliseconds. */
const ANSWER_TIMEOUT = 30_000;
/** Requests at the same time. */
const AT_A_TIME = 8;
const NOT_FOUND = 404;
const CONFLICT = 409;
/**
 * The shortest time until the same status is written again that somebody has changed, in milliseconds; it doubles up to
 * the longest. Two controllers that disagree, or a definition that drops a key, must not make a loop.
 */
const SHORTEST_REPEAT = 5000;
const LONGEST_REPEAT = 300_000;

export interface StatusWriterOptions {
  readonly client: Pick<ApiClient, "patch">;
  readonly log: Log;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
}

/** A status that was written. */
interface Written {
  readonly uid: string;
  readonly text: string;
  /** The version of the object before. */
  readonly version: string;
  readonly at: number;
  /** Until it may be written again, in milliseconds. */
  readonly wait: number;
}

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #written = new Map<string, Written>();
  #isFailing = false;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /**
   * Writes several at a time. Resolves with the milliseconds after which to try again, undefined if all is written. Rejects
   * only with the reason of `signal`.
   *
   * @param isOutdated Whether there are newer updates: the rest of these is left out then.
   */
  async write(
    updates: readonly StatusUpdate[],
    signal: AbortSignal,
    isOutdated: () => boolean = () => false,
  ): Promise<number | undefined> {
    const left = [...updates];
    let soonest: number | undefined;
    const writeSome = async () => {
      for (let update = left.shift(); update !== undefined && !isOutdated(); update = left.shift()) {
        const wait = this.#waitFor(update) ?? await this.#patch(update, signal);
        if (wait !== undefined) soonest = Math.min(wait, soonest ?? wait);
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, writeSome));
    return soonest;
  }

  /** Undefined if it can be written now. */
  #waitFor({ path, uid, status, resourceVersion }: StatusUpdate): number | undefined {
    const before = this.#written.get(path);
    if (before === undefined || before.uid !== uid || before.text !== textOf(status)) return undefined;
    // The watch has not brought the new version yet; when it does, all is compared again.
    if (before.version === resourceVersion) return before.wait;
    const left = before.at + before.wait - this.#options.now();
    return left > 0 ? left : undefined;
  }

  async #patch(
    { path, uid, status, resourceVersion, what }: StatusUpdate,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const { client, now } = this.#options;
    using deadline = new RequestDeadline(ANSWER_TIMEOUT, "The API server did not answer in time", signal);
    try {
      const response = await client.patch(path, { metadata: { resourceVersion }, status }, deadline.signal);
      // The watch brings the object that is gone or was changed meanwhile.
      if (response.status === NOT_FOUND || response.status === CONFLICT) {
        await response.body?.cancel();
        return undefined;
      }
      if (!response.ok) throw await apiErrorIn(response);
      await response.body?.cancel();
    } catch (error) {
      signal.throwIfAborted();
      return this.#failed(what, error);
    }
    this.#isFailing = false;
    const text = textOf(status);
    const before = this.#written.get(path);
    const isRepeat = before?.uid === uid && before.text === text;
    const wait = isRepeat ? Math.min(before.wait * 2, LONGEST_REPEAT) : SHORTEST_REPEAT;
    this.#written.set(path, { uid, text, version: resourceVersion, at: now(), wait });
    return undefined;
  }

  #failed(what: string, error: unknown): number {
    const message = error instanceof Error ? error.message : String(error);
    if (!this.#isFailing) {
      this.#options.log.warn(`Cannot write the status of ${what}: ${message}`, {
        event: "gateway_status_failed",
        what,
        error: message,
      });
    }
    this.#isFailing = true;
    return SHORTEST_REPEAT;
  }
}

/** Without times: they differ each time that a status is made anew. */
function textOf(status: unknown): string {
  return JSON.stringify(status, (key, value) => key === "lastTransitionTime" ? undefined : value);
}
