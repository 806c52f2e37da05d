/** A pod of the conformance suite, as a program of this machine. */

import { join } from "node:path";
import { eventually } from "../../../support/eventually.ts";
import { temporaryDirectory } from "../../../support/program/directory.ts";
import type { KubeApiServer, KubeObject } from "../../../support/servers/kube_api_server.ts";
import { freePort } from "../../../support/servers/server_home.ts";
import { RunningServer } from "../../../support/servers/server_process.ts";

/** What runs pods. */
export interface Node {
  readonly server: KubeApiServer;
  /** The address of this machine that the API server accepts in EndpointSlices. */
  readonly host: string;
  /** The program that is in the image of the suite's pods. */
  readonly echoBasic: string;
}

/** The ports of its container, and the variables that set others. */
const PORTS: Readonly<Record<number, readonly string[]>> = {
  3000: ["HTTP_PORT", "TCP_PORT"],
  3001: ["H2C_PORT"],
  8443: ["HTTPS_PORT", "TLS_PORT"],
};

/** Attempts to start it: another program may take a port that was free a moment before. */
const ATTEMPTS = 3;

export class Pod implements AsyncDisposable {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly name: string;
  /** Where the ports of the container are on this machine; none of a pod whose image is another one. */
  ports: ReadonlyMap<number, number> = new Map();
  readonly #node: Node;
  readonly #stack = new AsyncDisposableStack();

  private constructor(node: Node, { metadata, spec }: KubeObject, number: number) {
    this.#node = node;
    this.namespace = metadata.namespace;
    // The suite takes the last two parts off to know the Deployment.
    this.name = `${metadata.name}-pod-${number}`;
    this.labels = spec.template.metadata.labels;
  }

  /**
   * Starts its program and, once it can be reached, tells the API server that the pod is ready. Undefined while a
   * Secret of a volume is missing.
   */
  static async start(node: Node, deployment: KubeObject, number: number): Promise<Pod | undefined> {
    const pod = new Pod(node, deployment, number);
    const { spec } = deployment.spec.template;
    try {
      if (spec.containers[0].image.includes("/echo-basic:")) {
        const files = await pod.#mount(spec);
        if (files === undefined) return undefined;
        await pod.#run(pod.#variables(spec.containers[0], files));
      }
      await pod.#announce(spec);
      return pod;
    } catch (error) {
      await pod.#stack.disposeAsync();
      throw error;
    }
  }

  /** Ends its program, and removes its object. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  get #path(): string {
    return `/api/v1/namespaces/${this.namespace}/pods`;
  }

  /** Writes the Secrets of its volumes into a folder, and returns where each mount path is. */
  async #mount({ volumes = [], containers }: KubeObject): Promise<ReadonlyMap<string, string> | undefined> {
    const { path } = this.#stack.use(await temporaryDirectory());
    const found = new Map<string, string>();
    for (const { name, secret } of volumes) {
      const object = await this.#node.server.find(
        `/api/v1/namespaces/${this.namespace}/secrets/${secret.secretName}`,
      );
      if (object === undefined) {
        await this.#stack.disposeAsync();
        return undefined;
      }
      const folder = join(path, name);
      await Deno.mkdir(folder);
      for (const item of secret.items) {
        const bytes = Uint8Array.fromBase64(object.data[item.key]);
        await Deno.writeFile(join(folder, item.path), bytes);
      }
      const mount = containers[0].volumeMounts.find((each: KubeObject) => each.name === name);
      found.set(mount.mountPath, folder);
    }
    return found;
  }

  #variables({ env }: KubeObject, files: ReadonlyMap<string, string>): Record<string, string> {
    const fields: Record<string, string> = {
      "metadata.name": this.name,
      "metadata.namespace": this.namespace,
    };
    return Object.fromEntries(env.map(({ name, value, valueFrom }: KubeObject) => {
      const text: string = value ?? fields[valueFrom.fieldRef.fieldPath];
      const mount = files.keys().find((path) => text.startsWith(`${path}/`));
      return [name, mount === undefined ? text : text.replace(mount, files.get(mount)!)];
    }));
  }

  async #run(variables: Record<string, string>): Promise<void> {
    const { host, echoBasic } = this.#node;
    for (let attempt = 1;; attempt++) {
      this.ports = new Map(Object.keys(PORTS).map((port) => [Number(port), freePort()]));
      const entries = Object.entries(PORTS).flatMap(([port, names]) =>
        names.map((name) => [name, String(this.ports.get(Number(port)))])
      );
      const env = { ...variables, ...Object.fromEntries(entries) };
      const port = this.ports.get(3000)!;
      const command = { program: echoBasic, args: [], port, ready: /Starting server|listening at/ };
      const running = await RunningServer.start({ ...command, stop: "SIGKILL" }, { env });
      if (await reachable(host, port, running)) {
        this.#stack.use(running);
        return;
      }
      await running[Symbol.asyncDispose]();
      if (attempt === ATTEMPTS) throw new Error(`The program of pod ${this.name} ended:\n${running.output}`);
    }
  }

  async #announce(spec: KubeObject): Promise<void> {
    const { name, namespace, labels } = this;
    const metadata = { name, namespace, labels };
    await this.#node.server.request("POST", this.#path, { apiVersion: "v1", kind: "Pod", metadata, spec });
    this.#stack.defer(async () => void await this.#node.server.request("DELETE", `${this.#path}/${name}`));
    const conditions = [{ type: "Ready", status: "True" }];
    await this.#node.server.request("PATCH", `${this.#path}/${name}/status`, {
      status: { phase: "Running", conditions },
    });
  }
}

/** Waits until a server can be reached. False when its program ended instead. */
async function reachable(host: string, port: number, running: RunningServer): Promise<boolean> {
  let hasEnded = false;
  void running.ended.then(() => hasEnded = true);
  const isOpen = async () => {
    const conn = await Deno.connect({ hostname: host, port }).catch(() => undefined);
    conn?.close();
    return conn !== undefined;
  };
  return await eventually(
    `port ${port} of a pod`,
    async () => hasEnded ? "ended" : await isOpen() ? "open" : "closed",
    (state) => state !== "closed",
  ) === "open";
}
