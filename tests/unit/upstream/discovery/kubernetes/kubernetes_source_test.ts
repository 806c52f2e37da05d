import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "../../../../support/eventually.ts";
import { formatAddress } from "../../../../../src/net/address.ts";
import { inClusterServer } from "../../../../../src/upstream/discovery/kubernetes/service_account.ts";
import type { KubernetesEntry } from "../../../../../src/config/schema/kubernetes_schema.ts";
import { readFile } from "../../../../../src/files/read_file.ts";
import { realSourceParts } from "../../../../../src/upstream/discovery/source_parts.ts";
import {
  kubernetesSource,
  watchService,
} from "../../../../../src/upstream/discovery/kubernetes/kubernetes_source.ts";
import { sliceObject } from "./slices.ts";

Deno.test("watchService() asks for the slices of the service, with the token that the file has now", async () => {
  await using api = await Api.start();
  await using watch = api.watch();
  await watch.reported(["10.0.0.1:5432"]);
  await api.asked(2);
  for (const { url, authorization } of api.requests) {
    assert.equal(url.pathname, "/apis/discovery.k8s.io/v1/namespaces/prod/endpointslices");
    assert.equal(url.searchParams.get("labelSelector"), "kubernetes.io/service-name=db");
    assert.equal(authorization, "Bearer first");
  }
  await Deno.writeTextFile(api.tokenFile, "second\n");
  api.endWatches();
  await api.asked(3);
  assert.equal(api.requests[2]!.authorization, "Bearer second");
});

Deno.test("watchService() reports what changes, several changes in a row as one", async () => {
  await using api = await Api.start();
  await using watch = api.watch();
  await watch.reported(["10.0.0.1:5432"]);
  await api.asked(2);
  for (let last = 2; last <= 50; last++) {
    const object = sliceObject([`10.0.0.${last}`], { name: `db-${last}`, version: String(last) });
    api.send({ type: "ADDED", object });
  }
  await eventually("all endpoints", () => watch.endpoints, (endpoints) => endpoints.length === 50);
  assert.ok(watch.reports < 10, `${watch.reports} reports`);
  api.send({ type: "DELETED", object: sliceObject([], { name: "db-1", version: "99" }) });
  await eventually("49 endpoints", () => watch.endpoints, (endpoints) => endpoints.length === 49);
});

Deno.test("watchService() says what is wrong with slices", async () => {
  await using api = await Api.start();
  api.items = [];
  await using watch = api.watch();
  await watch.reported([]);
  assert.deepEqual(watch.failures, []);
  await api.asked(2);
  api.send({ type: "ADDED", object: sliceObject(["a.test"], { name: "names", type: "FQDN", version: "2" }) });
  await eventually("a problem", () => watch.failures.length, (length) => length > 0);
  assert.deepEqual(watch.failures, [[
    "the EndpointSlices of db",
    "EndpointSlice names is ignored: its addresses are of type FQDN, not IPv4 or IPv6",
  ]]);
  api.send({ type: "ADDED", object: sliceObject(["10.0.0.7"], { version: "4" }) });
  await watch.reported(["10.0.0.7:5432"]);
});

Deno.test("watchService() drains what terminates while another endpoint is ready, and prefers its zone", async () => {
  await using api = await Api.start();
  const leaving = { address: "10.0.0.1", ready: false, serving: true, terminating: true, zone: "a" };
  api.items = [sliceObject([leaving])];
  await using watch = api.watch({ zone: "b" });
  await watch.reported(["10.0.0.1:5432 tier 1"]);
  await api.asked(2);
  const object = sliceObject([leaving, { address: "10.0.0.2", zone: "b" }], { version: "2" });
  api.send({ type: "MODIFIED", object });
  await watch.reported(["10.0.0.1:5432 tier 1 drain", "10.0.0.2:5432"]);
});

Deno.test("watchService() does not show the token in an error, nor follow where it is sent", async () => {
  await using api = await Api.start();
  const secret = "topsecret";
  await Deno.writeTextFile(api.tokenFile, `${secret}\n${secret}`);
  await using watch = api.watch();
  assert.match(await watch.error(), /token has no token that a header can carry$/);
  assert.equal(api.requests.length, 0);

  await Deno.writeTextFile(api.tokenFile, secret);
  await using other = await Api.start();
  api.redirect = `${other.url}/elsewhere`;
  await api.asked(1);
  await using again = api.watch();
  const error = await again.error();
  assert.ok(!error.includes(secret), error);
  assert.equal(other.requests.length, 0);
});

Deno.test("watchService() says what is missing outside of a cluster", async () => {
  await using api = await Api.start();
  await using noServer = api.watch({ server: undefined });
  assert.equal(await noServer.error(), "the key server is missing, and this program does not run in a pod");
  await using noNamespace = api.watch({ namespace: undefined });
  assert.equal(
    await noNamespace.error(),
    "the key namespace is missing, and this program does not run in a pod",
  );
  await using noFile = api.watch({ ca: join(api.directory, "none.crt") });
  assert.match(await noFile.error(), /[Nn]o such file/);
  await using noPem = api.watch({ ca: api.tokenFile });
  assert.match(await noPem.error(), /token has no certificate in PEM$/);
});

Deno.test("kubernetesSource.describe() names the Service and where it is", () => {
  const rest = { port: undefined, zone: undefined, tokenFile: undefined, ca: undefined };
  const describe = (namespace?: string, server?: string) =>
    kubernetesSource.describe({ service: "db", namespace, server, ...rest }, {});
  assert.equal(describe(), "the Kubernetes Service db");
  assert.equal(
    describe("prod", "https://10.0.0.1:6443"),
    "the Kubernetes Service db in prod of https://10.0.0.1:6443",
  );
});

Deno.test("inClusterServer() reads where the API server is from the environment", () => {
  const env = (values: Record<string, string>) => (name: string) => values[name];
  assert.equal(inClusterServer(env({})), undefined);
  assert.equal(inClusterServer(env({ KUBERNETES_SERVICE_HOST: "" })), undefined);
  assert.equal(inClusterServer(env({ KUBERNETES_SERVICE_HOST: "10.0.0.1" })), "https://10.0.0.1:443");
  const both = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "6443" };
  assert.equal(inClusterServer(env(both)), "https://[fd00::1]:6443");
});

interface Request {
  readonly url: URL;
  readonly authorization: string | null;
}

/** An API server with the slices of one service. */
class Api implements AsyncDisposable {
  items: unknown[] = [sliceObject(["10.0.0.1"])];
  redirect: string | undefined;
  readonly requests: Request[] = [];
  readonly directory: string;
  readonly tokenFile: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #watches = new Set<ReadableStreamDefaultController<Uint8Array>>();

  private constructor(directory: string) {
    this.directory = directory;
    this.tokenFile = join(directory, "token");
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
      const url = new URL(request.url);
      this.requests.push({ url, authorization: request.headers.get("authorization") });
      if (this.redirect !== undefined) return Response.redirect(this.redirect);
      return url.searchParams.has("watch") ? this.#watch() : this.#list();
    });
  }

  static async start(): Promise<Api> {
    const api = new Api(await Deno.makeTempDir({ prefix: "sluice-api-" }));
    await Deno.writeTextFile(api.tokenFile, "first\n");
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  watch(options: Partial<KubernetesEntry> = {}): Watch {
    return new Watch({ server: this.url, tokenFile: this.tokenFile, ...options });
  }

  async asked(count: number): Promise<void> {
    await eventually(`${count} requests`, () => this.requests.length, (length) => length >= count);
  }

  send(...events: readonly unknown[]): void {
    const text = events.map((event) => `${JSON.stringify(event)}\n`).join("");
    for (const watch of this.#watches) watch.enqueue(new TextEncoder().encode(text));
  }

  endWatches(): void {
    for (const watch of this.#watches) watch.close();
    this.#watches.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.endWatches();
    await this.#server.shutdown();
    await Deno.remove(this.directory, { recursive: true });
  }

  #list(): Response {
    return Response.json({
      kind: "EndpointSliceList",
      metadata: { resourceVersion: "1" },
      items: this.items,
    });
  }

  #watch(): Response {
    let own: ReadableStreamDefaultController<Uint8Array>;
    return new Response(
      new ReadableStream<Uint8Array>({
        start: (controller) => void this.#watches.add(own = controller),
        cancel: () => void this.#watches.delete(own),
      }),
    );
  }
}

/** What a watch of the service reports. */
class Watch implements AsyncDisposable {
  endpoints: readonly string[] = [];
  reports = 0;
  readonly failures: [what: string, message: string][] = [];
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(options: Partial<KubernetesEntry>) {
    const files = { read: readFile, endpoints: unused, watch: unused };
    this.#done = watchService({
      service: "db",
      namespace: "prod",
      port: "postgres",
      zone: undefined,
      server: undefined,
      tokenFile: undefined,
      ca: undefined,
      ...options,
    }, {
      events: {
        endpoints: (endpoints) => {
          this.reports++;
          this.endpoints = endpoints.map(({ address, tier, drain }) =>
            `${formatAddress(address)}${tier === 0 ? "" : ` tier ${tier}`}${drain === true ? " drain" : ""}`
          );
        },
        failed: (what, error) => void this.failures.push([what, (error as Error).message]),
        answered: () => {},
        forgotten: () => {},
      },
      parts: realSourceParts(files),
      signal: this.#stop.signal,
    }, () => undefined);
  }

  async reported(expected: readonly string[]): Promise<void> {
    await eventually(
      expected.join(", ") || "no endpoints",
      () => this.reports > 0 ? this.endpoints : undefined,
      (endpoints) => endpoints !== undefined && endpoints.join() === expected.join(),
    );
  }

  error(): Promise<string> {
    return eventually("a failure", () => this.failures[0]?.[1] ?? "", (message) => message !== "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }
}

function unused(): never {
  throw new Error("This source does not ask for it");
}
