/**
 * Writes the Helm chart, docs/deploy/helm, from the manifests of docs/deploy/kubernetes and what a chart lets users set:
 * `deno task docs`.
 */

import { parse, parseAllDocuments, stringify } from "yaml";
import denoJson from "../../deno.json" with { type: "json" };
import { ManifestTemplate } from "./manifest_template.ts";

const DEPLOY = new URL("../../docs/deploy/", import.meta.url);
const SOURCE = new URL("kubernetes/", DEPLOY);
export const CHART = new URL("helm/", DEPLOY);

const ORIGIN = "Written by `deno task docs` from docs/deploy/kubernetes.";
const RELEASE = ".Release.Name";
const PRE_STOP = ".Values.shutdown.preStopSeconds";
const DRAIN = ".Values.shutdown.drainSeconds";
/** The time between the end of the drain and the kill, in seconds. */
const RESERVE = 10;
/** Sections of the configuration that have to fit the manifests. */
const OWN_SECTIONS = ["admin", "reload", "shutdown"];

/** What a template says beyond its manifests. */
interface Edits {
  /** When there are such objects at all. */
  readonly condition?: string;
  readonly edit?: (template: ManifestTemplate) => void;
}

/** The manifests by their file; the namespace is what Helm is told. */
const TEMPLATES: Readonly<Record<string, Edits>> = {
  "base/access.yaml": { edit: editAccess },
  "base/config.yaml": { edit: editConfig },
  "base/deployment.yaml": { edit: editPods },
  "base/service.yaml": { edit: editService },
  "base/network-policy.yaml": { condition: "if .Values.networkPolicy.enabled", edit: editNetworkPolicy },
  "base/disruption-budget.yaml": { condition: 'if eq .Values.kind "Deployment"' },
  "autoscaling/autoscaler.yaml": { condition: "if .Values.autoscaling.enabled", edit: editAutoscaler },
  "service-monitor/service-monitor.yaml": {
    condition: "if .Values.serviceMonitor.enabled",
    edit: editMonitor,
  },
};

const LABELS = `{{- define "sluice.labels" -}}
app.kubernetes.io/name: sluice
app.kubernetes.io/instance: {{ ${RELEASE} }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}
`;

/** The files of the chart, by their path in it. */
export function chartFiles(): Map<string, string> {
  const { version, license } = denoJson;
  const values = valuesText();
  const chart = {
    apiVersion: "v2",
    name: "sluice",
    description: "TCP proxy for databases, services and tests",
    version,
    appVersion: version,
    kubeVersion: ">=1.30.0-0",
    annotations: { "artifacthub.io/license": license },
  };
  return new Map([
    ["Chart.yaml", `# ${ORIGIN}\n${stringify(chart)}`],
    ["values.yaml", values],
    ["values.schema.json", `${JSON.stringify(valuesSchema(parse(values)), null, 2)}\n`],
    ["templates/_labels.tpl", `${comment(ORIGIN)}${LABELS}`],
    ...Object.entries(TEMPLATES).map(([path, edits]): [string, string] => [
      `templates/${path.slice(path.indexOf("/") + 1)}`,
      templateText(path, edits),
    ]),
  ]);
}

function templateText(path: string, { condition, edit }: Edits): string {
  const documents = parseAllDocuments(read(path)).map((document) => {
    const template = new ManifestTemplate(document);
    nameByRelease(template);
    edit?.(template);
    return template.text();
  });
  const text = documents.join("");
  const body = condition === undefined ? text : `{{- ${condition} }}\n${text}{{- end }}\n`;
  return comment(ORIGIN) + body;
}

/** Objects, and what refers to them, are named by the release; labels are those of a chart. */
function nameByRelease(template: ManifestTemplate): void {
  template.remove(["metadata", "namespace"]);
  template.replaceScalars((key, value, path) => {
    const isName = ["name", "serviceAccountName", "app.kubernetes.io/instance"].includes(key);
    if (!isName || path.includes("containers") || !/^sluice(-metrics)?$/.test(value)) return undefined;
    return `{{ ${RELEASE} }}${value.slice("sluice".length)}`;
  });
  const component = template.remove(["metadata", "labels"])?.["app.kubernetes.io/component"];
  const own = component === undefined ? "" : `\n  app.kubernetes.io/component: ${component}`;
  template.add(
    ["metadata"],
    (indent) => `labels:\n  {{- include "sluice.labels" . | nindent ${indent + 2} }}${own}`,
  );
}

function editAccess(template: ManifestTemplate): void {
  if (template.get(["kind"]) !== "RoleBinding") return;
  // kustomize adds it.
  template.add(["subjects", 0], () => "namespace: {{ .Release.Namespace }}");
}

function editConfig(template: ManifestTemplate): void {
  const [own] = splitConfig();
  const shown = own.replace(/drain: \d+s/, `drain: {{ ${DRAIN} }}s`);
  template.setText(["data", "sluice.yaml"], shown, (indent) => `{{- .Values.config | nindent ${indent} }}`);
}

function editPods(template: ManifestTemplate): void {
  const pod = ["spec", "template", "spec"];
  const container = [...pod, "containers", 0];
  const isDeployment = 'eq .Values.kind "Deployment"';
  template.set(["kind"], "{{ .Values.kind }}");
  template.set(["spec", "replicas"], "{{ .Values.replicas }}");
  template.wrap(["spec", "replicas"], `if and (${isDeployment}) (not .Values.autoscaling.enabled)`);
  template.rename(["spec", "strategy"], `{{ if ${isDeployment} }}strategy{{ else }}updateStrategy{{ end }}`);
  template.set([...pod, "terminationGracePeriodSeconds"], `{{ add ${PRE_STOP} ${DRAIN} ${RESERVE} }}`);
  template.set([...container, "lifecycle", "preStop", "sleep", "seconds"], `{{ ${PRE_STOP} }}`);
  template.wrap([...pod, "topologySpreadConstraints"], `if ${isDeployment}`);
  const tag = ".Values.image.tag | default .Chart.AppVersion";
  template.replace([...container, "image"], () => `image: "{{ .Values.image.repository }}:{{ ${tag} }}"`);
  const secret = [...container, "env", 0, "valueFrom", "secretKeyRef"];
  template.set([...secret, "name"], "{{ .Values.adminToken.secret }}");
  template.set([...secret, "key"], "{{ .Values.adminToken.key }}");
  template.replace([...container, "ports", 0], () => eachPort("containerPort: {{ .port }}"));
  template.replace(
    [...container, "resources"],
    (indent) => `resources:\n  {{- toYaml .Values.resources | nindent ${indent + 2} }}`,
  );
  template.add(pod, (indent) => withValue(".Values.podSpec", indent));
}

function editService(template: ManifestTemplate): void {
  template.add(["metadata"], (indent) => {
    const annotations = `annotations:\n  {{- toYaml . | nindent ${indent + 2} }}`;
    return `{{- with .Values.service.annotations }}\n${annotations}\n{{- end }}`;
  });
  template.replace(["spec", "ports", 0], () => eachPort("port: {{ .port }}\n  targetPort: {{ .name }}"));
  template.add(["spec"], (indent) => withValue(".Values.service.spec", indent));
}

function editNetworkPolicy(template: ManifestTemplate): void {
  const [clients, metrics] = [["spec", "ingress", 0], ["spec", "ingress", 1]];
  template.replace(
    [...clients!, "ports", 0],
    () => "{{- range .Values.ports }}\n- protocol: TCP\n  port: {{ .name }}\n{{- end }}",
  );
  const namespace = ["from", 0, "namespaceSelector", "matchLabels", "kubernetes.io/metadata.name"];
  template.set([...metrics!, ...namespace], "{{ .Values.networkPolicy.metricsFrom }}");
}

function editAutoscaler(template: ManifestTemplate): void {
  template.set(["spec", "minReplicas"], "{{ .Values.autoscaling.minReplicas }}");
  template.set(["spec", "maxReplicas"], "{{ .Values.autoscaling.maxReplicas }}");
  const target = ["spec", "metrics", 0, "pods", "target", "averageValue"];
  template.set(target, "{{ .Values.autoscaling.connections | quote }}");
  const refusal = '{{ fail "autoscaling.enabled needs kind: Deployment" }}';
  template.replace(
    ["kind"],
    () => `kind: HorizontalPodAutoscaler\n{{- if ne .Values.kind "Deployment" }}${refusal}{{ end }}`,
  );
}

function editMonitor(template: ManifestTemplate): void {
  if (template.get(["kind"]) !== "ServiceMonitor") return;
  const endpoint = ["spec", "endpoints", 0];
  template.set([...endpoint, "interval"], "{{ .Values.serviceMonitor.interval }}");
  template.set([...endpoint, "authorization", "credentials", "name"], "{{ .Values.adminToken.secret }}");
  template.set([...endpoint, "authorization", "credentials", "key"], "{{ .Values.adminToken.key }}");
}

function eachPort(keys: string): string {
  return `{{- range .Values.ports }}\n- name: {{ .name }}\n  ${keys}\n{{- end }}`;
}

function withValue(value: string, indent: number): string {
  return `{{- with ${value} }}\n{{- toYaml . | nindent ${indent} }}\n{{- end }}`;
}

/** The defaults: what the manifests say. */
function valuesText(): string {
  const pods = parse(read("base/deployment.yaml")).spec;
  const [container] = pods.template.spec.containers;
  const { spec: autoscaler } = parse(read("autoscaling/autoscaler.yaml"));
  const monitor = parseAllDocuments(read("service-monitor/service-monitor.yaml"))[1]!.toJS();
  const [own, config] = splitConfig();
  const ports = container.ports.filter(({ name }: { name: string }) => name !== "admin");
  const named = ports.map(({ name, containerPort }: Record<string, unknown>) => ({
    name,
    port: containerPort,
  }));
  return `# ${ORIGIN}

# Deployment, or DaemonSet for one pod on each node.
kind: Deployment
# Of a Deployment without autoscaling.
replicas: ${pods.replicas}

image:
  repository: ${container.image}
  # The version of the chart unless set.
  tag: ""

# The configuration without ${OWN_SECTIONS.join(", ")}, which the chart writes: --set-file config=FILE
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
  # More of the Service, such as type: LoadBalancer and externalTrafficPolicy: Local.
  spec: {}

# More of the pods, such as imagePullSecrets, nodeSelector, tolerations and priorityClassName.
podSpec: {}

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
`;
}

/** The configuration of the base: the sections that the chart writes, and those of the user. */
function splitConfig(): [own: string, rest: string] {
  const config: string = parse(read("base/config.yaml")).data["sluice.yaml"];
  const sections = config.split(/^(?=\S)/m);
  const at = sections.findLastIndex((section) => OWN_SECTIONS.includes(section.split(":")[0]!));
  return [sections.slice(0, at + 1).join(""), sections.slice(at + 1).join("")];
}

/** Wrong types and keys that there are not are errors of helm. Empty mappings take anything. */
function valuesSchema(value: unknown, key = ""): Record<string, unknown> {
  if (key === "kind") return { enum: ["Deployment", "DaemonSet"] };
  if (Array.isArray(value)) return { type: "array", minItems: 1, items: valuesSchema(value[0]) };
  if (typeof value !== "object" || value === null) {
    return typeof value === "number" ? { type: "integer", minimum: 0 } : { type: typeof value };
  }
  const entries = Object.entries(value);
  if (entries.length === 0 || key === "resources") return { type: "object" };
  const properties = Object.fromEntries(entries.map(([name, each]) => [name, valuesSchema(each, name)]));
  // A mapping that takes anything may be null.
  const isOpen = ({ type, properties }: Record<string, unknown>) =>
    type === "object" && properties === undefined;
  const required = Object.keys(properties).filter((name) => !isOpen(properties[name]!));
  // Helm adds `global` to the values of a chart in another chart.
  const known = "kind" in value ? { ...properties, global: { type: "object" } } : properties;
  return { type: "object", properties: known, required, additionalProperties: false };
}

function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, SOURCE));
}

function comment(text: string): string {
  return `{{- /* ${text} */ -}}\n`;
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, "  ");
}

if (import.meta.main) {
  await Deno.mkdir(new URL("templates/", CHART), { recursive: true });
  for (const [path, text] of chartFiles()) await Deno.writeTextFile(new URL(path, CHART), text);
}
