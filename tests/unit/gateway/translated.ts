/** Translates objects that a test gives, and shows the result in short. */

import { atOnce } from "../../../src/config/input/steps.ts";
import { documentOf } from "../../../src/gateway/port_document.ts";
import {
  CLASSES,
  type Collection,
  GATEWAYS,
  GRANTS,
  keyOf,
  NAMESPACES,
  routesOf,
  secretCalled,
  servicesIn,
  slicesIn,
} from "../../../src/gateway/cluster/collection.ts";
import { type Known, Snapshot } from "../../../src/gateway/cluster/snapshot.ts";
import { metaOf } from "../../../src/gateway/resources/meta.ts";
import { type PortFailures, statusUpdates } from "../../../src/gateway/translation/statuses.ts";
import {
  type GatewayOptions,
  translate,
  type Translation,
} from "../../../src/gateway/translation/translate.ts";
import {
  type JsonObject,
  listOf,
  objectOf,
} from "../../../src/upstream/discovery/kubernetes/endpoint_slice.ts";

export const NOW = "2026-06-01T12:00:00Z";

/** The collection that an object is in. */
export function collectionOf(object: JsonObject): Collection {
  const { namespace, name } = metaOf(object);
  switch (object.kind) {
    case "GatewayClass":
      return CLASSES;
    case "Gateway":
      return GATEWAYS;
    case "ReferenceGrant":
      return GRANTS;
    case "Namespace":
      return NAMESPACES;
    case "Service":
      return servicesIn(namespace);
    case "EndpointSlice":
      return slicesIn(namespace);
    case "Secret":
      return secretCalled({ namespace, name });
    default:
      return routesOf(object.kind as "TCPRoute" | "TLSRoute");
  }
}

/** @param refusals Why collections cannot be read, by their paths. */
export function snapshotOf(
  objects: readonly JsonObject[],
  refusals: Readonly<Record<string, string>> = {},
): Snapshot {
  const found = Map.groupBy(objects, (object) => keyOf(collectionOf(object)));
  return new Snapshot((key): Known => ({ objects: found.get(key) ?? [], refusal: refusals[key] }));
}

export class Translated {
  readonly translation: Translation;
  readonly #failures: PortFailures;

  constructor(
    objects: readonly JsonObject[],
    options: Partial<GatewayOptions> = {},
    { refusals, failures = new Map() }: {
      readonly refusals?: Readonly<Record<string, string>>;
      readonly failures?: PortFailures;
    } = {},
  ) {
    const all = { className: "sluice", gateway: undefined, addresses: [], service: undefined, ...options };
    this.translation = atOnce(translate(snapshotOf(objects, refusals), all));
    this.#failures = failures;
  }

  /** Where the clients of a port go, in order: `shop.example.com -> a:1*3 b:2 (c.crt)`. */
  port(port: number): string[] | undefined {
    const plan = this.translation.ports.find((each) => each.port === port);
    if (plan === undefined) return undefined;
    const shares = (group: string) =>
      plan.groups.get(group)!.endpoints.map(({ address, weight }) =>
        weight === 1 ? address : `${address}*${weight}`
      ).join(" ").replaceAll("unix:/nonexistent/no-backend", "refused");
    return [
      ...plan.routes.map(({ sni, pairs, group }) => {
        const ends = pairs.length === 0 ? "" : " (ends TLS)";
        return `${sni?.join(",") ?? "any"} -> ${shares(group)}${ends}`;
      }),
      ...plan.upstream === undefined ? [] : [`all -> ${shares(plan.upstream)}`],
    ];
  }

  /** The configuration of a port. */
  document(port: number) {
    const plan = this.translation.ports.find((each) => each.port === port)!;
    return atOnce(documentOf(plan, { host: "", directory: "/certificates", defaults: {} }));
  }

  /** What would be written into the status of an object; undefined if nothing would. */
  status(kind: string, name: string): JsonObject | undefined {
    return atOnce(statusUpdates(this.translation, this.#failures, NOW))
      .find(({ what }) => what === `${kind} ${name}`)?.status;
  }

  /** The conditions of a Gateway in short: `Accepted=True Programmed=False(Invalid)`. */
  gateway(name: string): string {
    return shown(this.status("Gateway", name)?.conditions);
  }

  /** Those of a listener, with the kinds and the number of its routes. */
  listener(gateway: string, name: string): string {
    const all = listOf(this.status("Gateway", gateway)?.listeners).map(objectOf);
    const { conditions, supportedKinds, attachedRoutes } = all.find((each) => each.name === name)!;
    const kinds = listOf(supportedKinds).map((each) => objectOf(each).kind).join(",");
    return `${attachedRoutes} [${kinds}] ${shown(conditions)}`;
  }

  /** Those of a route for each of its parents. */
  route(kind: "TCPRoute" | "TLSRoute", name: string): string[] {
    return listOf(this.status(kind, name)?.parents).map((each) => shown(objectOf(each).conditions));
  }
}

function shown(conditions: unknown): string {
  return listOf(conditions).map(objectOf).map(({ type, status, reason }) =>
    reason === type || reason === "NoConflicts" ? `${type}=${status}` : `${type}=${status}(${reason})`
  ).join(" ");
}
