/** An admin interface without a proxy behind it: it shows made-up figures and records commands. */

import { setTimeout as pause } from "node:timers/promises";
import type { AdminBackend, ReloadOutcome } from "../../../src/admin/backend.ts";
import type { ProxyEvent } from "../../../src/observe/events/events.ts";
import { listenAdmin, type ListeningAdmin } from "../../../src/runtime/admin/listener.ts";
import type {
  ConnectionPage,
  ConnectionQuery,
  ConnectionView,
  DiscoveryView,
  EndpointView,
  ServiceView,
  StatusView,
  UpstreamView,
} from "../../../src/admin/views.ts";
import { parseDuration } from "../../../src/config/values/duration.ts";
import { FakeFaults } from "./fake_faults.ts";
import { type Address, formatAddress } from "../../../src/net/address.ts";

/** A fictitious proxy: two services, two groups, and any number of connections. */
export class FakeAdmin implements AdminBackend, AsyncDisposable {
  readonly faults = new FakeFaults("mysql");
  statusView: StatusView = aStatus();
  serviceViews: ServiceView[] = [aService("mysql"), aService("redis")];
  upstreamViews: UpstreamView[] = [anUpstream("db"), anUpstream("cache")];
  connectionViews: ConnectionView[];
  reloadOutcome: ReloadOutcome = { ok: true, detail: "Reloaded: 1 service changed" };
  /** The commands it got, in order. */
  readonly calls: string[] = [];
  readonly #listeners = new Set<(event: ProxyEvent) => void>();
  #server: ListeningAdmin | undefined;

  constructor(connections = 3) {
    this.connectionViews = Array.from({ length: connections }, (_, index) => aConnection(index + 1));
  }

  /** Serves it on a free port of 127.0.0.1 unless given. */
  static async start(
    options: { connections?: number; token?: string; listen?: Address } = {},
  ): Promise<FakeAdmin> {
    const fake = new FakeAdmin(options.connections);
    await fake.serve(options.listen, options.token);
    return fake;
  }

  async serve(
    listen: Address = { transport: "tcp", hostname: "127.0.0.1", port: 0 },
    token?: string,
  ): Promise<void> {
    this.#server = await listenAdmin({
      listen,
      token,
      hosts: [],
      maxConnections: 64,
      backend: this,
      pageFiles: () => Promise.resolve(new Map()),
      parseDuration,
    });
  }

  /** Stops serving; {@linkcode serve} begins again. */
  async stop(): Promise<void> {
    await this.#server?.close();
  }

  /** As for `--admin`. */
  get address(): string {
    return formatAddress(this.#server!.address);
  }

  status(): StatusView {
    return this.statusView;
  }

  services(): ServiceView[] {
    return this.serviceViews.map((view) => {
      return view.name === this.faults.service ? { ...view, faults: this.faults.views } : view;
    });
  }

  upstreams(): UpstreamView[] {
    return this.upstreamViews;
  }

  connections({ filter, sort, isDescending, offset, limit }: ConnectionQuery): Promise<ConnectionPage> {
    this.calls.push(`connections ${isDescending ? "-" : ""}${sort} "${filter}" ${offset} ${limit}`);
    const matching = this.connectionViews.filter(({ client, service }) =>
      `${client} ${service}`.includes(filter)
    );
    const sorted = matching.toSorted((a, b) => compare(a, b, sort) * (isDescending ? -1 : 1));
    const connections = sorted.slice(offset, offset + limit);
    return Promise.resolve({ total: this.connectionViews.length, matching: matching.length, connections });
  }

  config(): unknown {
    return {};
  }

  metrics(): string {
    return "";
  }

  async kill(id: number): Promise<boolean> {
    this.calls.push(`kill ${id}`);
    await pause(0);
    const before = this.connectionViews.length;
    this.connectionViews = this.connectionViews.filter((connection) => connection.id !== id);
    return this.connectionViews.length < before;
  }

  setEndpoint(group: string, address: string, admin: EndpointView["admin"]): EndpointView | undefined {
    this.calls.push(`endpoint ${group} ${address} ${admin}`);
    const endpoints = this.upstreamViews.find(({ name }) => name === group)?.endpoints ?? [];
    const endpoint = endpoints.find((endpoint) => endpoint.address === address);
    return endpoint && { ...endpoint, admin };
  }

  drain(deadline: number | undefined): void {
    this.calls.push(`drain ${deadline}`);
  }

  reload(): Promise<ReloadOutcome> {
    this.calls.push("reload");
    return Promise.resolve(this.reloadOutcome);
  }

  subscribe(onEvent: (event: ProxyEvent) => void): Disposable {
    this.#listeners.add(onEvent);
    return { [Symbol.dispose]: () => void this.#listeners.delete(onEvent) };
  }

  publish(event: ProxyEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

export function aStatus(changes: Partial<StatusView> = {}): StatusView {
  return {
    version: "1.2.3",
    deno: "2.9.6",
    pid: 4711,
    started_at: "2025-01-01T00:00:00.000Z",
    state: "running",
    ready: true,
    not_ready: [],
    threads: 1,
    connections: { active: 3, limit: 10_000 },
    ...changes,
  };
}

export function aService(name: string, changes: Partial<ServiceView> = {}): ServiceView {
  return {
    name,
    state: "listening",
    listen: ["127.0.0.1:3306"],
    upstreams: ["db"],
    connections: { total: 120, active: 3, limit: 100, failed: 4, refused: 5 },
    failed_by: {},
    refused_by: {},
    closed_by: {},
    bytes: { upload: 2048, download: 3 * 1024 ** 2 },
    tls: null,
    faults: [],
    ...changes,
  };
}

export function anUpstream(name: string, changes: Partial<UpstreamView> = {}): UpstreamView {
  return {
    name,
    balance: "round_robin",
    stick: null,
    endpoints: [anEndpoint("10.0.0.1:3306"), anEndpoint("10.0.0.2:3306", { state: "down", failures: 7 })],
    pool: null,
    queue: null,
    waiting: 0,
    discovery: null,
    ...changes,
  };
}

export function aDiscovery(changes: Partial<DiscoveryView> = {}): DiscoveryView {
  return {
    source: "consul",
    from: "Consul (service db at http://127.0.0.1:8500)",
    last_success: "2025-01-01T00:59:30.000Z",
    failures: 0,
    error: null,
    ...changes,
  };
}

export function anEndpoint(address: string, changes: Partial<EndpointView> = {}): EndpointView {
  return {
    address,
    state: "up",
    admin: "up",
    weight: 1,
    tier: 0,
    backup: false,
    active: 2,
    max_connections: null,
    connects: 60,
    failures: 0,
    check: null,
    ...changes,
  };
}

/** The larger its number, the fewer its bytes. */
export function aConnection(id: number, changes: Partial<ConnectionView> = {}): ConnectionView {
  return {
    id,
    service: "mysql",
    state: "open",
    client: `192.0.2.${id % 256}:${40_000 + id}`,
    peer: null,
    listener: "127.0.0.1:3306",
    sni: null,
    alpn: null,
    tls_version: null,
    client_subject: null,
    upstream: "db",
    endpoint: "10.0.0.1:3306",
    address: null,
    attempts: 1,
    faults: [],
    opened_at: "2025-01-01T00:00:00.000Z",
    age_ms: id * 1000,
    bytes: { upload: 1_000_000 - id * 100, download: 2_000_000 - id * 100 },
    ...changes,
  };
}

function compare(a: ConnectionView, b: ConnectionView, key: ConnectionQuery["sort"]): number {
  const value = ({ id, age_ms, bytes, client, service, endpoint }: ConnectionView) => {
    const values = { id, age: age_ms, bytes: bytes.upload + bytes.download, client, service, endpoint };
    return values[key] ?? "";
  };
  const [left, right] = [value(a), value(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}
