/** How the health checks of groups begin: as the connections of clients do that they stand for. */

import type { Config, GroupConfig, ServiceConfig } from "./config.ts";
import { groupsOf } from "./groups.ts";

/** What a check says before anything else. */
export interface CheckLegConfig {
  readonly proxyProtocol: "v1" | "v2" | undefined;
  /** The service by whose `upstreamTls` TLS is made; undefined is none. */
  readonly tlsOf: ServiceConfig | undefined;
}

/** By the names of those groups that are checked. */
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

/** What a group does not say itself is as in the services that use it, which are alike in that. */
function checkLegOf({ healthCheck }: GroupConfig, users: readonly ServiceConfig[]): CheckLegConfig {
  const tlsOf = healthCheck?.tls === false
    ? undefined
    : users.find(({ upstreamTls }) => upstreamTls !== undefined);
  const header = healthCheck?.proxyProtocol ?? users[0]?.sendProxyProtocol;
  return { proxyProtocol: header === "none" ? undefined : header, tlsOf };
}
