/** What a client's connect needs and has found so far. */

import type { Address } from "../net/address.ts";
import type { ClientAddress } from "./balance/endpoint_choice.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Preface } from "./upstream_dialer.ts";
import type { WaitingClient } from "./waiting/wait.ts";

/** The progress of a client's connect. */
export interface Attempts {
  /** The endpoint tried last. */
  endpoint: string;
  attempts: number;
  /** Where the connection leads, if the client chose the host. */
  address?: string | undefined;
}

export interface Search {
  readonly client: ClientAddress;
  /** Where this client goes, if that depends on the client. */
  readonly address: Address | undefined;
  readonly progress: Attempts;
  readonly preface: Preface | undefined;
  readonly waiting: WaitingClient | undefined;
  /** By `performance.now()`. */
  startedAt: number;
  tried: readonly Endpoint[];
}
