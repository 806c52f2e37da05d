/**
 * What the admin interface answers to: a route is one entry here. `deno task docs` lists them in docs/api.md, where
 * each has a section with an example that a test runs.
 */

import { PROMETHEUS_CONTENT_TYPE } from "../observe/metrics/prometheus.ts";
import { ApiError } from "./api_error.ts";
import type { AdminBackend } from "./backend.ts";
import type { EventHub } from "./events/event_hub.ts";
import {
  connectionQuery,
  drainOrder,
  endpointChange,
  eventQuery,
  nothing,
  readBody,
  readQuery,
} from "./input.ts";
import { json } from "./http/responses.ts";
import type { Call, Route } from "./http/router.ts";

/** A file of the web page. */
export interface PageFile {
  /** Its media type. */
  readonly type: string;
  readonly body: string | Uint8Array;
}

/** What handlers need beside the request. */
export interface RouteOptions {
  readonly backend: AdminBackend;
  readonly events: EventHub;
  /** By path. */
  readonly page: ReadonlyMap<string, PageFile>;
  /** Milliseconds of `10s`; throws a SyntaxError or RangeError that explains what is wrong. */
  readonly parseDuration: (text: string) => number;
}

type Handler = (call: Call, options: RouteOptions) => Response | Promise<Response>;
type RouteEntry = Omit<Route, "handle"> & { readonly handle: Handler };

const ROUTES: readonly RouteEntry[] = [
  {
    method: "GET",
    path: "/healthz",
    access: "everyone",
    summary: "whether the program runs; needs no token",
    handle: () => json({ status: "ok" }),
  },
  {
    method: "GET",
    path: "/readyz",
    access: "everyone",
    summary: "whether it accepts connections; needs no token",
    handle: readiness,
  },
  {
    method: "GET",
    path: "/metrics",
    access: "token",
    summary: "Prometheus metrics",
    handle: (_, { backend }) =>
      new Response(backend.metrics(), { headers: { "content-type": PROMETHEUS_CONTENT_TYPE } }),
  },
  view("/api/v1/status", "the state of the program", (backend) => backend.status()),
  view("/api/v1/services", "services and their counters", (backend) => backend.services()),
  view("/api/v1/upstreams", "upstream groups and their endpoints", (backend) => backend.upstreams()),
  change("POST", "/api/v1/upstreams/:group/:endpoint", "sets an endpoint to up, drain or down", setEndpoint),
  {
    method: "GET",
    path: "/api/v1/connections",
    access: "token",
    summary: "open connections",
    handle: async ({ query }, { backend }) =>
      json(await backend.connections(readQuery(connectionQuery, query))),
  },
  change("DELETE", "/api/v1/connections/:id", "closes a connection", kill),
  {
    method: "GET",
    path: "/api/v1/events",
    access: "token",
    summary: "a stream of events",
    handle: ({ query }, { events }) =>
      new Response(events.open(readQuery(eventQuery, query)), {
        headers: { "content-type": "text/event-stream" },
      }),
  },
  view("/api/v1/config", "the configuration in effect, without secrets", (backend) => backend.config()),
  change("POST", "/api/v1/reload", "reloads configuration and certificates", reload),
  change("POST", "/api/v1/drain", "stops the program", ({ body }, { backend, parseDuration }) => {
    backend.drain(readBody(drainOrder(parseDuration), body).deadline);
    return json({ state: "draining" }, 202);
  }),
];

export function routesOf(options: RouteOptions): Route[] {
  return [
    ...ROUTES.map((route) => ({ ...route, handle: (call: Call) => route.handle(call, options) })),
    ...[...options.page].map(([path, file]) => pageRoute(path, file)),
  ];
}

/** The page's files hold no data, and the page has to ask for the token. */
function pageRoute(path: string, { type, body }: PageFile): Route {
  const content = typeof body === "string" ? body : new Blob([new Uint8Array(body)]);
  const handle = () => new Response(content, { headers: { "content-type": type } });
  return { method: "GET", path, access: "everyone", summary: "the web page; needs no token", handle };
}

/** Shows a value, and takes no parameters. */
function view(path: string, summary: string, read: (backend: AdminBackend) => unknown): RouteEntry {
  return {
    method: "GET",
    path,
    access: "token",
    summary,
    handle: ({ query }, { backend }) => {
      readQuery(nothing, query);
      return json(read(backend));
    },
  };
}

/** Changes something; its parameters are in the body. */
function change(method: "POST" | "DELETE", path: string, summary: string, handle: Handler): RouteEntry {
  return {
    method,
    path,
    access: "token",
    summary,
    handle: (call, options) => {
      readQuery(nothing, call.query);
      return handle(call, options);
    },
  };
}

/** A client without the token only learns whether sluice is ready, not the names of groups. */
function readiness({ isTrusted }: Call, { backend }: RouteOptions): Response {
  const { ready, not_ready: reasons } = backend.status();
  const not_ready = isTrusted ? reasons : reasons.length > 0 ? [reasonOf(reasons)] : [];
  return json({ ready, not_ready }, ready ? 200 : 503);
}

/** `draining` and `starting` stand alone; any other reason begins with the name of a group. */
function reasonOf(reasons: readonly string[]): string {
  const [first] = reasons;
  return first === "draining" || first === "starting" ? first : "upstreams";
}

async function kill({ params, body }: Call, { backend }: RouteOptions): Promise<Response> {
  readBody(nothing, body);
  const text = params["id"]!;
  const id = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(id) && await backend.kill(id)) return json({ id });
  throw new ApiError("no_such_connection", `No connection ${JSON.stringify(text)} is open`);
}

async function setEndpoint({ params, body }: Call, { backend }: RouteOptions): Promise<Response> {
  const group = params["group"]!;
  const address = params["endpoint"]!;
  const { state } = readBody(endpointChange, body);
  const endpoint = await backend.setEndpoint(group, address, state);
  if (endpoint !== undefined) return json(endpoint);
  const known = backend.upstreams().find(({ name }) => name === group);
  throw new ApiError(
    "no_such_endpoint",
    known === undefined
      ? `There is no upstream "${group}"`
      : `The upstream "${group}" has no endpoint "${address}"`,
  );
}

async function reload({ body }: Call, { backend }: RouteOptions): Promise<Response> {
  readBody(nothing, body);
  const { ok, detail } = await backend.reload();
  if (!ok) throw new ApiError("not_reloaded", detail);
  return json({ ok, detail });
}
