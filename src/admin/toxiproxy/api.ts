/** The HTTP API of toxiproxy 2.12 (https://github.com/Shopify/toxiproxy#http-api): its routes, fields and errors. */

import { messageOf, stackOf } from "../../observe/log/error_text.ts";
import { type Log, silentLog } from "../../observe/log/log.ts";
import { type AdminRequest, urlOf } from "../http/request.ts";
import { type Toxic, type ToxiproxyBackend, ToxiproxyError, type ToxiproxyProxy } from "./backend.ts";
import { badBody, jsonOf, type ProxyInput, proxyInput, toxicInput } from "./input.ts";

/** The version of toxiproxy whose API this is: clients compare it. */
const TOXIPROXY_VERSION = "2.12.0";

/** The largest body, in bytes. */
const MAX_BODY = 1024 * 1024;

const NOT_FOUND = "proxy not found";

/** A proxy as it appears in responses. */
interface ProxyView extends ToxiproxyProxy {
  readonly toxics: readonly Toxic[];
}

interface Call {
  /** The named segments of the path. */
  readonly names: readonly string[];
  /** The JSON value of the body. */
  body(): Promise<unknown>;
}

interface ToxiproxyRoute {
  readonly methods: readonly string[];
  readonly path: RegExp;
  handle(call: Call): Promise<Response> | Response;
}

export class ToxiproxyApi {
  readonly #backend: ToxiproxyBackend;
  readonly #log: Log;
  /** Requests that change something come one after the other. */
  #changing: Promise<unknown> = Promise.resolve();

  readonly #routes: readonly ToxiproxyRoute[] = [
    route("POST", "/reset", () => this.#alone(() => this.#reset())),
    route("GET", "/proxies", () => json(Object.fromEntries(this.#all().map((each) => [each.name, each])))),
    route("POST", "/proxies", (call) => this.#alone(() => this.#create(call))),
    route("POST", "/populate", (call) => this.#alone(() => this.#populate(call))),
    route("GET", "/proxies/:proxy", ({ names: [name] }) => json(this.#view(this.#proxy(name!)))),
    route("PATCH POST", "/proxies/:proxy", (call) => this.#alone(() => this.#update(call))),
    route("DELETE", "/proxies/:proxy", ({ names: [name] }) => this.#alone(() => this.#delete(name!))),
    route("GET", "/proxies/:proxy/toxics", ({ names: [name] }) => json(this.#toxics(this.#proxy(name!)))),
    route("POST", "/proxies/:proxy/toxics", (call) => this.#alone(() => this.#addToxic(call))),
    route(
      "GET",
      "/proxies/:proxy/toxics/:toxic",
      ({ names: [proxy, toxic] }) => json(this.#toxic(proxy!, toxic!)),
    ),
    route(
      "PATCH POST",
      "/proxies/:proxy/toxics/:toxic",
      (call) => this.#alone(() => this.#updateToxic(call)),
    ),
    route("DELETE", "/proxies/:proxy/toxics/:toxic", (call) => this.#alone(() => this.#removeToxic(call))),
    route("GET", "/version", () => json({ version: TOXIPROXY_VERSION })),
    route("GET", "/metrics", () => this.#metrics()),
  ];

  constructor(backend: ToxiproxyBackend, log: Log = silentLog()) {
    this.#backend = backend;
    this.#log = log;
  }

  /** Answers a request. Never rejects. */
  async answer(request: AdminRequest): Promise<Response> {
    const response = await this.#answer(request).catch((error) => this.#explain(request, error));
    response.headers.set("x-toxiproxy-request-id", crypto.randomUUID());
    return response;
  }

  async #answer(request: AdminRequest): Promise<Response> {
    if (isFromBrowser(request.headers)) return text("User agent not allowed\n", 403);
    const path = urlOf(request.target)?.pathname;
    const found = this.#routes.flatMap((each) => {
      const match = path === undefined ? null : each.path.exec(path);
      return match === null ? [] : [{ route: each, names: match.slice(1).map(decoded) }];
    });
    if (found.length === 0) return text("404 page not found\n", 404);
    const match = found.find(({ route }) => route.methods.includes(request.method));
    if (match === undefined) return new Response(null, { status: 405 });
    return await match.route.handle({ names: match.names, body: () => jsonOf(request.body, MAX_BODY) });
  }

  #explain({ method, target }: AdminRequest, error: unknown): Response {
    if (error instanceof ToxiproxyError) {
      return json({ error: error.message, status: error.status }, error.status);
    }
    this.#log.error("A request to the toxiproxy API failed", {
      event: "admin_error",
      request: `${method} ${target}`,
      detail: stackOf(error),
    });
    return json({ error: messageOf(error), status: 500 }, 500);
  }

  #alone(change: () => Promise<Response>): Promise<Response> {
    const changed = this.#changing.then(change);
    this.#changing = changed.catch(() => {});
    return changed;
  }

  /** A proxy that cannot be enabled must not prevent the reset of the others, on which later tests depend. */
  async #reset(): Promise<Response> {
    const errors: unknown[] = [];
    for (const proxy of this.#backend.proxies().values()) {
      for (const { name } of this.#backend.toxics(proxy.name)) {
        await this.#backend.removeToxic(proxy.name, name);
      }
      if (proxy.enabled) continue;
      await this.#backend.update({ ...proxy, enabled: true }).catch((error) => errors.push(error));
    }
    if (errors.length > 0) throw errors[0];
    return new Response(null, { status: 204 });
  }

  async #create({ body }: Call): Promise<Response> {
    const proxy = complete(proxyInput(await body()));
    if (this.#backend.proxies().has(proxy.name)) throw new ToxiproxyError("proxy already exists", 409);
    await this.#backend.create(proxy);
    return json(this.#view(this.#proxy(proxy.name)), 201);
  }

  /** Keeps proxies that are as requested. Stops at the first that cannot be created, and keeps those before it. */
  async #populate({ body }: Call): Promise<Response> {
    const entries = await body();
    if (!Array.isArray(entries)) throw badBody("expected a JSON array of proxies");
    const wanted = entries.map((entry, index) => complete(proxyInput(entry), ` at proxy ${index + 1}`));
    const done: ToxiproxyProxy[] = [];
    try {
      for (const proxy of wanted) {
        if (!this.#isThere(proxy)) await this.#backend.create(proxy);
        done.push(proxy);
      }
    } catch (error) {
      if (!(error instanceof ToxiproxyError)) throw error;
      const proxies = done.map(({ name }) => this.#view(this.#proxy(name)));
      return json({ error: error.message, status: error.status, proxies }, error.status);
    }
    return json({ proxies: done.map(({ name }) => this.#view(this.#proxy(name))) }, 201);
  }

  #isThere({ name, listen, upstream }: ToxiproxyProxy): boolean {
    const there = this.#backend.proxies().get(name);
    return there?.upstream === upstream && this.#backend.isSameListen(there.listen, listen);
  }

  async #update({ names: [name], body }: Call): Promise<Response> {
    const proxy = this.#proxy(name!);
    const { listen = proxy.listen, upstream = proxy.upstream, enabled = proxy.enabled } = proxyInput(
      await body(),
    );
    await this.#backend.update({ name: proxy.name, listen, upstream, enabled });
    return json(this.#view(this.#proxy(name!)));
  }

  async #delete(name: string): Promise<Response> {
    await this.#backend.delete(this.#proxy(name).name);
    return new Response(null, { status: 204 });
  }

  async #addToxic({ names: [name], body }: Call): Promise<Response> {
    const proxy = this.#proxy(name!);
    const { type = "", stream = "downstream", toxicity = 1, attributes = {}, ...input } = toxicInput(
      await body(),
    );
    const toxic: Toxic = { name: input.name || `${type}_${stream}`, type, stream, toxicity, attributes };
    if (this.#toxics(proxy).some((each) => each.name === toxic.name)) {
      throw new ToxiproxyError("toxic already exists", 409);
    }
    await this.#backend.addToxic(proxy.name, toxic);
    return json(this.#toxic(proxy.name, toxic.name));
  }

  /** Only attributes and toxicity can change. */
  async #updateToxic({ names: [proxy, name], body }: Call): Promise<Response> {
    const toxic = this.#toxic(proxy!, name!);
    const { toxicity = toxic.toxicity, attributes } = toxicInput(await body());
    await this.#backend.updateToxic(proxy!, {
      ...toxic,
      toxicity,
      attributes: { ...toxic.attributes, ...attributes },
    });
    return json(this.#toxic(proxy!, name!));
  }

  async #removeToxic({ names: [proxy, toxic] }: Call): Promise<Response> {
    await this.#backend.removeToxic(proxy!, this.#toxic(proxy!, toxic!).name);
    return new Response(null, { status: 204 });
  }

  #metrics(): Response {
    const { metrics } = this.#backend;
    if (metrics === undefined) return text("404 page not found\n", 404);
    return text(metrics(), 200, "text/plain; version=0.0.4; charset=utf-8");
  }

  #all(): readonly ProxyView[] {
    return [...this.#backend.proxies().values()].map((proxy) => this.#view(proxy));
  }

  #view(proxy: ToxiproxyProxy): ProxyView {
    const { name, listen, upstream, enabled } = proxy;
    return { name, listen, upstream, enabled, toxics: this.#toxics(proxy) };
  }

  #proxy(name: string): ToxiproxyProxy {
    const proxy = this.#backend.proxies().get(name);
    if (proxy === undefined) throw new ToxiproxyError(NOT_FOUND, 404);
    return proxy;
  }

  /** Toxics of the upstream direction come first, as in toxiproxy. */
  #toxics({ name }: ToxiproxyProxy): readonly Toxic[] {
    const toxics = this.#backend.toxics(name);
    return ["upstream", "downstream"].flatMap((stream) => toxics.filter((toxic) => toxic.stream === stream));
  }

  #toxic(proxy: string, name: string): Toxic {
    const toxic = this.#toxics(this.#proxy(proxy)).find((each) => each.name === name);
    if (toxic === undefined) throw new ToxiproxyError("toxic not found", 404);
    return toxic;
  }
}

function route(
  methods: string,
  path: string,
  handle: (call: Call) => Promise<Response> | Response,
): ToxiproxyRoute {
  const pattern = new RegExp(`^${path.replaceAll(/:\w+/g, "([^/]+)")}$`);
  return { methods: methods.split(" "), path: pattern, handle };
}

/** @throws {ToxiproxyError} when a required field is missing. */
function complete({ name, listen = "", upstream, enabled = true }: ProxyInput, place = ""): ToxiproxyProxy {
  if (!name) throw new ToxiproxyError(`missing required field: name${place}`, 400);
  if (!upstream) throw new ToxiproxyError(`missing required field: upstream${place}`, 400);
  return { name, listen, upstream, enabled };
}

/** Browsers are refused: a page of any site could send requests to this machine, and there is no token. */
function isFromBrowser(headers: Headers): boolean {
  return headers.get("user-agent")?.startsWith("Mozilla/") === true || headers.has("origin") ||
    headers.has("sec-fetch-site");
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment; // a "%" without two hexadecimal digits, which no name contains
  }
}

function json(value: unknown, status = 200): Response {
  return text(`${JSON.stringify(value)}\n`, status, "application/json");
}

function text(body: string, status: number, type = "text/plain; charset=utf-8"): Response {
  return new Response(body, { status, headers: { "content-type": type } });
}
