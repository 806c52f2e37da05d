/** A Service `db` in the namespace `prod` of an API server, and a proxy that follows its endpoints. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { startProxy } from "../../../src/runtime/start_proxy.ts";
import { eventually } from "../../support/eventually.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import type { KubeApiServer, KubeObject } from "../../support/servers/kube_api_server.ts";
import { buildOverlay } from "./manifests.ts";

const SLICES = "/apis/discovery.k8s.io/v1/namespaces/prod/endpointslices";
export const PORT = 5432;

/**
 * Creates the namespace with the service account of the manifests, and Secrets that its tokens are bound to. Returns the
 * binding without which it has no rights.
 */
export async function prepareNamespace(server: KubeApiServer, secrets: readonly string[]): Promise<string> {
  const objects = await buildOverlay("prod", { components: [] });
  await server.apply(JSON.stringify(objects.get("Namespace prod")));
  const named = secrets.map((name) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace: "prod" },
  }));
  const account = [objects.get("ServiceAccount sluice"), objects.get("Role sluice")];
  await server.apply(JSON.stringify({ apiVersion: "v1", kind: "List", items: [...account, ...named] }));
  return JSON.stringify(objects.get("RoleBinding sluice"));
}

/** An EndpointSlice of the Service, with these addresses. */
export async function putSlice(
  server: KubeApiServer,
  name: string,
  addresses: readonly string[],
): Promise<void> {
  await server.request("PUT", `${SLICES}/${name}`, sliceOf(name, addresses));
}

export async function createSlice(
  server: KubeApiServer,
  name: string,
  addresses: readonly string[],
): Promise<void> {
  await server.request("POST", SLICES, sliceOf(name, addresses));
}

function sliceOf(name: string, addresses: readonly string[]): KubeObject {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name, labels: { "kubernetes.io/service-name": "db" } },
    addressType: "IPv4",
    ports: [{ name: "main", port: PORT, protocol: "TCP" }],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  };
}

/** A proxy of this process. Nothing connects to its endpoints: a server refuses slices with addresses of loopback. */
export class FollowedService {
  readonly tokenFile: string;
  readonly #proxy: Awaited<ReturnType<typeof startProxy>>;

  private constructor(tokenFile: string, proxy: Awaited<ReturnType<typeof startProxy>>) {
    this.tokenFile = tokenFile;
    this.#proxy = proxy;
  }

  /** Starts the proxy as the service account that `token` is of. */
  static async start(stack: AsyncDisposableStack, server: KubeApiServer, token: string) {
    const folder = stack.use(await temporaryDirectory());
    const tokenFile = join(folder.path, "token");
    await Deno.writeTextFile(tokenFile, token);
    const access = { server: server.url, ca: server.ca, tokenFile };
    const proxy = stack.use(
      await startProxy({
        upstreams: {
          db: { discovery: { kubernetes: { service: "db", namespace: "prod", port: "main", ...access } } },
        },
        services: [{ name: "db", listen: 0, upstream: "db" }],
      }),
    );
    return new FollowedService(tokenFile, proxy);
  }

  async writeToken(token: string): Promise<void> {
    await Deno.writeTextFile(this.tokenFile, `${token}\n`);
  }

  /** The hosts of the endpoints. */
  hosts(): string[] {
    return this.#group().endpoints.map(({ address }) => address.slice(0, -`:${PORT}`.length));
  }

  /** Waits until the endpoints are these. */
  async waitForHosts(expected: readonly string[]): Promise<void> {
    const text = expected.toSorted().join();
    await eventually(`the endpoints ${text}`, () => this.hosts().sort().join(), (hosts) => hosts === text);
  }

  /** Waits until the source fails with an error that `pattern` matches. */
  async waitForError(pattern: RegExp): Promise<void> {
    const read = () => this.#group().discovery!.error ?? "";
    await eventually(`the failure ${pattern}`, read, (error) => pattern.test(error));
  }

  async waitForNoError(): Promise<void> {
    const read = () => this.#group().discovery!;
    const answers = ({ error, lastSuccess }: ReturnType<typeof read>) =>
      error === undefined && lastSuccess !== undefined;
    await eventually("the source to answer", read, answers);
  }

  #group() {
    const group = this.#proxy.upstreams().find(({ name }) => name === "db");
    assert.ok(group);
    return group;
  }
}
