/** The running proxy as the admin interface sees it. */

import denoJson from "../../../deno.json" with { type: "json" };
import type { AdminBackend, FaultBackend, ReloadOutcome } from "../../admin/backend.ts";
import type {
  ConnectionPage,
  ConnectionQuery,
  EndpointView,
  ServiceView,
  StatusView,
  UpstreamView,
} from "../../admin/views.ts";
import { encodeConfig } from "../../config/encode.ts";
import { groupsOf } from "../../config/service_groups.ts";
import type { GroupController } from "../../upstream/group_controller.ts";
import { formatAddress } from "../../net/address.ts";
import type { ProxyEvent } from "../../observe/events/events.ts";
import { type ReloadFigures, renderMetrics } from "../../observe/metrics/metrics.ts";
import type { AcmeFigures } from "../../observe/metrics/acme_metrics.ts";
import type { EndpointController } from "../../upstream/endpoint_controller.ts";
import type { FaultController } from "../control/fault_controller.ts";
import type { ServiceController } from "../control/service_controller.ts";
import type { Supervisor } from "../control/supervisor.ts";
import { faultView, ProxyFaultBackend } from "./fault_backend.ts";
import { waitingIn } from "../../observe/metrics/upstream_metrics.ts";
import { metricsSnapshot } from "../control/metrics_snapshot.ts";
import { poolFigures, queueFigures } from "../control/upstream_snapshots.ts";

export interface ProxyBackendOptions {
  readonly supervisor: Supervisor;
  readonly faults: FaultController;
  /** The certificates that are ordered. */
  readonly acme: () => readonly AcmeFigures[];
  readonly isStopping: () => boolean;
  /** More reasons why it is not ready, from other parts. */
  readonly notReady: ReadonlySet<string>;
  readonly reloadFigures: () => ReloadFigures | undefined;
  readonly reload: () => Promise<ReloadOutcome>;
  /**
   * Starts to stop, see {@linkcode AdminBackend.drain}.
   *
   * @param drain Milliseconds; undefined is the `shutdown.drain` of the configuration.
   */
  readonly stop: (drain: number | undefined, isHandedOver: boolean) => void;
}

export class ProxyBackend implements AdminBackend {
  readonly faults: FaultBackend;
  readonly #options: ProxyBackendOptions;
  readonly #startedAt = new Date();

  constructor(options: ProxyBackendOptions) {
    this.#options = options;
    this.faults = new ProxyFaultBackend(options.faults, options.supervisor);
  }

  status(): StatusView {
    const { supervisor, isStopping } = this.#options;
    const notReady = isStopping()
      ? ["draining"]
      : !supervisor.hasBegun
      ? ["starting"]
      : [...this.#options.notReady, ...supervisor.groups.flatMap((group) => group.notReady)];
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
      stick: group.stuck ?? null,
      endpoints: group.endpoints.map(endpointView),
      pool: poolFigures(group, supervisor) ?? null,
      queue: queueFigures(group) ?? null,
      waiting: waitingIn(group.row.figures()),
      discovery: discoveryView(group.discovery),
    }));
  }

  connections(query: ConnectionQuery): Promise<ConnectionPage> {
    return this.#options.supervisor.parts.threads.connections(query);
  }

  config(): unknown {
    return encodeConfig(this.#options.supervisor.config);
  }

  metrics(): string {
    const { supervisor, reloadFigures, acme } = this.#options;
    return renderMetrics(metricsSnapshot(supervisor, reloadFigures(), acme()));
  }

  kill(id: number, isReset: boolean): Promise<boolean> {
    return this.#options.supervisor.parts.threads.kill(id, isReset);
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

  drain(deadline: number | undefined, isHandedOver: boolean): void {
    this.#options.stop(deadline, isHandedOver);
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
      state: this.#options.isStopping() ? "draining" : service.isDown ? "down" : "listening",
      listen: addresses.map(formatAddress),
      upstreams: groupsOf(config).map((group) => group.name),
      connections: { total: accepted, active, limit: config.limits.connections || null, failed, refused },
      failed_by: failedBy,
      refused_by: refusedBy,
      closed_by: closedBy,
      bytes: { upload: figures.bytesFromClient, download: figures.bytesFromUpstream },
      tls: files === undefined || files.certificates.length === 0 ? null : {
        certificates: files.certificates.map(({ section, credentials: { subject, names, expiresAt } }) => ({
          route: section.route ?? null,
          subject,
          names,
          expires_at: expiresAt.toISOString(),
        })),
        crls: files.revocations.map(({ path, revoked, expiresAt }) => ({
          file: path,
          revoked,
          expires_at: dateOf(expiresAt),
        })),
      },
      faults: service.faults.states.map(faultView),
    };
  }
}

function dateOf(time: number): string | null {
  return time === Infinity ? null : new Date(time).toISOString();
}

function endpointView(endpoint: EndpointController): EndpointView {
  const { state, admin, weight, tier, active, maxConnections, connects, failures, lastCheck } = endpoint
    .figures();
  return {
    address: endpoint.key,
    state,
    admin,
    weight,
    tier,
    backup: tier > 0,
    active,
    max_connections: maxConnections || null,
    connects,
    failures,
    check: lastCheck === undefined ? null : {
      result: lastCheck.outcome,
      cause: lastCheck.cause,
      duration_ms: Math.round(lastCheck.duration),
      at: new Date(lastCheck.at).toISOString(),
    },
  };
}

function discoveryView(discovery: GroupController["discovery"]): UpstreamView["discovery"] {
  if (discovery === undefined) return null;
  const { source, description: from, lastSuccess, failures, error = null } = discovery;
  const last_success = lastSuccess === undefined ? null : new Date(lastSuccess).toISOString();
  return { source, from, last_success, failures, error };
}
