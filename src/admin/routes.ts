/** Everything that the admin interface answers to. Documented in docs/api.md. */

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

export interface RouteOptions {
  readonly backend: AdminBackend;
  readonly events: EventHub;
  /** By path. */
  readonly page: ReadonlyMap<string, PageFile>;
  /** Milliseconds of `10s`; throws a SyntaxError or RangeError whose message says what is wrong. */
  readonly parseDuration: (text: string) => number;
}

export function routesOf({ backend, events, page, parseDuration }: RouteOptions): Route[] {
  return [
    { method: "GET", path: "/healthz", access: "everyone", handle: () => json({ status: "ok" }) },
    { method: "GET", path: "/readyz", access: "everyone", handle: (call) => readiness(backend, call) },
    { method: "GET", path: "/metrics", access: "token", handle: () => metrics(backend) },
    view("/api/v1/status", () => backend.status()),
    view("/api/v1/services", () => backend.services()),
    view("/api/v1/upstreams", () => backend.upstreams()),
    view("/api/v1/config", () => backend.config()),
    {
      method: "GET",
      path: "/api/v1/connections",
      access: "token",
      handle: async ({ query }) => json(await backend.connections(readQuery(connectionQuery, query))),
    },
    {
      method: "GET",
      path: "/api/v1/events",
      access: "token",
      handle: ({ query }) => eventStream(events, query),
    },
    order("DELETE", "/api/v1/connections/:id", (call) => kill(backend, call)),
    order("POST", "/api/v1/upstreams/:group/:endpoint", (call) => setEndpoint(backend, call)),
    order("POST", "/api/v1/drain", ({ body }) => {
      backend.drain(readBody(drainOrder(parseDuration), body).deadline);
      return json({ state: "draining" }, 202);
    }),
    order("POST", "/api/v1/reload", (call) => reload(backend, call)),
    ...[...page].map(([path, file]) => pageRoute(path, file)),
  ];
}

/** The page's files hold no data, and the page has to ask for the token. */
function pageRoute(path: string, { type, body }: PageFile): Route {
  const content = typeof body === "string" ? body : new Blob([new Uint8Array(body)]);
  const handle = () => new Response(content, { headers: { "content-type": type } });
  return { method: "GET", path, access: "everyone", handle };
}

/** Shows a value, and takes no parameters. */
function view(path: string, read: () => unknown): Route {
  return {
    method: "GET",
    path,
    access: "token",
    handle: ({ query }) => {
      readQuery(nothing, query);
      return json(read());
    },
  };
}

/** Changes something; its parameters come in the body. */
function order(method: "POST" | "DELETE", path: string, handle: Route["handle"]): Route {
  return {
    method,
    path,
    access: "token",
    handle: (call) => {
      readQuery(nothing, call.query);
      return handle(call);
    },
  };
}

/** A client without the token only learns whether sluice is ready, not the names of groups. */
function readiness(backend: AdminBackend, { isTrusted }: Call): Response {
  const { ready, not_ready: reasons } = backend.status();
  const not_ready = isTrusted ? reasons : reasons.length > 0 ? [reasonOf(reasons)] : [];
  return json({ ready, not_ready }, ready ? 200 : 503);
}

/** `draining` and `starting` stand alone; any other reason begins with the name of a group. */
function reasonOf(reasons: readonly string[]): string {
  const [first] = reasons;
  return first === "draining" || first === "starting" ? first : "upstreams";
}

function metrics(backend: AdminBackend): Response {
  return new Response(backend.metrics(), {
    headers: { "content-type": PROMETHEUS_CONTENT_TYPE },
  });
}

function eventStream(events: EventHub, query: URLSearchParams): Response {
  return new Response(events.open(readQuery(eventQuery, query)), {
    headers: { "content-type": "text/event-stream" },
  });
}

async function kill(backend: AdminBackend, { params, body }: Call): Promise<Response> {
  readBody(nothing, body);
  const text = params["id"]!;
  const id = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(id) && await backend.kill(id)) return json({ id });
  throw new ApiError("no_such_connection", `No connection ${JSON.stringify(text)} is open`);
}

async function setEndpoint(backend: AdminBackend, { params, body }: Call): Promise<Response> {
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

async function reload(backend: AdminBackend, { body }: Call): Promise<Response> {
  readBody(nothing, body);
  const { ok, detail } = await backend.reload();
  if (!ok) throw new ApiError("not_reloaded", detail);
  return json({ ok, detail });
}
