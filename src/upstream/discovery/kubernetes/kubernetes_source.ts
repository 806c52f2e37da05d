/** `discovery: { kubernetes: … }`: the endpoints of a Service, from its EndpointSlices. */

import type { KubernetesEntry } from "../../../config/schema/kubernetes_schema.ts";
import type { DiscoverySource, SourceContext } from "../source.ts";
import type { SourceParts } from "../source_parts.ts";
import { ApiClient } from "./api_client.ts";
import { listAndWatch } from "./list_watch.ts";
import { apiServerOf, SERVICE_ACCOUNT } from "./service_account.ts";
import { ServiceSlices } from "./service_slices.ts";

export const kubernetesSource: DiscoverySource<"kubernetes"> = {
  verb: ["use", "used"],
  describe: ({ service, namespace, server }) => {
    const place = namespace === undefined ? "" : ` in ${namespace}`;
    return `the Kubernetes Service ${service}${place}${server === undefined ? "" : ` of ${server}`}`;
  },
  run: (options, context) => watchService(options, context),
};

/**
 * Follows a Service until `signal` aborts.
 *
 * @param env The environment variables, which have the address of the API server in a pod.
 */
export async function watchService(
  options: KubernetesEntry,
  { events, parts, signal }: Pick<SourceContext, "events" | "parts" | "signal">,
  env: (name: string) => string | undefined = (name) => Deno.env.get(name),
): Promise<void> {
  using client = new ServiceClient(options, parts, env);
  using slices = new ServiceSlices(options, parts, events);
  const what = kubernetesSource.describe(options, {});
  await listAndWatch({
    readsLabels: false,
    get: (query, deadline) => client.get(query, deadline),
    onList: (objects) => slices.replace(objects),
    onEvents: (changes) => slices.apply(changes),
    onFailed: (error) => events.failed(what, error),
    onAnswered: () => events.answered(what),
    parts,
    signal,
  });
}

/** Asks for the slices of the Service. What the options leave out is found out when it is needed. */
class ServiceClient implements Disposable {
  readonly #options: KubernetesEntry;
  readonly #parts: SourceParts;
  readonly #env: (name: string) => string | undefined;
  #client: ApiClient | undefined;

  constructor(options: KubernetesEntry, parts: SourceParts, env: (name: string) => string | undefined) {
    this.#options = options;
    this.#parts = parts;
    this.#env = env;
  }

  async get(query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response> {
    const { service } = this.#options;
    this.#client ??= this.#makeClient();
    const namespace = await this.#namespace();
    const path = `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/endpointslices`;
    const labelSelector = `kubernetes.io/service-name=${service}`;
    return await this.#client.get(path, { labelSelector, ...query }, signal);
  }

  [Symbol.dispose](): void {
    this.#client?.[Symbol.dispose]();
  }

  async #namespace(): Promise<string> {
    const { namespace } = this.#options;
    if (namespace !== undefined) return namespace;
    try {
      return new TextDecoder().decode(await this.#parts.files.read(SERVICE_ACCOUNT.namespace)).trim();
    } catch (cause) {
      throw new Error("the key namespace is missing, and this program does not run in a pod", { cause });
    }
  }

  #makeClient(): ApiClient {
    const server = apiServerOf(this.#options, this.#env);
    if (server === undefined) {
      throw new Error("the key server is missing, and this program does not run in a pod");
    }
    return new ApiClient(server, this.#parts);
  }
}
