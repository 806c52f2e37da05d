/** How the health checks of groups connect, with the contents of the files that they need. */

import type { Config } from "../../config/config.ts";
import { checkLegsOf } from "../../config/rules/check_leg.ts";
import type { CheckLegOptions } from "../../upstream/health/check_leg.ts";
import type { LoadedFiles } from "../files/tls_files.ts";

/** By group name. */
export type CheckLegs = ReadonlyMap<string, CheckLegOptions>;

/** For each group with health checks. */
export function checkLegsIn(config: Config, files: LoadedFiles): CheckLegs {
  const legs = checkLegsOf(config).entries().map(([group, { proxyProtocol, tls }]) => {
    const material = tls && files.get(tls.service)?.upstreamTls;
    return [group, { proxyProtocol, tls: tls && material && { ...tls, material } }] as const;
  });
  return new Map(legs);
}
