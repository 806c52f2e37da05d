/** The Kubernetes API as far as `sluice gateway` uses it: lists, watches and status, as a server in this process. */

import { type JsonObject, objectOf } from "../../../src/upstream/discovery/kubernetes/endpoint_slice.ts";
import { eventually } from "../eventually.ts";

interface Event {
  readonly version: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: JsonObject;
}

interface Watch {
  readonly accepts: (object: JsonObject) => boolean;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
}

/** The resources of kinds, with the part of the path before them. */
const RESOURCES: Readonly<Record<string, readonly [api: string, resource: string]>> = {
  GatewayClass: ["/apis/gateway.networking.k8s.io/v1", "gatewayclasses"],
  Gateway: ["/apis/gateway.networking.k8s.io/v1", "gateways"],
  TCPRoute: ["/apis/gateway.networking.k8s.io/v1", "tcproutes"],
  TLSRoute: ["/apis/gateway.networking.k8s.io/v1", "tlsroutes"],
  ReferenceGrant: ["/apis/gateway.networking.k8s.io/v1", "referencegrants"],
  Namespace: ["/api/v1", "namespaces"],
  Service: ["/api/v1", "services"],
  Secret: ["/api/v1", "secrets"],
  EndpointSlice: ["/apis/discovery.k8s.io/v1", "endpointslices"],
};

export class FakeCluster implements AsyncDisposable {
  /** Refuses all requests, as an API server without its storage. */
  isDown = false;
  /** Status is stored once this resolves. */
  statusGate: Promise<void> = Promise.resolve();
  /** The requests so far, such as `GET /api/v1/namespaces`. */
  readonly requests: string[] = [];
  /** The requests that are refused because of missing rights, by their path. */
  readonly forbidden = new Set<string>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #objects = new Map<string, JsonObject>();
  readonly #events: Event[] = [];
  readonly #watches = new Set<Watch>();
  #version = 1;

  constructor(objects: readonly JsonObject[] = []) {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => this.#handle(request),
    );
    this.put(...objects);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Adds objects, or replaces all but their status, and sends the change to all watches. */
  put(...objects: readonly JsonObject[]): void {
    for (const object of objects) {
      const before = this.#objects.get(keyOf(object));
      const metadata = objectOf(object.metadata);
      const { generation = 0, uid = crypto.randomUUID() } = objectOf(before?.metadata);
      const own = { ...metadata, generation: Number(generation) + 1, uid };
      this.#store({
        ...object,
        metadata: own,
        status: object.status ?? before?.status,
      });
    }
  }

  remove(...objects: readonly JsonObject[]): void {
    for (const object of objects) {
      const known = this.#objects.get(keyOf(object));
      if (known === undefined) throw new Error(`No ${keyOf(object)} to remove`);
      this.#objects.delete(keyOf(object));
      this.#notify("DELETED", known);
    }
  }

  /** The status of an object as it is now. */
  status(kind: string, name: string, namespace = "prod"): JsonObject {
    return objectOf(this.#objects.get(`${kind} ${namespace}/${name}`)?.status);
  }

  /** Waits until the status of an object, as text, matches. */
  async untilStatus(kind: string, name: string, pattern: RegExp): Promise<void> {
    await eventually(
      `${kind} ${name}: ${pattern}`,
      () => JSON.stringify(this.status(kind, name)),
      (text) => pattern.test(text),
    );
  }

  /** Refuses from now on, and ends all watches. */
  goDown(): void {
    this.isDown = true;
    for (const { controller } of this.#watches) controller.close();
    this.#watches.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.goDown();
    await this.#server.shutdown();
  }

  #store(object: JsonObject): void {
    const type = this.#objects.has(keyOf(object)) ? "MODIFIED" : "ADDED";
    this.#objects.set(keyOf(object), this.#notify(type, object));
  }

  #notify(type: Event["type"], object: JsonObject): JsonObject {
    const version = ++this.#version;
    const changed = {
      ...object,
      metadata: { ...objectOf(object.metadata), resourceVersion: String(version) },
    };
    const event = { version, type, object: changed };
    this.#events.push(event);
    for (const { accepts, controller } of this.#watches) {
      if (accepts(changed)) controller.enqueue(lineOf(event));
    }
    return changed;
  }

  async #handle(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    this.requests.push(`${request.method} ${pathname}`);
    if (this.isDown) return refusal(503, "etcd cannot be reached");
    if (this.forbidden.has(pathname)) return refusal(403, `${pathname} is forbidden`);
    if (request.method === "PATCH") {
      const change = objectOf(await request.json());
      await this.statusGate;
      return this.#patch(pathname, change);
    }
    const [, only] = /^metadata\.name=(.+)$/.exec(searchParams.get("fieldSelector") ?? "") ?? [];
    const accepts = (object: JsonObject) =>
      pathsOf(object).includes(pathname) && (only === undefined || objectOf(object.metadata).name === only);
    if (searchParams.get("watch") !== null) {
      return this.#watch(Number(searchParams.get("resourceVersion")), accepts);
    }
    const items = [...this.#objects.values()].filter(accepts);
    return Response.json({ metadata: { resourceVersion: String(this.#version) }, items });
  }

  #watch(since: number, accepts: Watch["accepts"]): Response {
    let own: Watch;
    return new Response(
      new ReadableStream<Uint8Array>({
        start: (controller) => {
          this.#watches.add(own = { accepts, controller });
          for (const event of this.#events) {
            if (event.version > since && accepts(event.object)) controller.enqueue(lineOf(event));
          }
        },
        cancel: () => void this.#watches.delete(own),
      }),
    );
  }

  /** Merges the status alone, as the API does below `/status`. */
  #patch(path: string, change: JsonObject): Response {
    const object = [...this.#objects.values()].find((each) =>
      pathsOf(each).some((list) => path === `${list}/${objectOf(each.metadata).name}/status`)
    );
    if (object === undefined) return refusal(404, "not found");
    const version = objectOf(change.metadata).resourceVersion;
    if (version !== objectOf(object.metadata).resourceVersion) {
      return refusal(409, "the object has been modified");
    }
    this.#store({ ...object, status: { ...objectOf(object.status), ...objectOf(change.status) } });
    return Response.json({});
  }
}

function keyOf({ kind, metadata }: JsonObject): string {
  const { namespace, name } = objectOf(metadata);
  return `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
}

/** The collections that an object is in: that of its namespace, and that of all. */
function pathsOf({ kind, metadata }: JsonObject): string[] {
  const [api, resource] = RESOURCES[String(kind)]!;
  const { namespace } = objectOf(metadata);
  return [
    `${api}/${resource}`,
    ...namespace === undefined ? [] : [`${api}/namespaces/${namespace}/${resource}`],
  ];
}

function lineOf({ type, object }: Event): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ type, object })}\n`);
}

function refusal(code: number, message: string): Response {
  return Response.json({ kind: "Status", code, message }, { status: code });
}
