/** A real API server with the Gateway API and the manifests of docs/deploy/kubernetes/gateway, and a sluice that serves it. */

import { join } from "node:path";
import { eventually } from "../../support/eventually.ts";
import type { Needs } from "../../support/interop.ts";
import { answeringServer } from "../../support/peers/named_server.ts";
import { ownAddress } from "../../support/peers/own_address.ts";
import {
  type CertificateAndKey,
  type LetterServer,
  letterServer,
  tlsServer,
} from "../../support/peers/tls_server.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { Sluice } from "../../support/program/program.ts";
import { KUBE_API_SERVER, KubeApiServer, type KubeObject } from "../../support/servers/kube_api_server.ts";
import { build, type Manifest, MANIFESTS } from "./manifests.ts";

/** A folder of CustomResourceDefinitions; `deno task kube` sets it. */
const CRDS = Deno.env.get("SLUICE_GATEWAY_CRDS");

/** An address of this machine: the API server refuses endpoints on loopback addresses. */
export const MACHINE = Deno.networkInterfaces().find(({ family, address }) =>
  family === "IPv4" && !address.startsWith("127.")
)?.address;

export const GATEWAY_API: Needs = {
  needs: [
    ...KUBE_API_SERVER.needs,
    ...CRDS === undefined ? ["SLUICE_GATEWAY_CRDS"] : [],
    ...MACHINE === undefined ? ["a network"] : [],
  ],
  install: `${KUBE_API_SERVER.install}${
    MACHINE === undefined ? ", on a machine with an address besides loopback" : ""
  }`,
};

/** A server that stands for a pod, and answers with a letter. */
export function startPod(letter: string): LetterServer {
  return letterServer(letter, Deno.listen({ hostname: MACHINE!, port: 0 }));
}

/** The same for clients of TLS. */
export function startTlsPod(letter: string, pair: CertificateAndKey): LetterServer {
  return tlsServer(letter, pair, MACHINE!);
}

const GROUP = "gateway.networking.k8s.io";
const KINDS = ["gatewayclasses", "gateways", "tcproutes", "tlsroutes", "referencegrants"];

/** Installs the CustomResourceDefinitions of the Gateway API. */
export async function applyGatewayApi(server: KubeApiServer): Promise<void> {
  const files = KINDS.flatMap((kind) => ["-f", join(CRDS!, `${GROUP}_${kind}.yaml`)]);
  await server.kubectl(["apply", "--server-side", ...files]);
  await server.kubectl([
    "wait",
    "--for=condition=established",
    ...KINDS.map((kind) => `crd/${kind}.${GROUP}`),
  ]);
}

export class GatewayCluster {
  readonly server: KubeApiServer;
  readonly host = ownAddress();
  readonly manifests: ReadonlyMap<string, Manifest>;
  /** Arguments of the program, without those of the test. */
  readonly #args: readonly string[];

  private constructor(server: KubeApiServer, manifests: ReadonlyMap<string, Manifest>, tokenFile: string) {
    this.server = server;
    this.manifests = manifests;
    const access = ["--server", server.url, "--ca", server.ca, "--token-file", tokenFile];
    this.#args = ["gateway", ...access, "--log-format", "json"];
  }

  /** Has the rights of the manifests, and no others. */
  static async start(stack: AsyncDisposableStack): Promise<GatewayCluster> {
    const server = await KubeApiServer.start(stack);
    await applyGatewayApi(server);
    const manifests = await build(join(MANIFESTS, "gateway"));
    await server.apply(JSON.stringify(manifests.get("Namespace sluice")));
    await server.apply(JSON.stringify({ apiVersion: "v1", kind: "List", items: [...manifests.values()] }));
    await server.kubectl(["-n", "sluice", "create", "secret", "generic", "token"]);
    const folder = stack.use(await temporaryDirectory());
    const tokenFile = join(folder.path, "token");
    await Deno.writeTextFile(tokenFile, await server.createToken("sluice", "sluice-gateway", "token"));
    return new GatewayCluster(server, manifests, tokenFile);
  }

  /**
   * Starts the program, and ends it with `stack`.
   *
   * @param host Where it listens.
   * @param address What it writes into the status of Gateways.
   */
  async serve(stack: AsyncDisposableStack, host = this.host, address = "192.0.2.1"): Promise<Sluice> {
    // Its files outlive a program that is killed.
    const { path: TMPDIR } = stack.use(await temporaryDirectory());
    return stack.use(
      await Sluice.start([...this.#args, "--listen", host, "--address", address], { env: { TMPDIR } }),
    );
  }

  async apply(...objects: readonly KubeObject[]): Promise<void> {
    await this.server.apply(JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
  }

  /** An object as it is now. */
  async get(kind: string, name: string, namespace = "prod"): Promise<KubeObject> {
    return await this.server.request("GET", `/apis/${GROUP}/v1/namespaces/${namespace}/${kind}/${name}`);
  }

  /** Waits until a condition of the only parent of a route is so: `Accepted=True`, `ResolvedRefs=False(RefNotPermitted)`. */
  async route(kind: "tcproutes" | "tlsroutes", name: string, condition: string): Promise<void> {
    await eventually(`${kind} ${name}: ${condition}`, async () => {
      const { status } = await this.get(kind, name);
      return shown(status?.parents?.[0]?.conditions);
    }, (conditions) => conditions.includes(condition));
  }

  /** Waits until a listener is so: the number of routes, the kinds of routes, and a condition. */
  async listener(gateway: string, name: string, ...expected: string[]): Promise<void> {
    await eventually(`${gateway} ${name}: ${expected}`, async () => {
      const { status } = await this.get("gateways", gateway);
      const listener = status?.listeners?.find((each: KubeObject) => each.name === name);
      const kinds = listener?.supportedKinds?.map((each: KubeObject) => each.kind).join(",");
      return [String(listener?.attachedRoutes), kinds, ...shown(listener?.conditions)];
    }, (found) => expected.every((each) => found.includes(each)));
  }

  /** Which server a client of a port reaches; empty when it is refused. */
  async ask(port: number): Promise<string> {
    return await answeringServer(port, { host: this.host }).catch(() => "");
  }

  /** Waits until clients of a port reach a server. */
  async reaches(port: number, name: string): Promise<void> {
    await eventually(`port ${port}`, () => this.ask(port), (found) => found === name);
  }
}

function shown(conditions: KubeObject): string[] {
  return (conditions ?? []).map(({ type, status, reason }: KubeObject) =>
    status === "True" && reason === type ? `${type}=True` : `${type}=${status}(${reason})`
  );
}
