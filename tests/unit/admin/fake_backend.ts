/** A fake proxy: the test sets its answers, and reads the calls that it got. */

import { ApiError } from "../../../src/admin/api_error.ts";
import type { AdminBackend, FaultBackend, ReloadOutcome } from "../../../src/admin/backend.ts";
import type { ProxyEvent } from "../../../src/observe/events/events.ts";
import type {
  ConnectionPage,
  ConnectionQuery,
  ConnectionView,
  EndpointView,
  FaultsView,
  FaultView,
  ServiceView,
  StatusView,
  UpstreamView,
} from "../../../src/admin/views.ts";

const TIME = "2026-03-01T10:15:00.000Z";

const SERVICE: ServiceView = {
  name: "mysql",
  state: "listening",
  listen: ["127.0.0.1:3306"],
  upstreams: ["databases"],
  connections: { total: 1843, active: 1, limit: 500, failed: 2, refused: 7 },
  failed_by: { connect_timeout: 2 },
  refused_by: { access_denied: 7 },
  closed_by: { client_closed: 1830, idle_timeout: 3 },
  bytes: { upload: 52_311_040, download: 918_552_576 },
  tls: {
    certificates: [{
      route: null,
      subject: "CN=db.example.com",
      names: ["db.example.com"],
      expires_at: "2026-06-01T00:00:00.000Z",
    }],
    crls: [{ file: "/etc/sluice/clients.crl", revoked: 12, expires_at: "2026-02-01T00:00:00.000Z" }],
  },
  faults: [],
};

const ENDPOINT: EndpointView = {
  address: "10.0.0.7:3306",
  state: "up",
  admin: "up",
  weight: 1,
  tier: 0,
  backup: false,
  active: 1,
  max_connections: 200,
  connects: 1841,
  failures: 2,
  check: { result: "good", cause: "connected", duration_ms: 1, at: "2026-03-01T09:00:00.000Z" },
};

const CONNECTION: ConnectionView = {
  id: 1843,
  service: "mysql",
  state: "open",
  client: "192.0.2.44:51234",
  peer: "10.0.0.2:40022",
  listener: "127.0.0.1:3306",
  sni: "db.example.com",
  alpn: null,
  tls_version: "TLSv1.3",
  client_subject: null,
  upstream: "databases",
  endpoint: "10.0.0.7:3306",
  address: null,
  attempts: 1,
  faults: [],
  opened_at: TIME,
  age_ms: 4210,
  bytes: { upload: 2048, download: 96_256 },
};

const FAULT: FaultView = {
  type: "latency",
  latency: "200ms",
  jitter: "50ms",
  distribution: "uniform",
  buffer: "256MiB",
  name: "latency_download",
  enabled: true,
  direction: "download",
  first: 2,
  configured: false,
  applied: 1,
};

/** The event of a connection that ends in order. */
export const CLOSED = {
  type: "closed",
  time: TIME,
  id: 1843,
  service: "mysql",
  client: "192.0.2.44:51234",
  endpoint: "10.0.0.7:3306",
  reason: "client_closed",
  bytes: { upload: 2048, download: 96_256 },
  duration_ms: 4210,
} as const satisfies ProxyEvent;

/** A connection that begins. */
export function opened(id: number): ProxyEvent {
  return { type: "opened", time: TIME, id, service: "mysql", client: "192.0.2.44:51234" };
}

export const RELOADED = "Certificates reread and log files reopened";

/** `mysql` has one fault. */
class FakeFaults implements FaultBackend {
  overview(): FaultsView {
    const latency = {
      name: "latency",
      expected: 'a duration such as "5s"',
      required: true,
      default: null,
      choices: null,
      description: "How long bytes and the end of the direction are delayed.",
    };
    const first = {
      ...latency,
      name: "first",
      expected: "a whole number of at least 1",
      required: false,
      description: "Only the first n connections of the service, counted from when the fault was added.",
    };
    const type = { type: "latency", summary: "Delays what passes.", direction: "download" } as const;
    return {
      enabled: true,
      seed: "42",
      types: [{ ...type, parameters: [latency], triggers: ["first"] }],
      triggers: [first],
    };
  }

  list(service: string): FaultView[] {
    if (service === "mysql") return [FAULT];
    throw new ApiError("no_such_service", `There is no service "${service}"`);
  }

  add(_service: string, fault: unknown): Promise<FaultView> {
    const { latency } = fault as { latency: string };
    return Promise.resolve({ ...FAULT, latency, applied: 0 });
  }

  change(_service: string, name: string, changes: unknown): Promise<FaultView> {
    return Promise.resolve({ ...FAULT, ...changes as object, name });
  }

  remove(): Promise<void> {
    return Promise.resolve();
  }
}

export class FakeBackend implements AdminBackend {
  readonly faults = new FakeFaults();
  /** The reasons why it is not ready. */
  notReady: readonly string[] = [];
  /** The result of the next reload. */
  outcome: ReloadOutcome = { ok: true, detail: RELOADED };
  /** Thrown by everything that shows something. */
  failure: Error | undefined;
  /** Thrown instead of the list of connections. */
  pending: Promise<never> | undefined;
  readonly queries: ConnectionQuery[] = [];
  readonly drains: (number | undefined)[] = [];
  /** How often the status was requested. */
  looks = 0;
  readonly #listeners = new Set<(event: ProxyEvent) => void>();

  /** The number of subscribers to events. */
  get listeners(): number {
    return this.#listeners.size;
  }

  publish(event: ProxyEvent): void {
    for (const onEvent of this.#listeners) onEvent(event);
  }

  status(): StatusView {
    this.looks += 1;
    if (this.failure !== undefined) throw this.failure;
    return {
      version: "0.1.0",
      deno: "2.9.6",
      pid: 4711,
      started_at: "2026-03-01T08:00:00.000Z",
      state: "running",
      ready: this.notReady.length === 0,
      not_ready: this.notReady,
      threads: 1,
      connections: { active: 1, limit: null },
    };
  }

  services(): ServiceView[] {
    return [SERVICE];
  }

  upstreams(): UpstreamView[] {
    const pool = { idle: 2, hits: 1790, misses: 51, expired: 12, lost: 0 };
    const queue = { length: 0, waited: 17, timeouts: 2, refused: 0 };
    const [name, balance] = ["databases", "least_connections"];
    return [{ name, balance, stick: null, endpoints: [ENDPOINT], pool, queue, waiting: 0, discovery: null }];
  }

  connections(query: ConnectionQuery): Promise<ConnectionPage> {
    this.queries.push(query);
    return this.pending ?? Promise.resolve({ total: 1, matching: 1, connections: [CONNECTION] });
  }

  config(): unknown {
    return {
      admin: { listen: "127.0.0.1:9901", token: "***" },
      services: [{ name: "mysql", listen: ["127.0.0.1:3306"], upstream: "databases" }],
    };
  }

  metrics(): string {
    return [
      "# HELP sluice_connections_active Open connections.",
      "# TYPE sluice_connections_active gauge",
      'sluice_connections_active{service="mysql"} 1',
      "",
    ].join("\n");
  }

  kill(id: number): Promise<boolean> {
    return Promise.resolve(id === CONNECTION.id);
  }

  setEndpoint(group: string, endpoint: string, admin: EndpointView["admin"]): EndpointView | undefined {
    return group === "databases" && endpoint === ENDPOINT.address ? { ...ENDPOINT, admin } : undefined;
  }

  drain(deadline: number | undefined): void {
    this.drains.push(deadline);
  }

  reload(): Promise<ReloadOutcome> {
    return Promise.resolve(this.outcome);
  }

  subscribe(onEvent: (event: ProxyEvent) => void): Disposable {
    this.#listeners.add(onEvent);
    return { [Symbol.dispose]: () => this.#listeners.delete(onEvent) };
  }
}
