/** What the configuration of a group says of its endpoints. */

import type { GroupConfig, HealthCheckConfig } from "../config/config.ts";
import { formatAddress } from "../net/address.ts";
import { type EndpointSpec, tierOf } from "./endpoint.ts";

/** Endpoints with the same identity are the same endpoint. */
export function identityOf({ address }: EndpointSpec): string {
  return formatAddress(address);
}

export function specsOf({ endpoints }: GroupConfig): EndpointSpec[] {
  return endpoints.map((endpoint) => {
    const { address, weight, maxConnections } = endpoint;
    return { address, weight, maxConnections, tier: tierOf(endpoint) };
  });
}

/** The part of the configuration that a monitor uses. */
export function monitoringOf({ healthCheck, discovery, endpoints }: GroupConfig): unknown {
  return { healthCheck, discovery, endpoints: discovery && endpoints };
}

/** What a health check asks of an endpoint, without how often it does, how long it waits and how many answers count. */
export function questionOf(check: HealthCheckConfig | undefined): unknown {
  if (check === undefined) return undefined;
  const {
    interval: _interval,
    fastInterval: _fast,
    timeout: _timeout,
    rise: _rise,
    fall: _fall,
    ...question
  } = check;
  return question;
}
