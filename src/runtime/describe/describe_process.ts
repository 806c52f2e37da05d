/** What holds for all services, in words. */

import type { AdminConfig, Config } from "../../config/config.ts";
import { formatDuration } from "../../config/values/duration.ts";
import { formatAddress } from "../../net/address.ts";
import { firstOf, wrap } from "./describe_lines.ts";

/**
 * How many threads relay, where connections are logged, where operators connect, how many connections there may be,
 * when the file is read again and what a stop waits for; nothing of what is as usual.
 */
export function describeProcess({ workers, log, admin, limits, reload, shutdown }: Config): string[] {
  return [
    ...workers === 1 ? [] : [`threads: ${workers === "auto" ? "one per CPU" : workers}`],
    ...describeAccessLog(log),
    ...admin === undefined ? [] : describeAdmin(admin),
    ...limits.connections === 0 ? [] : [`all services: connections ${limits.connections}`],
    ...reload.watch ? ["reload: on SIGHUP, and when the file changes"] : [],
    ...shutdown.delay === 0 ? [] : [describeShutdown(shutdown)],
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

function describeShutdown({ drain, delay }: Config["shutdown"]): string {
  return `shutdown: delay ${formatDuration(delay)}, drain ${formatDuration(drain)}`;
}

/** Of the token only that there is one. */
function describeAdmin({ listen, token, hosts }: AdminConfig): string[] {
  return wrap("admin:", [
    formatAddress(listen),
    ...token === undefined ? [] : ["token ***"],
    ...hosts.length === 0 ? [] : [`hosts ${firstOf(hosts).join(", ")}`],
  ]);
}
