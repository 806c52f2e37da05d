/** Decides for all threads which endpoint the new clients of a group go to (`stick: endpoint`). */

import type { GroupConfig } from "../../config/config.ts";
import type { Log } from "../../observe/log/log.ts";
import type { StuckEndpoint } from "../../shared/stuck_endpoint.ts";
import type { EndpointController } from "../endpoint_controller.ts";
import { lowestTierOf, usableOf } from "../usable.ts";

type Endpoint = Pick<EndpointController, "id" | "key" | "tier" | "isUp" | "health" | "admin">;

/**
 * How long the first choice waits for other checks once one endpoint is up, and for the first check, in milliseconds.
 */
const GRACE = 100;
const LONGEST_WAIT = 2000;

export class Stick {
  readonly #cell: StuckEndpoint;
  readonly #log: Log;
  readonly #onFirst: () => void;
  #config: GroupConfig;
  #endpoints: readonly Endpoint[] = [];
  #stuck: Endpoint | undefined;
  #wait: { readonly timer: ReturnType<typeof setTimeout>; readonly isShort: boolean } | undefined;
  #isOver = false;

  /** @param onFirst The first endpoint was chosen later than {@linkcode update}: threads may wait for that. */
  constructor(config: GroupConfig, cell: StuckEndpoint, log: Log, onFirst: () => void) {
    this.#config = config;
    this.#cell = cell;
    this.#log = log;
    this.#onFirst = onFirst;
    cell.id = "pending";
  }

  /** The address of the endpoint that is in use. */
  get key(): string | undefined {
    return this.#stuck?.key;
  }

  /**
   * The configuration, the endpoints, or the state of one of them has changed. Call it before threads get the message.
   */
  update(config: GroupConfig, endpoints: readonly Endpoint[], reason: string): void {
    this.#config = config;
    this.#endpoints = endpoints;
    if (config.stick === undefined) return this.#forget();
    const stuck = endpoints.find((endpoint) => endpoint === this.#stuck);
    if (this.#stuck === undefined && this.#awaitsChecks()) return;
    this.#use(this.#choose(stuck), reason);
  }

  /**
   * A client could not connect to the endpoint with this id, in any thread. Moves on to one that the client has not
   * tried; false if it stays, or had moved before.
   */
  failed(id: number, tried: readonly number[], reason: string): boolean {
    if (this.#stuck?.id !== id) return false;
    const others = this.#usable.filter((endpoint) => endpoint.id !== id && !tried.includes(endpoint.id));
    if (others.length === 0) return false;
    this.#use(firstOf(others), reason);
    return true;
  }

  stop(): void {
    this.#forget();
  }

  get #areChecked(): boolean {
    return this.#config.healthCheck !== undefined;
  }

  get #usable(): Endpoint[] {
    return usableOf(this.#endpoints, this.#areChecked);
  }

  /** It stays where it is until that endpoint cannot be used, or `on_recover: close` prefers a lower tier. */
  #choose(stuck: Endpoint | undefined): Endpoint | undefined {
    const usable = this.#usable;
    if (stuck?.isUp === true) {
      const isBetter = this.#config.onRecover?.action === "close" && lowestTierOf(usable)! < stuck.tier;
      if (!isBetter) return stuck;
    }
    if (usable.length > 0) return firstOf(usable);
    // In panic mode it stays too.
    return stuck?.admin === "up" ? stuck : firstOf(this.#endpoints.filter(({ admin }) => admin === "up"));
  }

  /** At first, the result must not depend on which check is the fastest. */
  #awaitsChecks(): boolean {
    const isUnknown = ({ isUp, health }: Endpoint) => isUp && health === "unknown";
    if (this.#isOver || !this.#areChecked || !this.#endpoints.some(isUnknown)) return false;
    const isShort = this.#endpoints.some(({ isUp, health }) => isUp && health === "up");
    if (this.#wait !== undefined && this.#wait.isShort === isShort) return true;
    clearTimeout(this.#wait?.timer);
    const onOver = () => {
      this.#isOver = true;
      this.#use(this.#choose(undefined), "first choice");
      this.#onFirst();
    };
    this.#wait = { timer: setTimeout(onOver, isShort ? GRACE : LONGEST_WAIT), isShort };
    return true;
  }

  #use(endpoint: Endpoint | undefined, reason: string): void {
    clearTimeout(this.#wait?.timer);
    this.#isOver = true;
    const before = this.#stuck;
    this.#stuck = endpoint;
    this.#cell.id = endpoint?.id ?? (this.#endpoints.length > 0 ? "none" : "pending");
    if (endpoint === before) return;
    const { name: upstream } = this.#config;
    const [from, to] = [before?.key, endpoint?.key];
    const fields = { event: "stick_moved", upstream, from, endpoint: to, reason };
    if (from === undefined) this.#log.info(`${upstream}: new clients go to ${to}`, fields);
    else {this.#log.warn(
        `${upstream}: new clients go to ${to ?? "no endpoint"} instead of ${from}, ${reason}`,
        fields,
      );}
  }

  #forget(): void {
    clearTimeout(this.#wait?.timer);
    this.#wait = undefined;
    this.#isOver = false;
    this.#stuck = undefined;
    this.#cell.id = "pending";
  }
}

/** That of the lowest tier; among those, the first in the configuration. */
function firstOf(endpoints: readonly Endpoint[]): Endpoint | undefined {
  const tier = lowestTierOf(endpoints);
  return endpoints.find((endpoint) => endpoint.tier === tier);
}
