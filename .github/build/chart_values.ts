/** The values of the Helm chart: their defaults, and the schema by which Helm checks them. */

import { parse, parseAllDocuments, stringify } from "yaml";
import { ORIGIN, readManifest, splitConfig } from "./chart_source.ts";

/** The time between the end of the drain and the kill, in seconds. */
export const RESERVE = 10;

/** The defaults: what the manifests say. */
export function valuesText(): string {
  const pods = parse(readManifest("base/deployment.yaml")).spec;
  const [container] = pods.template.spec.containers;
  const { spec: autoscaler } = parse(readManifest("autoscaling/autoscaler.yaml"));
  const monitor = parseAllDocuments(readManifest("service-monitor/service-monitor.yaml"))[1]!.toJS();
  const [config, own] = splitConfig();
  const gateway = parse(readManifest("gateway/deployment.yaml")).spec;
  const gatewayService = parse(readManifest("gateway/service.yaml")).spec;
  const ports = container.ports.filter(({ name }: { name: string }) => name !== "admin");
  const named = ports.map(({ name, containerPort }: Record<string, unknown>) => ({
    name,
    port: containerPort,
  }));
  return `# ${ORIGIN}

# Deployment, or DaemonSet for one pod on each node.
kind: Deployment
# Used only by a Deployment without autoscaling.
replicas: ${pods.replicas}

image:
  repository: ${container.image}
  # The version of the chart unless set.
  tag: ""

# Your services and upstreams. The chart adds admin, reload and shutdown. --set-file config=FILE
config: |
${indented(config)}
# Ports that the configuration listens on, for clients.
ports:
${indented(stringify(named))}
# A Secret that you create, with the token of the admin interface.
adminToken:
  secret: sluice-admin
  key: token

# A pod goes on accepting for preStopSeconds, then waits up to drainSeconds for its connections. The kubelet kills it
# ${RESERVE} s after that.
shutdown:
  preStopSeconds: ${container.lifecycle.preStop.sleep.seconds}
  drainSeconds: ${/drain: (\d+)s/.exec(own)![1]}

${stringify({ resources: container.resources })}
service:
  annotations: {}
  # More of the Service, such as type: LoadBalancer and externalTrafficPolicy: Local; not ${
    writtenKeys("spec")!.join(" or ")
  }.
  spec: {}

# More of the pods, such as imagePullSecrets, nodeSelector, tolerations and priorityClassName. The chart itself writes
# ${writtenKeys("podSpec")!.join(", ")}.
podSpec: {}
# More volumes of a pod and where its container mounts them, such as a Secret with a certificate.
extraVolumes: []
extraVolumeMounts: []

networkPolicy:
  enabled: true
  # The namespace whose pods may read metrics.
  metricsFrom: monitoring

# Needs an adapter that serves sluice_connections_active as a metric of pods.
autoscaling:
  enabled: false
  minReplicas: ${autoscaler.minReplicas}
  maxReplicas: ${autoscaler.maxReplicas}
  # Open connections in a pod.
  connections: ${autoscaler.metrics[0].pods.target.averageValue}

# Needs the CustomResourceDefinitions of the Prometheus Operator.
serviceMonitor:
  enabled: false
  interval: ${monitor.spec.endpoints[0].interval}

# sluice gateway, beside the proxy: see docs/deploy/gateway.md. Needs the CustomResourceDefinitions of the Gateway API.
# Image, adminToken, shutdown and podSpec are those above. With replicas: 0 above, it runs alone.
gateway:
  enabled: false
  # The GatewayClass, which the chart creates.
  className: sluice
  replicas: ${gateway.replicas}
  # The ports of your listeners.
  ports:
${indented(indented(stringify(gatewayService.ports)))}${
    indented(stringify({ resources: gateway.template.spec.containers[0].resources }))
  }  service:
    annotations: {}
    # More of the Service, whose type is ${gatewayService.type} unless set, such as externalTrafficPolicy: Local.
    spec: {}
`;
}

/** Helm refuses wrong types and unknown keys. What is empty takes anything but keys that a template writes. */
export function valuesSchema(value: unknown, key = ""): Record<string, unknown> {
  if (key === "kind") return { enum: ["Deployment", "DaemonSet"] };
  if (key === "resources") return { type: "object" };
  if (typeof value !== "object" || value === null) {
    return typeof value === "number" ? { type: "integer", minimum: 0 } : { type: typeof value };
  }
  if (Array.isArray(value)) {
    if (isEmpty(value)) return { type: "array", items: { type: "object" } };
    return { type: "array", minItems: 1, items: valuesSchema(value[0]) };
  }
  if (isEmpty(value)) {
    const written = writtenKeys(key);
    return {
      type: "object",
      ...written && { properties: Object.fromEntries(written.map((k) => [k, false])) },
    };
  }
  const entries = Object.entries(value);
  const properties = Object.fromEntries(entries.map(([name, each]) => [name, valuesSchema(each, name)]));
  // What takes anything may be null.
  const required = entries.filter(([name, each]) => name !== "resources" && !isEmpty(each));
  // Helm adds `global` to the values of a chart in another chart.
  const known = "kind" in value ? { ...properties, global: { type: "object" } } : properties;
  return {
    type: "object",
    properties: known,
    required: required.map(([name]) => name),
    additionalProperties: false,
  };
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** Keys of a manifest that stand beside those of a value, where they would be there twice. */
function writtenKeys(key: string): string[] | undefined {
  if (key === "podSpec") return Object.keys(parse(readManifest("base/deployment.yaml")).spec.template.spec);
  if (key === "spec") return Object.keys(parse(readManifest("base/service.yaml")).spec);
  return undefined;
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, "  ");
}
