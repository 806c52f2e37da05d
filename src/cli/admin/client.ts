/** HTTP to the admin interface of a running proxy. */

import { createParser } from "eventsource-parser";
import type {
  AdminEvent,
  ConnectionPage,
  ConnectionQuery,
  EndpointView,
  FaultsView,
  FaultView,
  ServiceView,
  StatusView,
  UpstreamView,
} from "../../admin/views.ts";
import { type Address, formatAddress } from "../../net/address.ts";
import { AdminError, refusal, unintelligible, unreachable } from "./error.ts";
import type { AdminTarget } from "./target.ts";

/** The timeout for a response and for the next event, in milliseconds; `stats` come every second. */
const TIMEOUT = 10_000;

/** The most connections that the admin interface lists in one answer. */
export const PAGE_LIMIT = 1000;

/** The longest event, in characters: more than a proxy with very many services sends. */
const MAX_EVENT = 16 * 1024 * 1024;

/** The events that `top` needs besides `stats`. Not those of connections: there may be thousands a second. */
const EVENT_TYPES: readonly AdminEvent["type"][] = ["endpoint", "reload", "drain"];

/** Every method throws an AdminError if there is no response, or the response is an error. */
export class AdminClient implements Disposable {
  /** The address, for messages. */
  readonly address: string;
  readonly #http: Deno.HttpClient;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #closed = new AbortController();

  constructor({ address, token }: AdminTarget) {
    this.address = formatAddress(address);
    this.#http = Deno.createHttpClient({ proxy: transportTo(address) });
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  status(): Promise<StatusView> {
    return this.#json("GET", "/api/v1/status");
  }

  services(): Promise<ServiceView[]> {
    return this.#json("GET", "/api/v1/services");
  }

  upstreams(): Promise<UpstreamView[]> {
    return this.#json("GET", "/api/v1/upstreams");
  }

  connections({ filter, sort, isDescending, offset, limit }: ConnectionQuery): Promise<ConnectionPage> {
    const query = new URLSearchParams({ sort: isDescending ? `-${sort}` : sort });
    if (filter !== "") query.set("filter", filter);
    query.set("offset", String(offset));
    query.set("limit", String(limit));
    return this.#json("GET", `/api/v1/connections?${query}`);
  }

  /** Closes both sides of a connection; false if no open connection has this id. */
  async kill(id: number): Promise<boolean> {
    try {
      await this.#json("DELETE", `/api/v1/connections/${id}`);
      return true;
    } catch (error) {
      if (error instanceof AdminError && error.code === "no_such_connection") return false;
      throw error;
    }
  }

  setEndpoint(group: string, endpoint: string, state: EndpointView["admin"]): Promise<EndpointView> {
    const path = `${encodeURIComponent(group)}/${encodeURIComponent(endpoint)}`;
    return this.#json("POST", `/api/v1/upstreams/${path}`, { state });
  }

  /** The types of faults, and whether faults are enabled. */
  faultTypes(): Promise<FaultsView> {
    return this.#json("GET", "/api/v1/faults");
  }

  faults(service: string): Promise<FaultView[]> {
    return this.#json("GET", faultsPath(service));
  }

  addFault(service: string, fault: unknown): Promise<FaultView> {
    return this.#json("POST", faultsPath(service), fault);
  }

  changeFault(service: string, name: string, changes: unknown): Promise<FaultView> {
    return this.#json("PATCH", faultsPath(service, name), changes);
  }

  async removeFault(service: string, name: string): Promise<void> {
    await this.#json("DELETE", faultsPath(service, name));
  }

  /** Reloads; returns what has changed, in words. */
  reload(): Promise<{ readonly detail: string }> {
    return this.#json("POST", "/api/v1/reload");
  }

  /** Stops the proxy; `deadline` in milliseconds, undefined is its `shutdown.drain`. */
  async drain(deadline: number | undefined): Promise<void> {
    await this.#json("POST", "/api/v1/drain", deadline === undefined ? undefined : { deadline });
  }

  /** `stats` at once and every second, and the events that `top` needs, until the proxy ends the stream. */
  async *events(): AsyncGenerator<AdminEvent> {
    const silence = new AbortController();
    const giveUp = () => silence.abort(new Error(`silent for ${TIMEOUT / 1000} s`));
    let timer = setTimeout(giveUp, TIMEOUT);
    try {
      const response = await this.#send(
        "GET",
        `/api/v1/events?types=${EVENT_TYPES.join(",")}`,
        silence.signal,
      );
      if (response.body === null) throw unintelligible(this.address, response.status);
      const events: AdminEvent[] = [];
      const parser = createParser({
        onEvent: ({ data }) => events.push(JSON.parse(data)),
        maxBufferSize: MAX_EVENT,
      });
      const texts = response.body.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>);
      for await (const text of texts) {
        clearTimeout(timer);
        timer = setTimeout(giveUp, TIMEOUT);
        parser.feed(text);
        yield* events.splice(0);
      }
    } catch (cause) {
      throw cause instanceof AdminError ? cause : unreachable(this.address, cause);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Aborts requests in progress. */
  [Symbol.dispose](): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(new Error("closed"));
    this.#http.close();
  }

  async #json<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const late = new AbortController();
    const giveUp = () => late.abort(new Error(`no answer within ${TIMEOUT / 1000} s`));
    const timer = setTimeout(giveUp, TIMEOUT);
    try {
      const response = await this.#send(method, path, late.signal, body);
      const text = await response.text();
      return (text === "" ? undefined : this.#parsed(response, text)) as Answer;
    } catch (cause) {
      throw cause instanceof AdminError ? cause : unreachable(this.address, cause);
    } finally {
      clearTimeout(timer);
    }
  }

  async #send(method: string, path: string, signal: AbortSignal, body?: unknown): Promise<Response> {
    // Every admin interface accepts this name, and fetch refuses some ports in a URL. The transport has the address.
    const response = await fetch(`http://localhost${path}`, {
      client: this.#http,
      method,
      headers: { ...this.#headers, ...(body !== undefined && { "content-type": "application/json" }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      // A redirect must not send the token to another server.
      redirect: "manual",
      signal: AbortSignal.any([signal, this.#closed.signal]),
    });
    if (response.ok) return response;
    const said = this.#parsed(response, await response.text());
    const isTokenGiven = "authorization" in this.#headers;
    throw refusal({ address: this.address, status: response.status, isTokenGiven }, said);
  }

  #parsed(response: Response, text: string): unknown {
    try {
      return JSON.parse(text);
    } catch {
      throw unintelligible(this.address, response.status);
    }
  }
}

function faultsPath(service: string, name?: string): string {
  const path = `/api/v1/services/${encodeURIComponent(service)}/faults`;
  return name === undefined ? path : `${path}/${encodeURIComponent(name)}`;
}

/** Connects directly, whatever HTTP_PROXY says. */
export function transportTo(address: Address): Deno.Proxy {
  if (address.transport === "unix") return { transport: "unix", path: address.path };
  const { hostname, port } = address;
  return { transport: "tcp", hostname: hostname.includes(":") ? `[${hostname}]` : hostname, port };
}
