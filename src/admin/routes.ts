/**
 * The routes of the admin interface: each is one entry here. `deno task docs` lists them in docs/api.md, where each has
 * a section with an example that a test runs.
 */

import { PROMETHEUS_CONTENT_TYPE } from "../observe/metrics/prometheus.ts";
import { ApiError } from "./api_error.ts";
import type { AdminBackend } from "./backend.ts";
import type { FaultView } from "./views.ts";
import type { EventHub } from "./events/event_hub.ts";
import {
  connectionQuery,
  drainOrder,
  endpointChange,
  eventQuery,
  killing,
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

/** What handlers need besides the request. */
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

const FAULTS = "/api/v1/services/:service/faults";

const ROUTES: readonly RouteEntry[] = [
  get("/healthz", "whether the program runs; needs no token", () => json({ status: "ok" }), "public"),
  get("/readyz", "whether it accepts connections; needs no token", readiness, "public"),
  get("/metrics", "Prometheus metrics", (_, { backend }) => text(backend.metrics(), PROMETHEUS_CONTENT_TYPE)),
  view("/api/v1/status", "the state of the program", (backend) => backend.status()),
  view("/api/v1/services", "services and their counters", (backend) => backend.services()),
  view("/api/v1/upstreams", "upstream groups and their endpoints", (backend) => backend.upstreams()),
  change("POST", "/api/v1/upstreams/:group/:endpoint", "sets an endpoint to up, drain or down", setEndpoint),
  view("/api/v1/faults", "types of faults, and whether they can be used", ({ faults }) => faults.overview()),
  view(FAULTS, "faults of a service", ({ faults }, { service }) => faults.list(service!)),
  change(
    "POST",
    FAULTS,
    "adds a fault",
    async ({ params: { service }, body }, { backend }) =>
      json(await backend.faults.add(service!, body ?? {}), 201),
  ),
  view(`${FAULTS}/:fault`, "a fault", ({ faults }, params) => findFault(params, faults)),
  change(
    "PATCH",
    `${FAULTS}/:fault`,
    "changes a fault",
    async ({ params, body }, { backend }) =>
      json(await backend.faults.change(params["service"]!, params["fault"]!, body ?? {})),
  ),
  change("DELETE", `${FAULTS}/:fault`, "removes a fault", removeFault),
  get(
    "/api/v1/connections",
    "open connections",
    async ({ query }, { backend }) => json(await backend.connections(readQuery(connectionQuery, query))),
  ),
  change("DELETE", "/api/v1/connections/:id", "closes a connection", kill),
  get(
    "/api/v1/events",
    "a stream of events",
    ({ query }, { events }) => text(events.open(readQuery(eventQuery, query)), "text/event-stream"),
  ),
  view("/api/v1/config", "the configuration in effect, without secrets", (backend) => backend.config()),
  change("POST", "/api/v1/reload", "reloads configuration and certificates", reload),
  change("POST", "/api/v1/drain", "stops the program", ({ body }, { backend, parseDuration }) => {
    const order = readBody(drainOrder(parseDuration), body);
    const { deadline, handed_over: isHandedOver = false, not_after: notAfter = Infinity } = order;
    if (Date.now() > notAfter) {
      throw new ApiError("too_late", "The request is older than its not_after: its sender has given up");
    }
    backend.drain(deadline, isHandedOver);
    return json({ state: "draining" }, 202);
  }),
];

export function routesOf(options: RouteOptions): Route[] {
  return [
    ...ROUTES.map((route) => ({ ...route, handle: (call: Call) => route.handle(call, options) })),
    ...[...options.page].map(([path, file]) => pageRoute(path, file)),
  ];
}

/** No token: the files of the page hold no data, and the page itself asks for the token. */
function pageRoute(path: string, { type, body }: PageFile): Route {
  const content = typeof body === "string" ? body : new Blob([new Uint8Array(body)]);
  const summary = "the web page; needs no token";
  return { method: "GET", path, access: "public", summary, handle: () => text(content, type) };
}

function text(body: BodyInit, type: string): Response {
  return new Response(body, { headers: { "content-type": type } });
}

function get(path: string, summary: string, handle: Handler, access: Route["access"] = "token"): RouteEntry {
  return { method: "GET", path, access, summary, handle };
}

/** A route that shows a value and takes no parameters. */
function view(
  path: string,
  summary: string,
  read: (backend: AdminBackend, params: Call["params"]) => unknown,
): RouteEntry {
  return get(path, summary, ({ query, params }, { backend }) => {
    readQuery(nothing, query);
    return json(read(backend, params));
  });
}

/** A route that changes something; its parameters are in the body. */
function change(
  method: "POST" | "PATCH" | "DELETE",
  path: string,
  summary: string,
  handle: Handler,
): RouteEntry {
  const withoutQuery: Handler = (call, options) => {
    readQuery(nothing, call.query);
    return handle(call, options);
  };
  return { ...get(path, summary, withoutQuery), method };
}

/** A client without the token only learns whether sluice is ready, not the names of groups. */
function readiness({ isTrusted }: Call, { backend }: RouteOptions): Response {
  const { ready, not_ready: reasons } = backend.status();
  const not_ready = isTrusted ? reasons : reasons.length > 0 ? [reasonOf(reasons)] : [];
  return json({ ready, not_ready }, ready ? 200 : 503);
}

/** Reasons that stand alone; any other one begins with the name of a group. */
const OWN_REASONS = ["draining", "starting", "gateway"];

function reasonOf(reasons: readonly string[]): string {
  const [first] = reasons;
  return first !== undefined && OWN_REASONS.includes(first) ? first : "upstreams";
}

function findFault({ service, fault }: Call["params"], faults: AdminBackend["faults"]): FaultView {
  const found = faults.list(service!).find(({ name }) => name === fault);
  if (found !== undefined) return found;
  throw new ApiError("no_such_fault", `Service "${service}" has no fault "${fault}"`);
}

async function removeFault({ params, body }: Call, { backend }: RouteOptions): Promise<Response> {
  readBody(nothing, body);
  const name = params["fault"]!;
  await backend.faults.remove(params["service"]!, name);
  return json({ name });
}

async function kill({ params, body }: Call, { backend }: RouteOptions): Promise<Response> {
  const { reset } = readBody(killing, body);
  const written = params["id"]!;
  const id = Number(written);
  if (/^\d+$/.test(written) && Number.isSafeInteger(id) && await backend.kill(id, reset)) return json({ id });
  throw new ApiError("no_such_connection", `No connection ${JSON.stringify(written)} is open`);
}

async function setEndpoint({ params, body }: Call, { backend }: RouteOptions): Promise<Response> {
  const group = params["group"]!;
  const address = params["endpoint"]!;
  const { state } = readBody(endpointChange, body);
  const endpoint = await backend.setEndpoint(group, address, state);
  if (endpoint !== undefined) return json(endpoint);
  const known = backend.upstreams().find(({ name }) => name === group);
  const what = known === undefined
    ? `There is no upstream "${group}"`
    : `The upstream "${group}" has no endpoint "${address}"`;
  throw new ApiError("no_such_endpoint", what);
}

async function reload({ body }: Call, { backend }: RouteOptions): Promise<Response> {
  readBody(nothing, body);
  const { ok, detail } = await backend.reload();
  if (!ok) throw new ApiError("not_reloaded", detail);
  return json({ ok, detail });
}
