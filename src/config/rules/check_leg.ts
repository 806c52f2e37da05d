/** How health checks start their connections: as connections of clients do. */

import type { Config, GroupConfig, HealthCheckConfig, ServiceConfig, UpstreamTlsConfig } from "../config.ts";
import { targetsOf } from "../service_groups.ts";

/** What a check sends first. */
export interface CheckLegConfig {
  readonly proxyProtocol: "v1" | "v2" | undefined;
  /** TLS as a service does it; undefined means none. */
  readonly tls: { readonly service: string; readonly config: UpstreamTlsConfig } | undefined;
}

type User = Pick<ServiceConfig, "name" | "sendProxyProtocol" | "upstreamTls">;

/** By the names of the groups that have health checks. */
export function checkLegsOf({ services, upstreams }: Pick<Config, "services" | "upstreams">) {
  const users = Map.groupBy(services.flatMap(usesOf), ({ name }) => name);
  return new Map(
    upstreams.filter(({ healthCheck }) => healthCheck !== undefined).map((group) => {
      const own = users.get(group.name)?.map(({ service }) => service) ?? [];
      return [group.name, checkLegOf(group, own)];
    }),
  );
}

/** A mirror uses its group as a service without TLS and headers would. */
function usesOf(service: ServiceConfig): { readonly name: string; readonly service: User }[] {
  const { name, mirror } = service;
  const plain = { name, sendProxyProtocol: undefined, upstreamTls: undefined };
  return [
    ...targetsOf(service).map(({ name }) => ({ name, service })),
    ...mirror === undefined ? [] : [{ name: mirror.upstream.name, service: plain }],
  ];
}

/**
 * A setting that the group omits comes from the services that use it, which must agree. On another host or port there
 * is another server: there, a check has neither header nor TLS unless the group sets them.
 */
function checkLegOf(
  { healthCheck: check = {} as HealthCheckConfig }: GroupConfig,
  users: readonly User[],
): CheckLegConfig {
  const isElsewhere = check.address !== undefined || check.port !== undefined;
  const header = check.proxyProtocol ?? (isElsewhere ? "none" : users[0]?.sendProxyProtocol);
  const hasTls = check.tls ?? !isElsewhere;
  const user = hasTls ? users.find(({ upstreamTls }) => upstreamTls !== undefined) : undefined;
  return {
    proxyProtocol: header === "none" ? undefined : header,
    tls: user && { service: user.name, config: checkTls(user.upstreamTls!, check, isElsewhere) },
  };
}

/** The protocol inside TLS is the one of the check. */
function checkTls(
  tls: UpstreamTlsConfig,
  { http }: HealthCheckConfig,
  isElsewhere: boolean,
): UpstreamTlsConfig {
  if (http !== undefined) return { ...tls, starttls: undefined, alpn: ["http/1.1"] };
  return isElsewhere ? { ...tls, starttls: undefined, alpn: [] } : tls;
}
