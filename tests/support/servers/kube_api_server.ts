/** A real Kubernetes API server with its etcd. Nothing else of a cluster: no controllers, no nodes, no pods that run. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { CertificateAuthority, type KeyPair } from "../certificates.ts";
import { eventually } from "../eventually.ts";
import { findProgram, type Needs, type Output, run } from "../interop.ts";
import { Home } from "./server_home.ts";
import type { RunningServer } from "./server_process.ts";

/** The binary; `deno task kube` builds one, and sets this. */
const BINARY = Deno.env.get("SLUICE_KUBE_APISERVER") ?? "kube-apiserver";

export const KUBE_API_SERVER: Needs = {
  needs: [BINARY, "etcd", "kubectl", "openssl"],
  install: `${findProgram("etcd") ? "" : "apt-get install etcd-server; "}deno task kube`,
};

/** Of the user that may do everything. */
const ADMIN_TOKEN = "admin-t0ken";

/** An object of the API. */
// deno-lint-ignore no-explicit-any -- of many kinds, of which the tests read a little
export type KubeObject = any;

export class KubeApiServer {
  /** Such as "https://127.0.0.1:6443". */
  readonly url: string;
  /** The path of the certificate that the server's is signed by. */
  readonly ca: string;
  readonly #home: Home;
  readonly #args: readonly string[];
  readonly #client: Deno.HttpClient;
  #running: RunningServer | undefined;

  private constructor(home: Home, args: readonly string[], ca: string, running: RunningServer) {
    this.#home = home;
    this.#args = args;
    this.ca = ca;
    this.#running = running;
    this.url = `https://127.0.0.1:${running.port}`;
    // With HTTP/2, requests after a restart could go to the connection of before.
    this.#client = Deno.createHttpClient({ caCerts: [Deno.readTextFileSync(ca)], http2: false });
  }

  /** Starts both on free ports of 127.0.0.1, and ends them with `stack`. Resolves once /readyz is ok. */
  static async start(stack: AsyncDisposableStack): Promise<KubeApiServer> {
    const home = stack.use(await Home.make("nobody"));
    const authority = stack.use(await CertificateAuthority.create("Cluster CA"));
    const own = await authority.issue({ name: "kube-apiserver", names: ["IP:127.0.0.1"] });
    const etcd = stack.use(await startEtcd(home));
    const args = argsOf(home, own, etcd.port);
    const running = await home.start((port) => command(port, args), { asRoot: true });
    const server = new KubeApiServer(home, args, authority.cert, running);
    stack.defer(() => server.stop());
    stack.defer(() => server.#client.close());
    await server.#ready();
    return server;
  }

  /** Kills it; etcd keeps what it knows. */
  async stop(): Promise<void> {
    await this.#running?.[Symbol.asyncDispose]();
    this.#running = undefined;
  }

  /** Starts it, after {@linkcode stop}, at the same address. */
  async startAgain(): Promise<void> {
    const port = Number(new URL(this.url).port);
    this.#running = await this.#home.start(() => command(port, this.#args), { asRoot: true });
    await this.#ready();
  }

  /** Runs kubectl as the user that may do everything. @param input Its standard input: `-f -` */
  async kubectl(args: string[], input?: string): Promise<Output> {
    const access = [`--server=${this.url}`, `--certificate-authority=${this.ca}`, `--token=${ADMIN_TOKEN}`];
    const cache = `--cache-dir=${join(this.#home.path, "kubectl")}`;
    return await run("kubectl", [...access, cache, ...args], input === undefined ? {} : { input });
  }

  /** Writes a file for KUBECONFIG, of the user that may do everything, and returns its path. */
  async kubeconfig(): Promise<string> {
    const path = join(this.#home.path, "kubeconfig");
    const one = "cluster";
    // JSON is valid YAML.
    const text = JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: one, cluster: { server: this.url, "certificate-authority": this.ca } }],
      users: [{ name: one, user: { token: ADMIN_TOKEN } }],
      contexts: [{ name: one, context: { cluster: one, user: one } }],
      "current-context": one,
    });
    await Deno.writeTextFile(path, text);
    return path;
  }

  /** Creates or changes objects, given as YAML or JSON. Fields that the API does not know are errors. */
  async apply(manifests: string): Promise<void> {
    await this.kubectl(["apply", "--server-side", "-f", "-"], manifests);
  }

  /** Sends a request in less time than kubectl takes to start. Throws unless it succeeds. */
  async request(method: string, path: string, body?: KubeObject): Promise<KubeObject> {
    const object = await this.find(path, method, body);
    assert.ok(object !== undefined, `${method} ${path}: 404`);
    return object;
  }

  /** The same as {@linkcode request}, and undefined when there is no such object. */
  async find(path: string, method = "GET", body?: KubeObject): Promise<KubeObject | undefined> {
    const response = await this.#fetch(method, path, body);
    const text = await response.text();
    if (response.status === 404) return undefined;
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }

  /** A token of a service account, which is no longer good once the Secret `boundTo` is gone. */
  async createToken(namespace: string, account: string, boundTo: string): Promise<string> {
    const bound = ["--bound-object-kind=Secret", `--bound-object-name=${boundTo}`];
    const { text } = await this.kubectl(["create", "token", account, `--namespace=${namespace}`, ...bound]);
    return text.trim();
  }

  #fetch(method: string, path: string, body?: KubeObject): Promise<Response> {
    return fetch(`${this.url}${path}`, {
      client: this.#client,
      method,
      headers: {
        authorization: `Bearer ${ADMIN_TOKEN}`,
        "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json",
      },
      ...body === undefined ? {} : { body: JSON.stringify(body) },
    });
  }

  async #ready(): Promise<void> {
    await eventually("the API server to be ready", async () => {
      const response = await this.#fetch("GET", "/readyz");
      return await response.text();
    }, (text) => text === "ok");
  }
}

async function startEtcd(home: Home): Promise<RunningServer> {
  // It has no peers, and takes a port for them all the same.
  const peers = "http://127.0.0.1:0";
  return await home.start((port) => ({
    program: "etcd",
    args: [
      `--data-dir=${join(home.path, "etcd")}`,
      `--listen-client-urls=http://127.0.0.1:${port}`,
      `--advertise-client-urls=http://127.0.0.1:${port}`,
      `--listen-peer-urls=${peers}`,
      `--initial-advertise-peer-urls=${peers}`,
      `--initial-cluster=default=${peers}`,
    ],
    port,
    ready: /ready to serve client requests/,
    stop: "SIGKILL",
  }), { asRoot: true });
}

function argsOf(home: Home, { cert, key }: KeyPair, etcdPort: number): string[] {
  const tokens = join(home.path, "tokens.csv");
  Deno.writeTextFileSync(tokens, `${ADMIN_TOKEN},admin,1,system:masters\n`);
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    "--bind-address=127.0.0.1",
    `--tls-cert-file=${cert}`,
    `--tls-private-key-file=${key}`,
    `--cert-dir=${join(home.path, "certificates")}`,
    `--service-account-key-file=${cert}`,
    `--service-account-signing-key-file=${key}`,
    "--service-account-issuer=https://cluster.test",
    "--service-cluster-ip-range=10.0.0.0/24",
    `--token-auth-file=${tokens}`,
    "--authorization-mode=RBAC",
    // It waits for the service account `default` of the pod's namespace, which a controller would create.
    "--disable-admission-plugins=ServiceAccount",
  ];
}

function command(port: number, args: readonly string[]) {
  return {
    program: BINARY,
    args: [`--secure-port=${port}`, ...args],
    port,
    ready: /Serving securely on/,
    stop: "SIGKILL" as const,
  };
}
