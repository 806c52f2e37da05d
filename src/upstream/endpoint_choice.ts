/** Which endpoints of a group a client may get. */

import type { Endpoint } from "./endpoint.ts";
import type { Choice } from "./policy.ts";

/** What must be known of an endpoint for a client to get it: that a check found it up, that none found it down, nothing. */
export type Trust = "found_up" | "not_down" | "any";
/** In the order in which they are asked for. */
export const TRUST: readonly Trust[] = ["found_up", "not_down", "any"];

/** What a policy is asked. One object serves all choices of a group, as each is made at once. */
export class EndpointChoice implements Choice<Endpoint> {
  endpoints: readonly Endpoint[] = [];
  client = "";
  /** Whether one that could have been chosen was full. */
  sawFull = false;
  #tried: readonly Endpoint[] = [];
  #areChecked = false;
  #trust: Trust = "found_up";

  begin(client: string, tried: readonly Endpoint[], areChecked: boolean): this {
    this.client = client;
    this.sawFull = false;
    this.#tried = tried;
    this.#areChecked = areChecked;
    return this;
  }

  among(endpoints: readonly Endpoint[], trust: Trust): this {
    this.endpoints = endpoints;
    this.#trust = trust;
    return this;
  }

  isAllowed(endpoint: Endpoint): boolean {
    if (!this.#isTrusted(endpoint) || this.#tried.includes(endpoint)) return false;
    // Asked once: another thread may change it at any time.
    const { isFull } = endpoint;
    if (isFull) this.sawFull = true;
    return !isFull;
  }

  /** Not to be chosen any more for this client. */
  wasFull(endpoint: Endpoint): void {
    this.sawFull = true;
    this.#tried = [...this.#tried, endpoint];
  }

  /** Whether there are some of the trust that was asked for, so that those with less are not to be used. */
  hasUsable(endpoints: readonly Endpoint[]): boolean {
    // One that was found up, and could not be reached all the same, is no reason against one that is yet to be checked.
    return endpoints.some((endpoint) =>
      this.#isTrusted(endpoint) && (this.#trust !== "found_up" || !this.#tried.includes(endpoint))
    );
  }

  #isTrusted(endpoint: Endpoint): boolean {
    if (this.#trust === "any") return endpoint.state.admin === "up";
    return endpoint.isUp &&
      !(this.#trust === "found_up" && this.#areChecked && endpoint.state.health === "unknown");
  }
}
