/** Where the clients of a service can go: the targets of its routes, and the connectors that these share. */

import type { GroupConfig, ServiceConfig } from "../config/config.ts";
import { type Steps, stepThrough } from "../config/input/steps.ts";
import { EVERY_NAME } from "../config/values/server_name.ts";
import { isChosenByClient } from "../net/address.ts";
import { ProxyError } from "../net/errors.ts";
import { OwnListeners } from "../net/socket/own_listeners.ts";
import { Connector } from "../upstream/connector.ts";
import type { Group } from "../upstream/group.ts";
import { mappingOf, type NameRules } from "../upstream/mapping/mapping.ts";
import type { UpstreamDialerOptions } from "../upstream/upstream_dialer.ts";
import type { ClientFacts } from "./client_facts.ts";
import type { Target } from "./connection_context.ts";
import { FileLists } from "./file_lists.ts";
import { compileRoutes, type RouteMatcher } from "./route.ts";
import type { ServiceTls } from "./tls_termination.ts";
import { CidrSet } from "../wire/ip/cidr.ts";

export interface TargetParts {
  /** Every group of the configuration, by name. */
  readonly groups: ReadonlyMap<string, Group>;
  /** What groups will have once the service begins; their own, unless given. */
  readonly configs?: ReadonlyMap<string, GroupConfig> | undefined;
  readonly lists?: FileLists | undefined;
  /** Where the program listens; nowhere unless given. */
  readonly ownListeners?: OwnListeners | undefined;
  /** TLS of the service and its routes. */
  readonly tls: ServiceTls;
  /** How the service connects, whatever the target. */
  readonly dialing: UpstreamDialerOptions;
}

/** A target; `awaitsName`: the client's server name must be known first. */
interface OwnTarget extends Target {
  readonly awaitsName: boolean;
}

export class Targets {
  readonly #parts: TargetParts;
  readonly #config: ServiceConfig;
  readonly #routes: RouteMatcher;
  readonly #connectors = new Map<string, Connector>();
  /** Those of its routes, in order, and that of clients that match none. */
  readonly #ofRoutes: OwnTarget[] = [];
  readonly #otherwise: OwnTarget | undefined;
  readonly #nameRules: NameRules;

  private constructor(config: ServiceConfig, parts: TargetParts, routes: RouteMatcher) {
    this.#config = config;
    this.#parts = parts;
    this.#routes = routes;
    this.#nameRules = nameRulesOf(config, parts);
    this.#otherwise = config.upstream && this.#targetOf(config.upstream);
  }

  /** Makes them, a route per step. @throws {SyntaxError} when a condition is invalid. */
  static *of(config: ServiceConfig, parts: TargetParts): Steps<Targets> {
    const targets = new Targets(config, parts, yield* compileRoutes(config.routes, parts.lists));
    yield* stepThrough(config.routes, ({ upstream }, index) => {
      targets.#ofRoutes.push(targets.#targetOf(upstream, index));
    });
    return targets;
  }

  /** The target of every client, if there is nothing to choose. */
  get only(): Target | undefined {
    return this.peeks || this.#config.routes.length > 0 ? undefined : this.#otherwise;
  }

  /** Whether any depends on what clients send first. */
  get peeks(): boolean {
    return this.#routes.peeks || this.#parts.tls.answersChecks ||
      [...this.#ofRoutes, this.#otherwise].some((target) => target?.awaitsName);
  }

  /**
   * The target of a client; undefined when that needs more of its first bytes.
   *
   * @throws {ProxyError} when no route matches.
   */
  find(facts: ClientFacts): Target | undefined {
    const { tls } = this.#parts;
    const check = tls.answering(facts);
    if (check !== undefined) return { ...this.#ofRoutes[0]!, tls: check };
    const match = this.#routes.match(facts);
    if (match === "need_more") return undefined;
    const target = match === undefined ? this.#otherwise : this.#ofRoutes[match.index];
    if (target?.awaitsName === true && facts.awaitsHello) return undefined;
    if (tls.awaitsCheck(facts, target)) {
      facts.settle();
      return undefined;
    }
    if (target !== undefined) return target;
    const detail = this.#routes.readsBytes ? facts.beginning : facts.noHello;
    throw new ProxyError("no_route", "proxy", detail === undefined ? {} : { detail });
  }

  /** A connector to the group of a mirror: plain, whatever the service does with its clients. */
  addMirror({ name }: GroupConfig): Connector {
    const { groups, dialing } = this.#parts;
    const plain = { ...dialing, tls: undefined, greetedBy: undefined, hasPreface: false };
    const connector = new Connector(groups.get(name)!, plain, this.#configOf(name));
    // No group has such a name.
    this.#connectors.set(`mirror ${name}`, connector);
    return connector;
  }

  /** Opens connections ahead, if there are warm pools. */
  start(): void {
    for (const connector of this.#connectors.values()) connector.start();
  }

  /** The files for TLS with upstreams have changed: no earlier connection is handed out. */
  renew(): void {
    for (const connector of this.#connectors.values()) connector.renew();
  }

  /** Closes idle upstream connections, and keeps none from now on. */
  async retire(): Promise<void> {
    await Promise.all(this.#connectors.values().map((connector) => connector.retire()));
  }

  /** Does the same, and aborts dials in progress. */
  async stop(reason: ProxyError): Promise<void> {
    await Promise.all(this.#connectors.values().map((connector) => connector.stop(reason)));
  }

  /** Clears its timers, unless clients are connecting. */
  restTimers(): void {
    for (const connector of this.#connectors.values()) connector.restTimers();
  }

  #configOf(group: string): GroupConfig {
    return this.#parts.configs?.get(group) ?? this.#parts.groups.get(group)!.config;
  }

  #targetOf(upstream: GroupConfig, route?: number): OwnTarget {
    const { groups, dialing, tls: all } = this.#parts;
    const { name } = upstream;
    const tls = all.afterRoute(route);
    const greetedBy = (all.beforeRoute ?? tls)?.starttls;
    // No connection is for clients of both kinds.
    const connector = this.#connectors.getOrInsertComputed(`${greetedBy ?? ""} ${name}`, () => {
      const mapping = mappingOf(upstream, this.#config, this.#nameRules);
      return new Connector(groups.get(name)!, { ...dialing, greetedBy, mapping }, this.#configOf(name));
    });
    // With TLS that ends here later, the handshake brings the name.
    const awaitsName = tls === undefined &&
      upstream.endpoints.some(({ address }) => isChosenByClient(address));
    return { connector, route, tls, awaitsName };
  }
}

function nameRulesOf(
  { allowNames = [], allowPrivate }: ServiceConfig,
  { lists = new FileLists(), ownListeners = new OwnListeners() }: TargetParts,
): NameRules {
  const names = allowNames.includes(EVERY_NAME) ? { has: () => true } : lists.names(allowNames);
  return { names, privates: new CidrSet(allowPrivate), own: ownListeners };
}
