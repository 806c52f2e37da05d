/** Requests to the admin interface of a running sluice, each on a connection of its own. */

import assert from "node:assert/strict";
import { type IncomingMessage, request } from "node:http";
import type {
  ConnectionPage,
  ConnectionView,
  EndpointView,
  ServiceView,
  StatusView,
} from "../../../src/admin/views.ts";
import { type Family, parsePrometheus } from "../prometheus_parser.ts";
import { EventReader } from "./event_reader.ts";
import { eventually } from "../eventually.ts";
import { PATIENCE } from "../peers/line_reader.ts";
import { type Sluice, within, workers } from "./program.ts";

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export class Admin {
  readonly #where: { host: string; port: number } | { socketPath: string };
  readonly #headers: Readonly<Record<string, string>>;

  /** @param headers Sent with every request; they may replace Host. */
  constructor({ ready }: Pick<Sluice, "ready">, headers: Readonly<Record<string, string>> = {}) {
    const address = ready.admin!;
    const [, host, port] = /^(.+):(\d+)$/.exec(address) ?? [];
    this.#where = address.startsWith("unix:")
      ? { socketPath: address.slice("unix:".length) }
      : { host: host!, port: Number(port) };
    this.#headers = headers;
  }

  async ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await this.#send(method, path, body);
    let text = "";
    response.setEncoding("utf8");
    for await (const piece of response) text += piece;
    return { status: response.statusCode!, text };
  }

  /** The value at a path of the API. */
  async view<View>(path: string): Promise<View> {
    const { status, text } = await this.ask("GET", `/api/v1/${path}`);
    assert.equal(status, 200, text);
    return JSON.parse(text);
  }

  status(): Promise<StatusView> {
    return this.view("status");
  }

  /** The first service. */
  async service(): Promise<ServiceView> {
    return (await this.view<ServiceView[]>("services"))[0]!;
  }

  async connections(): Promise<readonly ConnectionView[]> {
    return (await this.view<ConnectionPage>("connections")).connections;
  }

  /** The only connection, once it is relayed. */
  async openConnection(): Promise<ConnectionView> {
    const isOne = (all: readonly ConnectionView[]) => all.length === 1 && all[0]!.state === "open";
    return (await eventually("one open connection", () => this.connections(), isOne))[0]!;
  }

  /** The text of /metrics. */
  async metricsText(): Promise<string> {
    const { status, text } = await this.ask("GET", "/metrics");
    assert.equal(status, 200, text);
    return text;
  }

  async metrics(): Promise<Metrics> {
    return new Metrics(await this.metricsText());
  }

  kill(id: number): Promise<Answer> {
    return this.ask("DELETE", `/api/v1/connections/${id}`);
  }

  /** Sets an endpoint of the group called "group". */
  async setEndpoint(endpoint: string, state: EndpointView["admin"]): Promise<EndpointView> {
    const path = `/api/v1/upstreams/group/${encodeURIComponent(endpoint)}`;
    const { status, text } = await this.ask("POST", path, { state });
    assert.equal(status, 200, text);
    return JSON.parse(text);
  }

  /** A stream of events, without `stats`. */
  async events(): Promise<EventReader> {
    const reader = new EventReader(await this.#send("GET", "/api/v1/events?stats=0"));
    // Threads know of the subscription before they answer this.
    if (workers > 1) await this.connections();
    return reader;
  }

  #send(method: string, path: string, body?: unknown): Promise<IncomingMessage> {
    const headers = { ...this.#headers, ...body === undefined ? {} : { "content-type": "application/json" } };
    const answered = Promise.withResolvers<IncomingMessage>();
    const asked = request({ ...this.#where, method, path, headers, agent: false }, answered.resolve);
    asked.on("error", answered.reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
    return within(PATIENCE, `${method} ${path}`, answered.promise);
  }
}

/** Metrics as a scraper reads them. */
export class Metrics {
  readonly families: ReadonlyMap<string, Family>;

  constructor(text: string) {
    this.families = parsePrometheus(text);
  }

  /** The names and labels of all series, in order. */
  get series(): string[] {
    const samples = [...this.families.values()].flatMap((family) => family.samples);
    return samples.map(({ name, labels }) => `${name}${JSON.stringify(labels)}`);
  }

  /** The values of a family, added up over the series that have this among their labels' values. */
  sum(family: string, label?: string): number {
    const samples = this.families.get(family)?.samples ?? [];
    const matching = samples.filter(({ labels }) =>
      label === undefined || Object.values(labels).includes(label)
    );
    return matching.reduce((sum, { value }) => sum + value, 0);
  }
}
