/** A client that waits until it can be connected. */

import type { ProxyError } from "../../net/errors.ts";
import { Linked } from "../../net/linked_list.ts";
import type { Abortable } from "../endpoint.ts";

/** What a client waits for: a place at a full endpoint, or an endpoint that is up. */
export type WaitState = "queued" | "waiting";

/** The client's side of a wait. */
export interface WaitingClient {
  /** The client waits from now on: aborts `wait` if it leaves or must end, until the result is disposed of. */
  waits(state: WaitState, wait: Abortable): Disposable;
}

/** One wait, which ends once. Disposing of it takes it out of its list. */
export class Wait<Outcome> extends Linked<Wait<Outcome>> implements Abortable {
  readonly #settled = Promise.withResolvers<Outcome>();

  /** Rejects with the error of {@linkcode abort}. */
  get outcome(): Promise<Outcome> {
    return this.#settled.promise;
  }

  end(outcome: Outcome): void {
    this[Symbol.dispose]();
    this.#settled.resolve(outcome);
  }

  /** The client has left, or its time is over. */
  abort(error: ProxyError): void {
    this[Symbol.dispose]();
    this.#settled.reject(error);
  }
}
