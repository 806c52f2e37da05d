/** The running proxy as the admin interface sees it. */

import denoJson from "../../deno.json" with { type: "json" };
import type { AdminBackend, ReloadOutcome } from "../admin/backend.ts";
import type {
  ConnectionPage,
  ConnectionQuery,
  EndpointView,
  ServiceView,
  StatusView,
  UpstreamView,
} from "../admin/views.ts";
import type { Config } from "../config/config.ts";
import { encodeConfig } from "../config/encode.ts";
import { groupsOf } from "../config/groups.ts";
import { formatAddress } from "../net/address.ts";
import { listConnections } from "../observe/connection_list.ts";
import type { ProxyEvent } from "../observe/events.ts";
import { renderMetrics } from "../observe/metrics.ts";
import { processFigures } from "../observe/process_figures.ts";
import type { ServiceSnapshot } from "../observe/service_metrics.ts";
import type { Service } from "../proxy/service.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import type { Parts } from "./parts.ts";
import { poolFigures, upstreamSnapshots } from "./upstream_snapshots.ts";

export interface ProxyBackendOptions {
  readonly config: Config;
  readonly parts: Parts;
  readonly startedAt: Date;
  readonly isStopping: () => boolean;
  readonly reload: () => Promise<ReloadOutcome>;
  /** Begins to stop; `drain` in milliseconds, undefined is the configuration's. */
  readonly stop: (drain: number | undefined) => void;
}

export class ProxyBackend implements AdminBackend {
  readonly #options: ProxyBackendOptions;

  constructor(options: ProxyBackendOptions) {
    this.#options = options;
  }

  status(): StatusView {
    const { config, parts, startedAt, isStopping } = this.#options;
    const notReady = isStopping() ? ["draining"] : parts.groups.flatMap((group) => group.notReady);
    return {
      version: denoJson.version,
      deno: Deno.version.deno,
      pid: Deno.pid,
      started_at: startedAt.toISOString(),
      state: isStopping() ? "draining" : "running",
      ready: notReady.length === 0,
      not_ready: notReady,
      threads: 1,
      connections: { active: parts.connections.size, limit: config.limits.connections || null },
    };
  }

  services(): ServiceView[] {
    return this.#options.parts.services.map((service) => this.#serviceView(service));
  }

  upstreams(): UpstreamView[] {
    const { groups, services } = this.#options.parts;
    return groups.map((group) => ({
      name: group.name,
      balance: group.config.balance,
      endpoints: group.endpoints.map(endpointView),
      pool: poolFigures(group, services) ?? null,
    }));
  }

  connections(query: ConnectionQuery): Promise<ConnectionPage> {
    return Promise.resolve(listConnections(this.#options.parts.connections.all(), query));
  }

  config(): unknown {
    return encodeConfig(this.#options.config);
  }

  metrics(): string {
    const { config, parts } = this.#options;
    return renderMetrics({
      version: denoJson.version,
      deno: Deno.version.deno,
      threads: 1,
      process: processFigures(),
      eventLoopDelay: parts.accounts.program.figures().eventLoopDelay,
      connectionLimit: config.limits.connections,
      services: parts.services.map(serviceSnapshot),
      upstreams: upstreamSnapshots(parts.groups, parts.services),
    });
  }

  kill(id: number): Promise<boolean> {
    const record = this.#options.parts.connections.find(id);
    record?.abort("killed");
    return Promise.resolve(record !== undefined);
  }

  setEndpoint(group: string, endpoint: string, admin: EndpointView["admin"]): EndpointView | undefined {
    const owner = this.#options.parts.groups.find(({ name }) => name === group);
    const found = owner?.endpoints.find(({ key }) => key === endpoint);
    if (owner === undefined || found === undefined) return undefined;
    owner.setAdmin(found, admin);
    return endpointView(found);
  }

  drain(deadline: number | undefined): void {
    this.#options.stop(deadline);
  }

  reload(): Promise<ReloadOutcome> {
    return this.#options.reload();
  }

  subscribe(onEvent: (event: ProxyEvent) => void): Disposable {
    return this.#options.parts.events.subscribe(onEvent);
  }

  #serviceView({ config, addresses, ledger, tls }: Service): ServiceView {
    const { accepted, active, failed, refused, refusedBy, closedBy, ...figures } = ledger.figures();
    return {
      name: config.name,
      state: this.#options.isStopping() ? "draining" : "listening",
      listen: addresses.map(formatAddress),
      upstreams: groupsOf(config).map((group) => group.name),
      connections: { total: accepted, active, limit: config.limits.connections || null, failed, refused },
      refused_by: refusedBy,
      closed_by: closedBy,
      bytes: { upload: figures.bytesFromClient, download: figures.bytesFromUpstream },
      tls: tls === undefined ? null : {
        certificates: tls.certificates.map(({ subject, names, expiresAt }) => ({
          subject,
          names,
          expires_at: expiresAt.toISOString(),
        })),
      },
    };
  }
}

function serviceSnapshot({ config, ledger, tls }: Service): ServiceSnapshot {
  return {
    metrics: ledger.metrics(),
    connectionLimit: config.limits.connections,
    certificates: (tls?.certificates ?? []).map(({ expiresAt }, index) => ({
      path: config.tls!.certificates[index]!.cert,
      expiresAt: expiresAt.getTime(),
    })),
  };
}

function endpointView(endpoint: Endpoint): EndpointView {
  const { state, admin, weight, tier, active, maxConnections, connects, failures } = endpoint.figures();
  return {
    address: endpoint.key,
    state,
    admin,
    weight,
    backup: tier > 0,
    active,
    max_connections: maxConnections || null,
    connects,
    failures,
  };
}
