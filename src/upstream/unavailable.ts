/** Why a group has no endpoint for a client. */

import { ProxyError } from "../net/errors.ts";
import type { Endpoint } from "./endpoint.ts";

/**
 * All usable endpoints are full; none is up; an operator has taken out all of them; or none is known.
 */
export type Unavailable = "full" | "down" | "taken_out" | "unknown";

/** A message names this many endpoints. */
const MOST_NAMED = 4;

/** @param waited How long the client has waited for an endpoint, in milliseconds; 0 if it has not. */
export function unavailableError(
  { name, endpoints }: { readonly name: string; readonly endpoints: readonly Endpoint[] },
  why: Unavailable,
  waited = 0,
): ProxyError {
  const details: Record<Unavailable, string> = {
    full: `every endpoint of ${name} has its max_connections`,
    down: `no endpoint of ${name} is up: ${statesOf(endpoints)}`,
    taken_out: `every endpoint of ${name} was taken out by an operator`,
    unknown: `no endpoint of ${name} is known`,
  };
  const detail = waited === 0 ? details[why] : `${details[why]}; waited ${Math.round(waited)} ms`;
  return new ProxyError(why === "full" ? "endpoints_full" : "no_endpoint", "proxy", { detail });
}

function statesOf(endpoints: readonly Endpoint[]): string {
  const named = endpoints.slice(0, MOST_NAMED).map(({ key, state }) => {
    const { admin, isEjected, health } = state;
    return `${key} is ${admin !== "up" ? "taken out" : isEjected ? "ejected" : health}`;
  });
  const more = endpoints.length - named.length;
  return [...named, ...more > 0 ? [`and ${more} more`] : []].join(", ");
}
