/** What holds for all services, in words. */

import type { AdminConfig, Config } from "../config/config.ts";
import { formatAddress } from "../net/address.ts";
import { firstOf, wrap } from "./describe_lines.ts";

/** Where connections are logged, where operators connect and how many connections there may be. */
export function describeProcess({ log, admin, limits }: Config): string[] {
  return [
    ...describeAccessLog(log),
    ...admin === undefined ? [] : describeAdmin(admin),
    ...limits.connections === 0 ? [] : [`all services: connections ${limits.connections}`],
  ];
}

/** Nothing, where its lines are among all others and look like them. */
function describeAccessLog({ format, access }: Config["log"]): string[] {
  if (access.path === undefined && access.sample === 1) return [];
  const sample = access.sample === 1 ? [] : [`sample ${access.sample}`];
  // On stderr its lines look like all others.
  const where = access.path === undefined ? ["stderr", format] : [access.path, access.format];
  return wrap("access log:", [...where, ...sample]);
}

/** Of the token only that there is one. */
function describeAdmin({ listen, token, hosts }: AdminConfig): string[] {
  return wrap("admin:", [
    formatAddress(listen),
    ...token === undefined ? [] : ["token ***"],
    ...hosts.length === 0 ? [] : [`hosts ${firstOf(hosts).join(", ")}`],
  ]);
}
