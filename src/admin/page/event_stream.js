/** Reads the events of the admin interface, for as long as the page is open. */

import { ApiError } from "./api.js";
import { dataOfEvents } from "./server_sent_events.js";

/** @import { Api } from "./api.js" */
/** @import { AdminEvent } from "../views.ts" */

/** Figures come once a second: after this long without anything the connection is taken for dead, in milliseconds. */
const SILENCE = 6000;

/** Between attempts, in milliseconds; doubled after each. */
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 15_000;

/**
 * @typedef {object} StreamListener
 * @property {(event: AdminEvent) => void} onEvent
 * @property {(reason: string, retryAt: number) => void} onLost `retryAt` is in milliseconds since 1970
 * @property {() => void} onUnauthorised it has stopped; `start` it again with another token
 */

export class EventStream {
  #api;
  #listener;
  #wait = FIRST_WAIT;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  #abort = new AbortController();

  /**
   * @param {Api} api
   * @param {StreamListener} listener
   */
  constructor(api, listener) {
    this.#api = api;
    this.#listener = listener;
  }

  /** Connects now, also when it is waiting to do so or connected already. */
  start() {
    this.stop();
    this.#abort = new AbortController();
    this.#run(this.#abort);
  }

  stop() {
    clearTimeout(this.#retry);
    this.#abort.abort();
  }

  /** @param {AbortController} abort */
  async #run(abort) {
    const { signal } = abort;
    try {
      await this.#read(abort);
      if (!signal.aborted) this.#lost("The admin interface ended the connection");
    } catch (error) {
      if (signal.aborted && signal.reason !== SILENCE) return;
      if (error instanceof ApiError && error.isUnauthorised) this.#listener.onUnauthorised();
      else if (error instanceof ApiError) this.#lost(error.message);
      else this.#lost(signal.aborted ? "The admin interface has gone silent" : "The connection broke");
    }
  }

  /** @param {AbortController} abort */
  async #read(abort) {
    let silence = setTimeout(() => abort.abort(SILENCE), SILENCE);
    try {
      const { body } = await this.#api.request("events", { signal: abort.signal });
      if (body === null) return;
      for await (const data of dataOfEvents(body)) {
        clearTimeout(silence);
        silence = setTimeout(() => abort.abort(SILENCE), SILENCE);
        this.#wait = FIRST_WAIT;
        this.#listener.onEvent(JSON.parse(data));
      }
    } finally {
      clearTimeout(silence);
    }
  }

  /** @param {string} reason */
  #lost(reason) {
    this.#retry = setTimeout(() => this.start(), this.#wait);
    this.#listener.onLost(reason, Date.now() + this.#wait);
    this.#wait = Math.min(2 * this.#wait, LONGEST_WAIT);
  }
}
