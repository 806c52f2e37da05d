/** The plan of a port, as a configuration of sluice. */

import { ConfigError } from "../config/config_error.ts";
import { decodingSteps } from "../config/decode.ts";
import { mapInSteps, type Steps } from "../config/input/steps.ts";
import type { GroupConfig, ServiceConfig } from "../config/config.ts";
import { join } from "node:path";
import { type GroupFaults, withoutFaults } from "./port_faults.ts";
import type { KeyPair } from "./resources/secret.ts";
import type { PlannedRoute, PortPlan } from "./translation/ports.ts";

export interface DocumentOptions {
  /** The address to listen on, such as `10.0.0.1`; empty for all. */
  readonly host: string;
  /** The folder of certificates and keys. */
  readonly directory: string;
  /** Keys that all services have. */
  readonly defaults: Readonly<Record<string, unknown>>;
}

/** A service of sluice, and its groups. */
export interface DecodedPort {
  readonly service: ServiceConfig;
  readonly groups: readonly GroupConfig[];
  /** Why groups refuse clients, all or some of them: what sluice cannot decode is left out. */
  readonly faults: ReadonlyMap<string, string>;
}

/** The most attempts at a plan: each finds all problems of one kind. */
const MOST_ATTEMPTS = 8;

/** The name of the service of a port. */
export function serviceName(port: number): string {
  return `port-${port}`;
}

export function certificateFiles({ id }: KeyPair, directory: string): { cert: string; key: string } {
  return { cert: join(directory, `${id}.crt`), key: join(directory, `${id}.key`) };
}

/** The certificates of a port, each once. */
export function pairsOf({ routes }: PortPlan): KeyPair[] {
  return [...new Map(routes.flatMap(({ pairs }) => pairs).map((pair) => [pair.id, pair])).values()];
}

/**
 * The configuration of a port, in which no route can be at fault for others, in steps of one route or group each.
 *
 * @throws {ConfigError} when sluice cannot do what the plan says, and no route is at fault
 */
export function* decodePort(plan: PortPlan, options: DocumentOptions): Steps<DecodedPort> {
  const faults: GroupFaults = new Map();
  let current = plan;
  for (let attempt = 1;; attempt++) {
    try {
      const document = yield* documentOf(current, options);
      const { services, upstreams } = yield* decodingSteps(document);
      return { service: services[0]!, groups: upstreams, faults };
    } catch (error) {
      if (!(error instanceof ConfigError) || attempt === MOST_ATTEMPTS) throw error;
      const next = withoutFaults(current, error.problems, faults);
      if (next === undefined) throw error;
      current = next;
    }
  }
}

/** The configuration as a file would have it. */
export function* documentOf({ port, routes, upstream, groups }: PortPlan, options: DocumentOptions) {
  const service = {
    name: serviceName(port),
    listen: `${options.host}:${port}`,
    ...routes.length === 0
      ? {}
      : { routes: yield* mapInSteps(routes, (route) => routeDocument(route, options.directory)) },
    ...upstream === undefined ? {} : { upstream },
  };
  const upstreams = yield* mapInSteps(groups, ([name, { endpoints, refuses }]) => [name, {
    endpoints,
    // An endpoint that stands for a backend which cannot be used must refuse its clients, not pass them on.
    ...refuses ? { retry: { attempts: 1 } } : {},
  }]);
  return { defaults: options.defaults, upstreams: Object.fromEntries(upstreams), services: [service] };
}

function routeDocument({ sni, pairs, group }: PlannedRoute, directory: string) {
  return {
    ...sni === undefined ? { protocol: "tls" } : { sni },
    ...pairs.length === 0
      ? {}
      : { tls: { certificates: pairs.map((pair) => certificateFiles(pair, directory)) } },
    upstream: group,
  };
}
