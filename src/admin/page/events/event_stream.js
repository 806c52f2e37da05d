/** Reads the events of the admin interface while the page is open, and reconnects. */

import { ApiError } from "../api.js";
import { dataOfEvents } from "./server_sent_events.js";

/** @import { Api } from "../api.js" */
/** @import { AdminEvent } from "../../views.ts" */

/** The connection is considered dead after this long without data, in milliseconds; figures come every second. */
const SILENCE = 6000;

/** Between attempts, in milliseconds; doubled after each. */
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 15_000;

/**
 * @typedef {object} StreamListener
 * @property {(event: AdminEvent) => void} onEvent
 * @property {(reason: string, retryAt: number) => void} onLost `retryAt` is in milliseconds since 1970
 * @property {() => void} onUnauthorised the stream has stopped; call `start` with another token
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

  /** Connects now, even if it is connected or waits to reconnect. */
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
