/** A backend for the admin page, without a proxy: believable figures that change when the test calls tick(). */

import { FakeFaults } from "../../support/peers/fake_faults.ts";
import type { AdminBackend } from "../../../src/admin/backend.ts";
import type { ProxyEvent } from "../../../src/observe/events/events.ts";
import type {
  ConnectionPage,
  ConnectionQuery,
  ConnectionView,
  EndpointView,
  ServiceView,
  StatusView,
  UpstreamView,
} from "../../../src/admin/views.ts";
import { FakeSessions } from "./fake_sessions.ts";
import { SERVICES, UPSTREAMS } from "./fake_profiles.ts";

/** The uptime that it begins with, in milliseconds. */
const UPTIME = 1_123_000_000;

export class FakeBackend implements AdminBackend {
  readonly faults = new FakeFaults("none");
  state: StatusView["state"] = "running";
  notReady: readonly string[] = [];
  readonly sessions: FakeSessions;
  /** The queries and kills that it has received. */
  readonly queries: ConnectionQuery[] = [];
  readonly killed: number[] = [];
  readonly #startedAt: number;
  readonly #bytes = new Map(SERVICES.map(({ name, bytes }) => [name, { ...bytes }]));
  readonly #accepted = new Map(SERVICES.map(({ name, closed }) => [name, closed]));
  readonly #admin = new Map<string, EndpointView["admin"]>();
  #refused = 0;
  readonly #listeners = new Set<(event: ProxyEvent) => void>();
  readonly #subscribed = Promise.withResolvers<void>();

  /** @param connections How many are open, divided among the services as in real life. */
  constructor(connections: number, now = Date.now()) {
    this.#startedAt = now - UPTIME;
    this.sessions = new FakeSessions(connections, now, {
      onOpened: (connection) => this.#opened(connection),
      onClosed: (connection, reason) => this.#closed(connection, reason),
    });
    for (const { name } of SERVICES) {
      this.#accepted.set(name, this.#accepted.get(name)! + this.sessions.activeOf(name));
    }
  }

  /** Lets time pass: bytes flow, connections end and begin, and a few are refused. */
  tick(seconds = 1): void {
    this.#refuse();
    for (const [service, { upload, download }] of this.sessions.tick(seconds)) {
      const bytes = this.#bytes.get(service)!;
      this.#bytes.set(service, { upload: bytes.upload + upload, download: bytes.download + download });
    }
  }

  /** Resolves when a page gets events from now on. */
  get subscribed(): Promise<void> {
    return this.#subscribed.promise;
  }

  publish(event: ProxyEvent): void {
    for (const onEvent of this.#listeners) onEvent(event);
  }

  status(): StatusView {
    return {
      version: "0.1.0",
      deno: "2.9.6",
      pid: 4711,
      started_at: new Date(this.#startedAt).toISOString(),
      state: this.state,
      ready: this.notReady.length === 0 && this.state === "running",
      not_ready: this.notReady,
      threads: 2,
      connections: { active: this.sessions.size, limit: 20_000 },
    };
  }

  services(): ServiceView[] {
    const state = this.state === "running" ? "listening" : "draining";
    return SERVICES.map(({ name, listen, upstreams, limit, failed, closed_by, tls, ...sketch }) => {
      const { client_rate_limit = 0, ...others } = sketch.refused_by;
      const refused_by = client_rate_limit === 0
        ? others
        : { ...others, client_rate_limit: client_rate_limit + this.#refused };
      const refused = Object.values(refused_by).reduce((sum, count) => sum + count, 0);
      const total = this.#accepted.get(name)!;
      const connections = { total, active: this.sessions.activeOf(name), limit, failed, refused };
      const bytes = this.#bytes.get(name)!;
      return {
        name,
        state,
        listen,
        upstreams,
        connections,
        failed_by: {},
        refused_by,
        closed_by,
        bytes,
        tls,
        faults: [],
      };
    });
  }

  upstreams(): UpstreamView[] {
    return UPSTREAMS.map((group) => ({
      ...group,
      endpoints: group.endpoints.map((endpoint) => this.#endpoint(group.name, endpoint)),
    }));
  }

  connections(query: ConnectionQuery): Promise<ConnectionPage> {
    this.queries.push(query);
    return Promise.resolve({ total: this.sessions.size, ...this.sessions.page(query) });
  }

  config(): unknown {
    return {};
  }

  metrics(): string {
    return "";
  }

  kill(id: number): Promise<boolean> {
    this.killed.push(id);
    return Promise.resolve(this.sessions.close(id, "killed"));
  }

  setEndpoint(group: string, address: string, admin: EndpointView["admin"]): EndpointView | undefined {
    const sketch = UPSTREAMS.find(({ name }) => name === group)?.endpoints.find((each) =>
      each.address === address
    );
    if (sketch === undefined) return undefined;
    this.#admin.set(`${group} ${address}`, admin);
    const { state } = sketch;
    const time = new Date().toISOString();
    this.publish({
      type: "endpoint",
      time,
      upstream: group,
      endpoint: address,
      state,
      admin,
      reason: "set by hand",
    });
    return this.#endpoint(group, sketch);
  }

  drain(): void {
    this.state = "draining";
    this.publish({ type: "drain", time: new Date().toISOString(), open: this.sessions.size });
  }

  reload() {
    return Promise.resolve({ ok: true, detail: "Certificates reread and log files reopened" });
  }

  subscribe(onEvent: (event: ProxyEvent) => void): Disposable {
    this.#listeners.add(onEvent);
    this.#subscribed.resolve();
    return { [Symbol.dispose]: () => this.#listeners.delete(onEvent) };
  }

  #refuse(): void {
    this.#refused += 1;
    const host = 1 + this.#refused % 250;
    this.publish({
      type: "refused",
      time: new Date().toISOString(),
      id: this.#refused,
      service: "smtp",
      client: `203.0.113.${host}:${40_000 + host}`,
      reason: "client_rate_limit",
      detail: "more than 10 connections in 1 s",
    });
  }

  #endpoint(group: string, endpoint: EndpointView): EndpointView {
    const { address } = endpoint;
    const admin = this.#admin.get(`${group} ${address}`) ?? endpoint.admin;
    return { ...endpoint, admin, active: this.sessions.activeAt(group, address) };
  }

  #opened({ id, service, client, upstream, endpoint }: ConnectionView): void {
    this.#accepted.set(service, this.#accepted.get(service)! + 1);
    const begin = { time: new Date().toISOString(), id, service, client };
    this.publish({ ...begin, type: "opened" });
    this.publish({ ...begin, type: "connected", upstream: upstream!, endpoint: endpoint! });
  }

  #closed({ id, service, client, endpoint, bytes, age_ms }: ConnectionView, reason: string): void {
    const begin = { time: new Date().toISOString(), id, service, client };
    this.publish({ ...begin, type: "closed", endpoint: endpoint!, reason, bytes, duration_ms: age_ms });
  }
}
