/** What a cluster has besides its API server, as far as the conformance suite needs it: pods that run, and endpoints. */

import { setTimeout as pause } from "node:timers/promises";
import type { KubeObject } from "../../../support/servers/kube_api_server.ts";
import { type Node, Pod } from "./pod.ts";

/** How often objects are read, in milliseconds. */
const INTERVAL = 50;

const GATEWAYS = "/apis/gateway.networking.k8s.io/v1";

/** The suite waits for every Gateway of a namespace to be programmed, but for those with this annotation. */
const NOT_WAITED_FOR = "gateway-api/skip-this-for-readiness";

export class Nodes implements AsyncDisposable {
  /** Rejects when they cannot go on. */
  readonly failed: Promise<never>;
  readonly #node: Node;
  readonly #pods = new Map<string, Pod>();
  /** The EndpointSlices that exist, by path. */
  readonly #slices = new Set<string>();
  readonly #ended: Promise<void>;
  #isStopping = false;

  constructor(node: Node) {
    this.#node = node;
    const { promise, reject } = Promise.withResolvers<never>();
    this.failed = promise;
    // A test that has failed itself does not look.
    promise.catch(() => {});
    this.#ended = this.#work().catch(reject);
  }

  /** Ends all programs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    await this.#ended;
    await Promise.all(this.#pods.values().map((pod) => pod[Symbol.asyncDispose]()));
  }

  async #work(): Promise<void> {
    while (!this.#isStopping) {
      const [deployments, services, gateways] = await Promise.all([
        this.#list("/apis/apps/v1/deployments"),
        this.#list("/api/v1/services"),
        this.#list(`${GATEWAYS}/gateways`),
      ]);
      await Promise.all([this.#exempt(gateways), this.#runPods(deployments)]);
      await this.#writeSlices(services);
      await pause(INTERVAL);
    }
  }

  async #list(path: string): Promise<KubeObject[]> {
    return (await this.#node.server.request("GET", path)).items;
  }

  /** Gateways with a listener that sluice does not support are never programmed: the suite is not to wait for them. */
  async #exempt(gateways: readonly KubeObject[]): Promise<void> {
    for (const { metadata: { namespace, name, annotations }, spec } of gateways) {
      const isServed = spec.listeners.every(({ protocol }: KubeObject) => ["TCP", "TLS"].includes(protocol));
      if (isServed || annotations?.[NOT_WAITED_FOR] !== undefined) continue;
      const change = { metadata: { annotations: { [NOT_WAITED_FOR]: "true" } } };
      await this.#node.server.find(`${GATEWAYS}/namespaces/${namespace}/gateways/${name}`, "PATCH", change);
    }
  }

  async #runPods(deployments: readonly KubeObject[]): Promise<void> {
    const wanted = new Map<string, KubeObject>(
      deployments.flatMap((deployment) =>
        Array.from({ length: deployment.spec.replicas }, (_, number) => {
          const { namespace, name } = deployment.metadata;
          return [`${namespace}/${name}-${number}`, { deployment, number }] as const;
        })
      ),
    );
    const gone = [...this.#pods].filter(([key]) => !wanted.has(key));
    await Promise.all(gone.map(async ([key, pod]) => {
      this.#pods.delete(key);
      await pod[Symbol.asyncDispose]();
    }));
    const missing = [...wanted].filter(([key]) => !this.#pods.has(key));
    await Promise.all(missing.map(async ([key, { deployment, number }]) => {
      const pod = await Pod.start(this.#node, deployment, number);
      if (pod !== undefined) this.#pods.set(key, pod);
    }));
  }

  /** One for each pod of a Service: a slice has one port for all of its endpoints, and each pod has its own. */
  async #writeSlices(services: readonly KubeObject[]): Promise<void> {
    const wanted = new Map<string, KubeObject>(services.flatMap((service) => {
      const { namespace } = service.metadata;
      const folder = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
      const slices = [...this.#pods.values()].filter((pod) => selects(service, pod)).map((pod) =>
        this.#slice(service, pod)
      );
      return slices.map((slice) => [`${folder}/${slice.metadata.name}`, { folder, slice }] as const);
    }));
    for (const path of [...this.#slices].filter((path) => !wanted.has(path))) {
      await this.#node.server.request("DELETE", path);
      this.#slices.delete(path);
    }
    for (const [path, { folder, slice }] of wanted) {
      if (this.#slices.has(path)) continue;
      await this.#node.server.request("POST", folder, slice);
      this.#slices.add(path);
    }
  }

  #slice({ metadata, spec }: KubeObject, pod: Pod): KubeObject {
    const ports = spec.ports.flatMap(({ name = "", protocol, targetPort }: KubeObject) => {
      const port = pod.ports.get(targetPort);
      return protocol === "TCP" && port !== undefined ? [{ name, protocol, port }] : [];
    });
    return {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        namespace: metadata.namespace,
        name: `${metadata.name}-${pod.name}`,
        labels: { "kubernetes.io/service-name": metadata.name },
      },
      addressType: "IPv4",
      ports,
      endpoints: [{ addresses: [this.#node.host], conditions: { ready: true } }],
    };
  }
}

function selects({ metadata, spec }: KubeObject, pod: Pod): boolean {
  const labels = Object.entries(spec.selector ?? {});
  return metadata.namespace === pod.namespace && labels.length > 0 &&
    labels.every(([name, value]) => pod.labels[name] === value);
}
