/** Decides which connections a fault acts on, once for each, from only the configuration and the connection. */

import { ServerNameSet } from "../wire/client_hello/server_names.ts";
import { CidrSet } from "../wire/ip/cidr.ts";
import { randomOf } from "./seed.ts";
import type { Trigger } from "./trigger.ts";

/** A connection that a fault may act on. */
export interface Candidate {
  /** The seed of the run. */
  readonly seed: number | string;
  readonly service: string;
  /** The number of the connection in its service, from 1. */
  readonly number: number;
  /** How many connections the service had seen when the fault was added. */
  readonly addedAt: number;
  /** The client's IP address; empty for a unix socket. */
  readonly clientIp: string;
  /** The name in the ClientHello. */
  readonly serverName: string | undefined;
}

export type Selection = (candidate: Candidate) => boolean;

/**
 * Compiles the conditions of a trigger on connections.
 *
 * @param fault The name of the fault.
 * @throws {SyntaxError} when `client` has anything but addresses and blocks, or `sni` anything but server names.
 */
export function selectionOf(fault: string, trigger: Trigger): Selection {
  const { every, first, probability } = trigger;
  const blocks = trigger.client && new CidrSet(trigger.client);
  const names = trigger.sni && new ServerNameSet(trigger.sni);
  return ({ seed, service, number, addedAt, clientIp, serverName }) => {
    // This does not count connections from before the fault.
    const position = number - addedAt;
    if (every !== undefined && (position < 1 || position % every !== 0)) return false;
    if (first !== undefined && (position < 1 || position > first)) return false;
    if (blocks?.has(clientIp) === false) return false;
    if (names !== undefined && (serverName === undefined || !names.has(serverName))) return false;
    return probability === undefined ||
      randomOf(seed, service, fault, number, "selection")() < probability;
  };
}
