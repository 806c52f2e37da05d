/** The groups that a service uses. */

import type { GroupConfig, ServiceConfig } from "./config.ts";

/** Where the connections of a service can go, each group once, its own upstream last; then its mirror. */
export function groupsOf({ mirror, ...service }: ServiceConfig): GroupConfig[] {
  return [...new Set([...targetsOf(service), ...mirror === undefined ? [] : [mirror.upstream]])];
}

/** The same without the mirror. */
export function targetsOf({ routes, upstream }: Pick<ServiceConfig, "routes" | "upstream">): GroupConfig[] {
  return [
    ...new Set([...routes.map((route) => route.upstream), ...upstream === undefined ? [] : [upstream]]),
  ];
}
