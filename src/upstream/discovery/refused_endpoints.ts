/** The endpoints of a group for which the counters have no row left: they come in when one becomes free. */

import type { Log } from "../../observe/log/log.ts";
import type { EndpointSpec } from "../endpoint.ts";

/**
 * How long until the next try, in milliseconds. A removed endpoint keeps its place until its last connection, in any
 * thread, has ended. Threads send no message when that happens, so it is polled.
 */
const RETRY_AFTER = 1000;

export class RefusedEndpoints {
  readonly #upstream: string;
  readonly #log: Log;
  readonly #retry: (specs: readonly EndpointSpec[]) => void;
  #refused = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param retry Is called with all endpoints of the group, and calls {@linkcode set} again. */
  constructor(upstream: string, log: Log, retry: (specs: readonly EndpointSpec[]) => void) {
    this.#upstream = upstream;
    this.#log = log;
    this.#retry = retry;
  }

  /** `refused` of these endpoints had no place. Logs it if that has changed. */
  set(specs: readonly EndpointSpec[], refused: number): void {
    this.stop();
    if (refused > 0 && refused !== this.#refused) this.#logRefused(refused);
    this.#refused = refused;
    if (refused > 0) this.#timer = setTimeout(() => this.#retry(specs), RETRY_AFTER);
  }

  /** Tries no more. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #logRefused(refused: number): void {
    const what = refused === 1 ? "1 endpoint" : `${refused} endpoints`;
    this.#log.error(`${this.#upstream}: ${what} ignored, the table of all endpoints is full`, {
      event: "endpoint_refused",
      upstream: this.#upstream,
      refused,
    });
  }
}
