/** The running proxy as the admin interface sees it. */

import denoJson from "../../../deno.json" with { type: "json" };
import type { AdminBackend, ReloadOutcome } from "../../admin/backend.ts";
import type {
  ConnectionPage,
  ConnectionQuery,
  EndpointView,
  ServiceView,
  StatusView,
  UpstreamView,
} from "../../admin/views.ts";
import { encodeConfig } from "../../config/encode.ts";
import { groupsOf } from "../../config/rules/groups.ts";
import { formatAddress } from "../../net/address.ts";
import type { ProxyEvent } from "../../observe/events/events.ts";
import { renderMetrics } from "../../observe/metrics/metrics.ts";
import { processFigures } from "../../observe/metrics/process_figures.ts";
import type { ServiceSnapshot } from "../../observe/metrics/service_metrics.ts";
import type { EndpointController } from "../../upstream/endpoint_controller.ts";
import type { ServiceController } from "../control/service_controller.ts";
import type { Supervisor } from "../control/supervisor.ts";
import type { TlsFiles } from "../files/tls_files.ts";
import { poolFigures, upstreamSnapshots } from "../control/upstream_snapshots.ts";

export interface ProxyBackendOptions {
  readonly supervisor: Supervisor;
  readonly isStopping: () => boolean;
  readonly reload: () => Promise<ReloadOutcome>;
  /** Starts to stop. @param drain Milliseconds; undefined is the `shutdown.drain` of the configuration. */
  readonly stop: (drain: number | undefined) => void;
}

export class ProxyBackend implements AdminBackend {
  readonly #options: ProxyBackendOptions;
  readonly #startedAt = new Date();

  constructor(options: ProxyBackendOptions) {
    this.#options = options;
  }

  status(): StatusView {
    const { supervisor, isStopping } = this.#options;
    const notReady = isStopping()
      ? ["draining"]
      : !supervisor.hasBegun
      ? ["starting"]
      : supervisor.groups.flatMap((group) => group.notReady);
    return {
      version: denoJson.version,
      deno: Deno.version.deno,
      pid: Deno.pid,
      started_at: this.#startedAt.toISOString(),
      state: isStopping() ? "draining" : "running",
      ready: notReady.length === 0,
      not_ready: notReady,
      threads: supervisor.parts.threads.count,
      connections: { active: supervisor.active, limit: supervisor.config.limits.connections || null },
    };
  }

  services(): ServiceView[] {
    return this.#options.supervisor.services.map((service) => this.#serviceView(service));
  }

  upstreams(): UpstreamView[] {
    const { supervisor } = this.#options;
    return supervisor.groups.map((group) => ({
      name: group.name,
      balance: group.config.balance,
      endpoints: group.endpoints.map(endpointView),
      pool: poolFigures(group, supervisor) ?? null,
    }));
  }

  connections(query: ConnectionQuery): Promise<ConnectionPage> {
    return this.#options.supervisor.parts.threads.connections(query);
  }

  config(): unknown {
    return encodeConfig(this.#options.supervisor.config);
  }

  metrics(): string {
    const { supervisor } = this.#options;
    const { memory, threads, tlsFiles } = supervisor.parts;
    return renderMetrics({
      version: denoJson.version,
      deno: Deno.version.deno,
      threads: threads.count,
      process: processFigures(),
      counted: memory.accounts.program.figures(),
      connectionLimit: supervisor.config.limits.connections,
      services: supervisor.services.map((service) => serviceSnapshot(service, tlsFiles)),
      upstreams: upstreamSnapshots(supervisor),
    });
  }

  kill(id: number): Promise<boolean> {
    return this.#options.supervisor.parts.threads.kill(id);
  }

  setEndpoint(
    group: string,
    endpoint: string,
    admin: EndpointView["admin"],
  ): undefined | Promise<EndpointView> {
    const { groups, parts: { threads } } = this.#options.supervisor;
    const owner = groups.find(({ name }) => name === group);
    const found = owner?.endpoints.find(({ key }) => key === endpoint);
    if (owner === undefined || found === undefined) return undefined;
    owner.setAdmin(found, admin);
    // A thread answers after it has carried out the calls before.
    return threads.all.report().then(() => endpointView(found));
  }

  drain(deadline: number | undefined): void {
    this.#options.stop(deadline);
  }

  reload(): Promise<ReloadOutcome> {
    return this.#options.reload();
  }

  subscribe(onEvent: (event: ProxyEvent) => void): Disposable {
    return this.#options.supervisor.parts.events.subscribe(onEvent);
  }

  #serviceView(service: ServiceController): ServiceView {
    const { config, addresses } = service;
    const { accepted, active, failed, failedBy, refused, refusedBy, closedBy, ...figures } = service
      .figures();
    const files = this.#options.supervisor.parts.tlsFiles.of(config.name);
    return {
      name: config.name,
      state: this.#options.isStopping() ? "draining" : "listening",
      listen: addresses.map(formatAddress),
      upstreams: groupsOf(config).map((group) => group.name),
      connections: { total: accepted, active, limit: config.limits.connections || null, failed, refused },
      failed_by: failedBy,
      refused_by: refusedBy,
      closed_by: closedBy,
      bytes: { upload: figures.bytesFromClient, download: figures.bytesFromUpstream },
      tls: config.tls === undefined || files === undefined ? null : {
        certificates: files.certificates.map(({ subject, names, expiresAt }) => ({
          subject,
          names,
          expires_at: expiresAt.toISOString(),
        })),
      },
    };
  }
}

function serviceSnapshot(service: ServiceController, tlsFiles: TlsFiles): ServiceSnapshot {
  const { config } = service;
  return {
    name: service.name,
    counted: service.counted(),
    connectionLimit: config.limits.connections,
    certificates: (tlsFiles.of(config.name)?.certificates ?? []).map(({ expiresAt }, index) => ({
      path: config.tls!.certificates[index]!.cert,
      expiresAt: expiresAt.getTime(),
    })),
  };
}

function endpointView(endpoint: EndpointController): EndpointView {
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
