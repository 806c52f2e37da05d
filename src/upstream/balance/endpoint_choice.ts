/** Decides which endpoints of a group a client may get. */

import type { Endpoint } from "../endpoint.ts";
import type { Choice } from "./policy.ts";

/** The required health of an endpoint: a check has found it up, no check has found it down, or any. */
export type Trust = "found_up" | "not_down" | "any";
/** From the most to the least trusted. */
export const TRUST: readonly Trust[] = ["found_up", "not_down", "any"];

/** A client. Only policies that use the address read it. */
export interface ClientAddress {
  /** Without its port; empty for a unix socket. */
  readonly sourceAddress: string;
}

/** The input of a policy. A group uses one object for all choices, because each choice is synchronous. */
export class EndpointChoice implements Choice<Endpoint> {
  endpoints: readonly Endpoint[] = [];
  #client: ClientAddress | undefined;
  /** Whether an eligible endpoint was full. */
  sawFull = false;
  #tried: readonly Endpoint[] = [];
  #areChecked = false;
  #trust: Trust = "found_up";
  readonly #mayUse: (endpoint: Endpoint) => boolean;

  /** @param mayUse Whether an endpoint may be used if all are down. */
  constructor(mayUse: (endpoint: Endpoint) => boolean = ({ state }) => state.admin === "up") {
    this.#mayUse = mayUse;
  }

  get client(): string {
    return this.#client!.sourceAddress;
  }

  begin(client: ClientAddress, tried: readonly Endpoint[], areChecked: boolean): this {
    this.#client = client;
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
    // Read once: another thread may change it at any time.
    const { isFull } = endpoint;
    if (isFull) this.sawFull = true;
    return !isFull;
  }

  /** Excludes an endpoint for this client. */
  wasFull(endpoint: Endpoint): void {
    this.sawFull = true;
    this.#tried = [...this.#tried, endpoint];
  }

  /** Whether there are endpoints at the required level of trust, so that lower levels must not be used. */
  hasUsable(endpoints: readonly Endpoint[]): boolean {
    // If an endpoint was found up but could not be reached, one that was not checked yet may still be used.
    return endpoints.some((endpoint) =>
      this.#isTrusted(endpoint) && (this.#trust !== "found_up" || !this.#tried.includes(endpoint))
    );
  }

  #isTrusted(endpoint: Endpoint): boolean {
    if (this.#trust === "any") return this.#mayUse(endpoint);
    return endpoint.isUp &&
      !(this.#trust === "found_up" && this.#areChecked && endpoint.state.health === "unknown");
  }
}
