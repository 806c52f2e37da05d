/** The part of Consul's HTTP API that discovery uses, with blocking queries, as a server in this process. */

/** What `GET /v1/health/service/NAME` lists. */
export interface FakeInstance {
  readonly address: string;
  readonly port: number;
  readonly status?: "passing" | "warning" | "critical" | "maintenance";
}

export interface FakeConsulOptions {
  /** Requests without it are refused. */
  readonly token?: string;
  /** PEM texts, for https. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

export class FakeConsul implements AsyncDisposable {
  readonly #options: FakeConsulOptions;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #instances: readonly FakeInstance[] = [];
  #changed = Promise.withResolvers<void>();
  #index = 10;
  /** The token that requests must have. */
  token: string | undefined;
  /** Answers the next requests with this in place of instances. */
  answer: (() => Response) | undefined;
  /** The paths with queries that were asked for. */
  readonly asked: string[] = [];

  constructor(options: FakeConsulOptions = {}) {
    this.#options = options;
    this.token = options.token;
    const handler = (request: Request) => this.#handle(request);
    const on = { hostname: "127.0.0.1", port: 0, onListen() {} };
    this.#server = options.tls === undefined
      ? Deno.serve(on, handler)
      : Deno.serve({ ...on, ...options.tls }, handler);
  }

  get address(): string {
    const { port } = this.#server.addr;
    return `${this.#options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  }

  /** Answers the requests that wait. @param index The new index; the next one unless given. */
  set(instances: readonly FakeInstance[], index = this.#index + 1): void {
    this.#instances = instances;
    this.#index = index;
    this.wake();
  }

  /** Answers the requests that wait as if their time had passed. */
  wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.wake();
    await this.#server.shutdown();
  }

  async #handle(request: Request): Promise<Response> {
    const { pathname, search, searchParams } = new URL(request.url);
    this.asked.push(pathname + search);
    if (this.token !== undefined && request.headers.get("X-Consul-Token") !== this.token) {
      return new Response(
        "Permission denied: token with AccessorID 'anonymous' lacks permission 'service:read'",
        {
          status: 403,
        },
      );
    }
    const isBlocking = Number(searchParams.get("index") ?? 0) === this.#index;
    if (this.answer === undefined && isBlocking) await this.#changed.promise;
    if (this.answer !== undefined) return this.answer();
    return Response.json(this.#instances.map(entryOf), {
      headers: { "X-Consul-Index": String(this.#index) },
    });
  }
}

function entryOf({ address, port, status = "passing" }: FakeInstance) {
  const id = `db-${port}`;
  return {
    Node: { Node: "node-1", Address: "192.0.2.1" },
    Service: { ID: id, Address: address, Port: port, Weights: { Passing: 1, Warning: 1 } },
    Checks: [
      { CheckID: "serfHealth", Status: "passing" },
      status === "maintenance"
        ? { CheckID: `_service_maintenance:${id}`, Status: "critical" }
        : { CheckID: `service:${id}`, Status: status },
    ],
  };
}
