/** Prometheus reads proxies as pods: with the labels of the Prometheus Operator, and the rule of docs/deploy/kubernetes.md. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { eventually } from "../../support/eventually.ts";
import { interopTest } from "../../support/interop.ts";
import { connect, echo, upstream } from "../../support/peers/sockets.ts";
import { readAdapterRule } from "../../support/docs/monitoring.ts";
import { ROOT } from "../../support/docs/page.ts";
import { Sluice } from "../../support/program/program.ts";
import { Home } from "../../support/servers/server_home.ts";

const TOKEN = "0123456789abcdef";
const PODS = ["sluice-a", "sluice-b"] as const;
const MONITOR = "docs/deploy/kubernetes/service-monitor/service-monitor.yaml";

interface Labeled {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
}

interface ServiceMonitor {
  readonly spec: {
    readonly jobLabel?: string;
    readonly endpoints: readonly {
      readonly port: string;
      readonly path: string;
      readonly honorLabels?: boolean;
      readonly authorization: { readonly type: string };
    }[];
  };
}

type Labels = Readonly<Record<string, string>>;

/** What Prometheus answers, of which the tests read a little. */
class Prometheus {
  readonly #url: string;

  constructor(port: number) {
    this.#url = `http://127.0.0.1:${port}/api/v1/`;
  }

  /** The labels of the series that match. */
  async series(selector: string): Promise<Labels[]> {
    return await this.#ask("series", { "match[]": selector });
  }

  /** The values of a query, by the values of these labels. */
  async values(query: string, ...labels: readonly string[]): Promise<Record<string, number>> {
    const { result } = await this.#ask<{ result: { metric: Labels; value: [number, string] }[] }>(
      "query",
      { query },
    );
    const entries = result.map(({ metric, value }) => {
      assert.deepEqual(Object.keys(metric).sort(), [...labels].sort(), query);
      return [labels.map((label) => metric[label]).join(" "), Number(value[1])] as const;
    });
    return Object.fromEntries(entries.sort());
  }

  async #ask<Data>(path: string, parameters: Readonly<Record<string, string>>): Promise<Data> {
    const response = await fetch(`${this.#url}${path}?${new URLSearchParams(parameters)}`);
    const { status, data, error } = await response.json();
    assert.equal(status, "success", error);
    return data;
  }
}

interopTest(
  "Prometheus finds services and endpoints of pods by their own names, and the adapter's rule the connections of each pod",
  { needs: ["prometheus"], install: "apt-get install prometheus" },
  async (stack) => {
    const server = stack.use(upstream(echo));
    const proxies = [];
    for (let index = 0; index < PODS.length; index++) {
      const config = `
admin: { listen: "127.0.0.1:0", token: ${TOKEN} }
services: [{ name: redis, listen: 0, upstream: "${server.address}" }, { name: web, listen: 0, upstream: "${server.address}" }]
`;
      proxies.push(stack.use(await Sluice.withConfig(config)));
    }
    const [a, b] = proxies as [Sluice, Sluice];
    for (const port of [a.port(0), a.port(0), a.port(1), b.port(1)]) {
      stack.use(await connect(port));
    }
    const prometheus = await startPrometheus(stack, proxies.map(({ ready }) => ready.admin!));

    const up = await eventually(
      "each pod to be read",
      () => prometheus.values('sum by (instance) (up{job="sluice"})', "instance"),
      (found) => Object.keys(found).length === 2 && Object.values(found).every((value) => value === 1),
    );
    assert.deepEqual(Object.keys(up).sort(), proxies.map(({ ready }) => ready.admin!).sort());

    const { seriesQuery, metricsQuery } = readAdapterRule();
    const connections = await eventually(
      "connections to be counted",
      () => prometheus.values(asked(metricsQuery), "pod"),
      (found) => Object.values(found).reduce((sum, count) => sum + count, 0) === 4,
    );
    assert.deepEqual(connections, { "sluice-a": 3, "sluice-b": 1 });
    const found = (await prometheus.series(seriesQuery)).map(({ namespace, pod, service }) =>
      [namespace, pod, service].join(" ")
    );
    const expected = PODS.flatMap((pod) => ["redis", "web"].map((service) => `edge ${pod} ${service}`));
    assert.deepEqual(found.sort(), expected);

    const services = await prometheus.values(
      "sum by (job, service) (sluice_connections_active)",
      "job",
      "service",
    );
    assert.deepEqual(services, { "sluice redis": 2, "sluice web": 2 });
    const endpoints = await prometheus.values(
      "count by (endpoint) (sluice_endpoint_connections_active)",
      "endpoint",
    );
    assert.deepEqual(Object.keys(endpoints), [server.address]);
  },
);

/** The query for both pods, as prometheus-adapter makes it of its rule: docs/config.md there. */
function asked(metricsQuery: string): string {
  return metricsQuery.replace("<<.Series>>", "sluice_connections_active")
    .replace("<<.LabelMatchers>>", `pod=~"${PODS.join("|")}",namespace="edge"`)
    .replace("<<.GroupBy>>", "pod");
}

/** Starts it with what the Prometheus Operator makes of the ServiceMonitor, for pods at these addresses. */
async function startPrometheus(
  stack: AsyncDisposableStack,
  addresses: readonly string[],
): Promise<Prometheus> {
  const documents = parseAllDocuments(await Deno.readTextFile(new URL(MONITOR, ROOT)));
  const [service, monitor] = documents.map((each) => each.toJS()) as [Labeled, ServiceMonitor];
  const { jobLabel, endpoints: [endpoint] } = monitor.spec;
  const { port, path, honorLabels = false, authorization } = endpoint!;
  const { name, labels } = service.metadata;
  const shared = {
    namespace: "edge",
    service: name,
    container: "sluice",
    job: jobLabel === undefined ? name : labels[jobLabel] ?? name,
    endpoint: port,
  };
  const scrape = {
    job_name: "serviceMonitor/edge/sluice/0",
    scrape_interval: "500ms",
    scrape_timeout: "500ms",
    metrics_path: path,
    honor_labels: honorLabels,
    authorization: { type: authorization.type, credentials: TOKEN },
    static_configs: addresses.map((target, index) => ({
      targets: [target],
      labels: { ...shared, pod: PODS[index] },
    })),
  };
  const home = stack.use(await Home.make("prometheus"));
  // JSON is valid YAML.
  await Deno.writeTextFile(join(home.path, "prometheus.yml"), JSON.stringify({ scrape_configs: [scrape] }));
  const server = stack.use(
    await home.start((port) => ({
      program: "prometheus",
      args: [
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      port,
      ready: /Server is ready to receive web requests/,
      stop: "SIGTERM",
    })),
  );
  return new Prometheus(server.port);
}
