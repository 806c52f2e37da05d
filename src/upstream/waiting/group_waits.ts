/** How clients of a group wait, in one thread: for a place at a full endpoint, or for an endpoint that is up. */

import type { GroupConfig } from "../../config/config.ts";
import type { UpstreamRow } from "../../observe/counters/accounts.ts";
import type { Endpoint } from "../endpoint.ts";
import { PlaceQueue, type Places, type QueueAccounts } from "./place_queue.ts";
import { WaitingRoom } from "./waiting_room.ts";

/** The group that they wait for. */
interface Awaited extends Places {
  readonly row: UpstreamRow;
  readonly config: GroupConfig;
  readonly endpoints: readonly Endpoint[];
  /** Whether an endpoint may be tried. */
  readonly canTry: boolean;
}

export class GroupWaits {
  readonly #group: Awaited;
  #places: PlaceQueue | undefined;
  #room: WaitingRoom | undefined;
  #isRetired = false;
  /** Where clients wait for a place; undefined without `queue`. */
  queue: PlaceQueue | undefined;

  constructor(group: Awaited) {
    this.#group = group;
  }

  /** Whether a client may get this endpoint, which is out of use, while no endpoint is up. */
  mayTry({ state }: Endpoint): boolean {
    const { onAllDown } = this.#group.config;
    // Only another attempt shows whether an ejected endpoint is back; clients that wait make few.
    return this.#isRetired || onAllDown === "try" || onAllDown === "wait" && state.health !== "down";
  }

  /** Whether clients wait while no endpoint can be used. */
  get holds(): boolean {
    return !this.#isRetired && this.#group.config.onAllDown === "wait";
  }

  /** Where they do. */
  get room(): WaitingRoom {
    return this.#room ??= new WaitingRoom(this.#group);
  }

  /** Gives the queue its place in shared memory, at the first call. */
  open(accounts: QueueAccounts | undefined): void {
    if (accounts !== undefined) this.#places ??= new PlaceQueue(this.#group, accounts);
    this.configured();
  }

  /** The configuration has changed. */
  configured(): void {
    this.queue = this.#group.config.queue && this.#places;
    if (this.queue === undefined) this.#places?.dismiss();
  }

  /** The endpoints or the configuration have changed. */
  changed(): void {
    this.queue?.serve();
    if (this.#room === undefined) return;
    if (!this.holds || this.#group.endpoints.some(({ isUp }) => isUp)) this.#room.wake();
  }

  /** A connection was made. */
  connected(): void {
    this.#room?.wake();
  }

  /** The group is removed: its endpoints are no longer checked, so clients do not wait for them. */
  retire(): void {
    this.#isRetired = true;
  }
}
