/** Where a configuration orders certificates. */

import type { AcmeConfig, Config } from "../../config/config.ts";

export interface AcmeSection {
  /** Of `acme` in the configuration. */
  readonly path: string;
  /** The file of the certificate. */
  readonly file: string;
  readonly acme: AcmeConfig;
}

/** Those of all services and routes, in order. */
export function acmeSections({ services }: Pick<Config, "services">): AcmeSection[] {
  return services.flatMap(({ tls, routes }, index) => {
    const places = [
      { tls, path: `services[${index}]` },
      ...routes.map((route, place) => ({ tls: route.tls, path: `services[${index}].routes[${place}]` })),
    ];
    return places.flatMap(({ tls, path }) => {
      if (!tls || tls.acme === undefined) return [];
      return [{ path: `${path}.tls.acme`, file: tls.certificates[0]!.cert, acme: tls.acme }];
    });
  });
}
