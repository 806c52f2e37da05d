/** How health checks start their connections: as connections of clients do. */

import type { Config, GroupConfig, ServiceConfig } from "../config.ts";
import { groupsOf } from "./groups.ts";

/** What a check sends first. */
export interface CheckLegConfig {
  readonly proxyProtocol: "v1" | "v2" | undefined;
  /** The service whose `upstreamTls` the check uses; undefined means no TLS. */
  readonly tlsOf: ServiceConfig | undefined;
}

/** By the names of the groups that have health checks. */
export function checkLegsOf({ services, upstreams }: Pick<Config, "services" | "upstreams">) {
  const users = Map.groupBy(
    services.flatMap((service) => groupsOf(service).map(({ name }) => ({ name, service }))),
    ({ name }) => name,
  );
  return new Map(
    upstreams.filter(({ healthCheck }) => healthCheck !== undefined).map((group) => {
      const own = users.get(group.name)?.map(({ service }) => service) ?? [];
      return [group.name, checkLegOf(group, own)];
    }),
  );
}

/** A setting that the group omits comes from the services that use it, which must agree. */
function checkLegOf({ healthCheck }: GroupConfig, users: readonly ServiceConfig[]): CheckLegConfig {
  const tlsOf = healthCheck?.tls === false
    ? undefined
    : users.find(({ upstreamTls }) => upstreamTls !== undefined);
  const header = healthCheck?.proxyProtocol ?? users[0]?.sendProxyProtocol;
  return { proxyProtocol: header === "none" ? undefined : header, tlsOf };
}
