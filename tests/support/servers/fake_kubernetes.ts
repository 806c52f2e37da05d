/** The part of the Kubernetes API that discovery uses, lists and watches of EndpointSlices, as a server in this process. */

/** A pod, which has a slice of its own. */
export interface FakePod {
  /** An address with a port. */
  readonly address: string;
  readonly isTerminating?: boolean;
}

type Watch = ReadableStreamDefaultController<Uint8Array>;

export class FakeKubernetes implements AsyncDisposable {
  /** The token that requests must have. */
  token = "";
  /** Refuses all requests, as an API server without its storage. */
  isDown = false;
  /** Requests that were refused, by their status. */
  readonly refused: number[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #watches = new Set<Watch>();
  #pods: readonly FakePod[] = [];
  #version = 1;

  /** @param tls PEM texts. */
  constructor(tls: { readonly cert: string; readonly key: string }) {
    const on = { hostname: "127.0.0.1", port: 0, onListen() {} };
    this.#server = Deno.serve({ ...on, ...tls }, (request) => this.#handle(request));
  }

  get address(): string {
    return `https://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Replaces all pods, and sends the change to all watches. */
  set(pods: readonly FakePod[]): void {
    this.#version++;
    const gone = this.#pods.filter(({ address }) => !pods.some((pod) => pod.address === address));
    this.#pods = pods;
    const events = [
      ...gone.map((pod) => ({ type: "DELETED", object: this.#slice(pod) })),
      ...pods.map((pod) => ({ type: "MODIFIED", object: this.#slice(pod) })),
    ];
    for (const watch of this.#watches) watch.enqueue(lines(events));
  }

  /** Ends all watches, as the server does after their time. */
  endWatches(): void {
    for (const watch of this.#watches) watch.close();
    this.#watches.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.endWatches();
    await this.#server.shutdown();
  }

  #handle(request: Request): Response {
    if (this.isDown) return this.#refuse(503, "etcd cannot be reached");
    if (request.headers.get("authorization") !== `Bearer ${this.token}`) {
      return this.#refuse(401, "Unauthorized");
    }
    const { pathname, searchParams } = new URL(request.url);
    const isKnown = pathname === "/apis/discovery.k8s.io/v1/namespaces/prod/endpointslices" &&
      searchParams.get("labelSelector") === "kubernetes.io/service-name=db";
    if (!isKnown) return this.#refuse(404, "not found");
    if (searchParams.get("watch") !== null) return this.#watch(searchParams.get("resourceVersion"));
    const metadata = { resourceVersion: String(this.#version) };
    return Response.json({
      kind: "EndpointSliceList",
      metadata,
      items: this.#pods.map((pod) => this.#slice(pod)),
    });
  }

  #watch(since: string | null): Response {
    // What has changed since then is not kept, so that it takes a new list.
    if (since !== String(this.#version)) return this.#refuse(410, "too old resource version");
    let own: Watch;
    return new Response(
      new ReadableStream<Uint8Array>({
        start: (controller) => void this.#watches.add(own = controller),
        cancel: () => void this.#watches.delete(own),
      }),
    );
  }

  #refuse(code: number, message: string): Response {
    this.refused.push(code);
    return Response.json({ kind: "Status", code, message }, { status: code });
  }

  #slice({ address, isTerminating = false }: FakePod) {
    const [host, port] = address.split(":");
    return {
      metadata: { name: `db-${port}`, resourceVersion: String(this.#version) },
      addressType: "IPv4",
      ports: [{ name: "main", port: Number(port), protocol: "TCP" }],
      endpoints: [{
        addresses: [host],
        conditions: { ready: !isTerminating, serving: true, terminating: isTerminating },
      }],
    };
  }
}

function lines(events: readonly unknown[]): Uint8Array {
  return new TextEncoder().encode(events.map((event) => `${JSON.stringify(event)}\n`).join(""));
}
