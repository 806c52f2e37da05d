/**
 * Writes the Helm chart, docs/deploy/helm, from the manifests of docs/deploy/kubernetes and what a chart lets users set:
 * `deno task docs`.
 */

import { parse, parseAllDocuments, stringify, type YAMLSeq } from "yaml";
import denoJson from "../../deno.json" with { type: "json" };
import { ORIGIN, OWN_SECTIONS, readManifest, splitConfig } from "./chart_source.ts";
import { RESERVE, valuesSchema, valuesText } from "./chart_values.ts";
import { ManifestTemplate, type Path } from "./manifest_template.ts";

export const CHART = new URL("../../docs/deploy/helm/", import.meta.url);

const RELEASE = ".Release.Name";
const PRE_STOP = ".Values.shutdown.preStopSeconds";
const DRAIN = ".Values.shutdown.drainSeconds";
const GATEWAY = "if .Values.gateway.enabled";

/** What a template says beyond its manifests. */
interface Edits {
  /** When there are such objects at all. */
  readonly condition?: string;
  readonly edit?: (template: ManifestTemplate) => void;
}

/** The manifests by their file; the namespace is that of `helm --namespace`. */
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
  "gateway/access.yaml": { condition: GATEWAY, edit: editGatewayAccess },
  "gateway/deployment.yaml": { condition: GATEWAY, edit: editGatewayPods },
  "gateway/service.yaml": { condition: GATEWAY, edit: editGatewayService },
  "gateway/disruption-budget.yaml": { condition: GATEWAY },
  "gateway/gateway-class.yaml": {
    condition: GATEWAY,
    edit: (template) => template.set(["metadata", "name"], "{{ .Values.gateway.className | quote }}"),
  },
};

/** The file of a template: those of the gateway stand beside others of the same name. */
function fileOf(path: string): string {
  const [folder, name] = path.split("/") as [string, string];
  return folder === "gateway" && !name.startsWith(folder) ? `${folder}-${name}` : name;
}

const LABELS = `{{- define "sluice.labels" -}}
app.kubernetes.io/name: sluice
app.kubernetes.io/instance: {{ ${RELEASE} | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}
`;

/**
 * The text of the user is first: its lines keep their numbers, and what begins a document stays at its beginning. Sections
 * after it need the first column of the same document.
 */
const CONFIG = `{{- define "sluice.config" -}}
{{- $own := include "sluice.ownConfig" . }}
{{- $text := printf "%s\\n%s" (.Values.config | trimSuffix "\\n") $own }}
{{- $config := fromYaml .Values.config }}
{{- with $config.Error }}
  {{- fail (printf "config: Helm cannot read it: %s; check the file with sluice check" .) }}
{{- end }}
{{- range $section, $_ := fromYaml $own }}
  {{- if hasKey $config $section }}
    {{- fail (printf "config: remove %s, which the chart writes" $section) }}
  {{- end }}
{{- end }}
{{- if not (hasKey (fromYaml $text) "${OWN_SECTIONS.at(-1)}") }}
  {{- fail "config: begin its keys in the first column, in one document, without braces around them or ... at the end: the chart adds ${
  OWN_SECTIONS.join(", ")
} after them" }}
{{- end }}
{{- $text }}
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
    ["templates/_config.tpl", `${comment(ORIGIN)}${ownConfig()}\n${CONFIG}`],
    ...Object.entries(TEMPLATES).map(([path, edits]): [string, string] => [
      `templates/${fileOf(path)}`,
      templateText(path, edits),
    ]),
  ]);
}

function templateText(path: string, { condition, edit }: Edits): string {
  const documents = parseAllDocuments(readManifest(path)).map((document) => {
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
    if (!isName || path.includes("containers") || !/^sluice(-metrics|-gateway)?$/.test(value)) {
      return undefined;
    }
    return `"{{ ${RELEASE} }}${value.slice("sluice".length)}"`;
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
  template.add(["subjects", 0], () => "namespace: {{ .Release.Namespace | quote }}");
}

function editConfig(template: ManifestTemplate): void {
  // The indicator is for a text whose first line is indented.
  template.replace(
    ["data", "sluice.yaml"],
    (indent) => `sluice.yaml: |2\n  {{- include "sluice.config" . | nindent ${indent + 2} }}`,
  );
}

function ownConfig(): string {
  const [, own] = splitConfig();
  const text = own.replace(/drain: \d+s/, `drain: ${integer(DRAIN)}s`);
  return `{{- define "sluice.ownConfig" -}}\n${text}{{- end }}\n`;
}

function editPods(template: ManifestTemplate): void {
  const pod = ["spec", "template", "spec"];
  const container = [...pod, "containers", 0];
  const isDeployment = 'eq .Values.kind "Deployment"';
  editPod(template);
  template.set(["kind"], "{{ .Values.kind }}");
  template.set(["spec", "replicas"], integer(".Values.replicas"));
  template.wrap(["spec", "replicas"], `if and (${isDeployment}) (not .Values.autoscaling.enabled)`);
  template.rename(["spec", "strategy"], `{{ if ${isDeployment} }}strategy{{ else }}updateStrategy{{ end }}`);
  template.wrap([...pod, "topologySpreadConstraints"], `if ${isDeployment}`);
  setToken(template, [...container, "env", 0]);
  template.replace(
    [...container, "ports", 0],
    () => eachPort(".Values.ports", `containerPort: ${integer(".port")}`),
  );
  setResources(template, ".Values.resources");
  template.add([...container, "volumeMounts"], (indent) => withValue(".Values.extraVolumeMounts", indent));
  template.add([...pod, "volumes"], (indent) => withValue(".Values.extraVolumes", indent));
  template.add(pod, (indent) => withValue(".Values.podSpec", indent));
}

/** What the pods of the proxy and of the gateway have in common. */
function editPod(template: ManifestTemplate): void {
  const pod = ["spec", "template", "spec"];
  const container = [...pod, "containers", 0];
  template.set([...pod, "terminationGracePeriodSeconds"], `{{ add ${PRE_STOP} ${DRAIN} ${RESERVE} }}`);
  template.set([...container, "lifecycle", "preStop", "sleep", "seconds"], integer(PRE_STOP));
  // API servers before 1.33 refuse a sleep of 0.
  template.wrap([...container, "lifecycle"], `if ${PRE_STOP}`);
  const tag = ".Values.image.tag | default .Chart.AppVersion";
  template.replace([...container, "image"], () => `image: "{{ .Values.image.repository }}:{{ ${tag} }}"`);
}

function setToken(template: ManifestTemplate, variable: Path): void {
  const secret = [...variable, "valueFrom", "secretKeyRef"];
  template.set([...secret, "name"], "{{ .Values.adminToken.secret | quote }}");
  template.set([...secret, "key"], "{{ .Values.adminToken.key | quote }}");
}

function setResources(template: ManifestTemplate, value: string): void {
  template.replace(
    ["spec", "template", "spec", "containers", 0, "resources"],
    (indent) => `resources:\n  {{- toYaml ${value} | nindent ${indent + 2} }}`,
  );
}

function addAnnotations(template: ManifestTemplate, value: string): void {
  template.add(["metadata"], (indent) => {
    const annotations = `annotations:\n  {{- toYaml . | nindent ${indent + 2} }}`;
    return `{{- with ${value} }}\n${annotations}\n{{- end }}`;
  });
}

function editService(template: ManifestTemplate): void {
  addAnnotations(template, ".Values.service.annotations");
  template.replace(
    ["spec", "ports", 0],
    () => eachPort(".Values.ports", `port: ${integer(".port")}\n  targetPort: {{ .name | quote }}`),
  );
  template.add(["spec"], (indent) => withValue(".Values.service.spec", indent));
}

function editNetworkPolicy(template: ManifestTemplate): void {
  const [clients, metrics] = [["spec", "ingress", 0], ["spec", "ingress", 1]];
  template.replace(
    [...clients!, "ports", 0],
    () => "{{- range .Values.ports }}\n- protocol: TCP\n  port: {{ .name | quote }}\n{{- end }}",
  );
  const namespace = ["from", 0, "namespaceSelector", "matchLabels", "kubernetes.io/metadata.name"];
  template.set([...metrics!, ...namespace], "{{ .Values.networkPolicy.metricsFrom | quote }}");
}

function editAutoscaler(template: ManifestTemplate): void {
  template.set(["spec", "minReplicas"], integer(".Values.autoscaling.minReplicas"));
  template.set(["spec", "maxReplicas"], integer(".Values.autoscaling.maxReplicas"));
  const target = ["spec", "metrics", 0, "pods", "target", "averageValue"];
  template.set(target, "{{ .Values.autoscaling.connections | int64 | quote }}");
  const refusal = '{{ fail "autoscaling.enabled needs kind: Deployment" }}';
  template.replace(
    ["kind"],
    () => `kind: HorizontalPodAutoscaler\n{{- if ne .Values.kind "Deployment" }}${refusal}{{ end }}`,
  );
}

function editMonitor(template: ManifestTemplate): void {
  if (template.get(["kind"]) !== "ServiceMonitor") return;
  const endpoint = ["spec", "endpoints", 0];
  template.set([...endpoint, "interval"], "{{ .Values.serviceMonitor.interval | quote }}");
  template.set(
    [...endpoint, "authorization", "credentials", "name"],
    "{{ .Values.adminToken.secret | quote }}",
  );
  template.set([...endpoint, "authorization", "credentials", "key"], "{{ .Values.adminToken.key | quote }}");
}

/** Objects without a namespace have that of the release in their names. */
function editGatewayAccess(template: ManifestTemplate): void {
  const name = `"{{ .Release.Namespace }}-{{ ${RELEASE} }}-gateway"`;
  const kind = template.get(["kind"]);
  if (kind === "ServiceAccount") return;
  template.set(["metadata", "name"], name);
  if (kind !== "ClusterRoleBinding") return;
  template.set(["roleRef", "name"], name);
  template.set(["subjects", 0, "namespace"], "{{ .Release.Namespace | quote }}");
}

function editGatewayPods(template: ManifestTemplate): void {
  editPod(template);
  const pod = ["spec", "template", "spec"];
  const container = [...pod, "containers", 0];
  template.set(["spec", "replicas"], integer(".Values.gateway.replicas"));
  const args: Readonly<Record<string, string>> = {
    "--gateway-class": "{{ .Values.gateway.className }}",
    "--service": `$(NAMESPACE)/{{ ${RELEASE} }}-gateway`,
    "--drain": `${integer(DRAIN)}s`,
  };
  for (const [index, option] of (template.get([...container, "args"]) as YAMLSeq).items.entries()) {
    const [name] = String(option).split("=") as [string];
    if (name in args) template.set([...container, "args", index], `"${name}=${args[name]}"`);
  }
  setToken(template, [...container, "env", 1]);
  setResources(template, ".Values.gateway.resources");
  template.add(pod, (indent) => withValue(".Values.podSpec", indent));
}

function editGatewayService(template: ManifestTemplate): void {
  addAnnotations(template, ".Values.gateway.service.annotations");
  const type = template.remove(["spec", "type"]);
  template.remove(["spec", "ports", 1]);
  template.replace(
    ["spec", "ports", 0],
    () => eachPort(".Values.gateway.ports", `port: ${integer(".port")}`),
  );
  const spec = `merge (deepCopy (.Values.gateway.service.spec | default dict)) (dict "type" "${type}")`;
  template.add(["spec"], (indent) => `{{- toYaml (${spec}) | nindent ${indent} }}`);
}

function eachPort(ports: string, keys: string): string {
  return `{{- range ${ports} }}\n- name: {{ .name | quote }}\n  ${keys}\n{{- end }}`;
}

/** Numbers of a file are floats to Helm, which it would write as 3e+06. */
function integer(value: string): string {
  return `{{ ${value} | int64 }}`;
}

function withValue(value: string, indent: number): string {
  return `{{- with ${value} }}\n{{- toYaml . | nindent ${indent} }}\n{{- end }}`;
}

function comment(text: string): string {
  return `{{- /* ${text} */ -}}\n`;
}

if (import.meta.main) {
  await Deno.mkdir(new URL("templates/", CHART), { recursive: true });
  for (const [path, text] of chartFiles()) await Deno.writeTextFile(new URL(path, CHART), text);
}
