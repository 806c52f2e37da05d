/** What the values of the Helm chart change, and which it refuses. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "yaml";
import { blockWith } from "../../support/docs/page.ts";
import { interopTest } from "../../support/interop.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { runSluice } from "../../support/program/program.ts";
import { HELM, template } from "./helm.ts";
import type { Manifest } from "./manifests.ts";

const SERVICES = `services:
  - { name: redis, listen: ":6379", upstream: "cache:6379" }
`;
const SERVICE_IN_BRACES = '{ services: [{ name: redis, listen: ":6379", upstream: "cache:6379" }] }\n';

interopTest(
  "values of the Helm chart set ports, times, image and the rest of pods and Service",
  HELM,
  async (stack) => {
    const folder = stack.use(await temporaryDirectory());
    const config = join(folder.path, "services.yaml");
    await Deno.writeTextFile(
      config,
      `services:
  - { name: redis, listen: ":6379", upstream: "cache:6379" }
  - { name: smtp, listen: ":2525", upstream: "mail:25" }
`,
    );
    const objects = await template("front", [
      `--set-file=config=${config}`,
      "--set=ports[0].name=redis,ports[0].port=6379,ports[1].name=smtp,ports[1].port=2525",
      "--set=shutdown.preStopSeconds=5,shutdown.drainSeconds=600,image.repository=registry.test/sluice,image.tag=v9",
      "--set=replicas=7,adminToken.secret=s,adminToken.key=k,networkPolicy.metricsFrom=prometheus",
      "--set=podSpec.priorityClassName=high,service.spec.type=LoadBalancer,service.annotations.a=b",
      "--set=resources.limits.memory=1Gi,podSpec.imagePullSecrets[0].name=pull",
    ]);
    const { spec } = objects.get("Deployment front");
    const { spec: pod } = spec.template;
    const [container] = pod.containers;
    assert.equal(spec.replicas, 7);
    assert.equal(container.image, "registry.test/sluice:v9");
    assert.deepEqual(container.ports, [
      { name: "redis", containerPort: 6379 },
      { name: "smtp", containerPort: 2525 },
      { name: "admin", containerPort: 9000 },
    ]);
    assert.deepEqual(container.env[0].valueFrom.secretKeyRef, { name: "s", key: "k" });
    assert.equal(container.lifecycle.preStop.sleep.seconds, 5);
    assert.equal(pod.terminationGracePeriodSeconds, 615);
    assert.equal(container.resources.limits.memory, "1Gi");
    assert.deepEqual([pod.priorityClassName, pod.imagePullSecrets], ["high", [{ name: "pull" }]]);
    const service = objects.get("Service front");
    assert.deepEqual(service.metadata.annotations, { a: "b" });
    assert.equal(service.spec.type, "LoadBalancer");
    assert.deepEqual(service.spec.ports, [
      { name: "redis", port: 6379, targetPort: "redis" },
      { name: "smtp", port: 2525, targetPort: "smtp" },
    ]);
    const [clients, metrics] = objects.get("NetworkPolicy front").spec.ingress;
    assert.deepEqual(clients.ports, [{ protocol: "TCP", port: "redis" }, { protocol: "TCP", port: "smtp" }]);
    assert.deepEqual(metrics.from[0].namespaceSelector.matchLabels, {
      "kubernetes.io/metadata.name": "prometheus",
    });
    const selectors = [
      spec.selector.matchLabels,
      service.spec.selector,
      objects.get("PodDisruptionBudget front").spec.selector.matchLabels,
      ...pod.topologySpreadConstraints.map(({ labelSelector }: Manifest) => labelSelector.matchLabels),
    ];
    for (const selector of selectors) assert.deepEqual(selector, spec.template.metadata.labels);

    assert.match(await check(objects.get("ConfigMap front").data["sluice.yaml"]), /drain: 10m/);
  },
);

interopTest("pods have what `sluice check` accepts, with what precedes its keys", HELM, async (stack) => {
  const folder = stack.use(await temporaryDirectory());
  const file = join(folder.path, "edge.yaml");
  const texts = {
    plain: SERVICES,
    "a document's beginning": `---\n${SERVICES}`,
    "a comment before it": `# edge\n\n--- # here\n${SERVICES}`,
    "an indented comment": `    # edge\n${SERVICES}`,
    "a byte order mark": `\uFEFF${SERVICES}`,
    "CR LF": SERVICES.replaceAll("\n", "\r\n"),
    "no end of the last line": SERVICES.trimEnd(),
  };
  for (const [what, text] of Object.entries(texts)) {
    const alone = await check(text);
    await Deno.writeTextFile(file, text);
    const objects = await template("edge", [`--set-file=config=${file}`]);
    const config: string = objects.get("ConfigMap edge").data["sluice.yaml"];
    assert.ok(config.startsWith(text.replaceAll("\r", "").trimEnd()), `${what}: lines keep their numbers`);
    const { services, shutdown, admin } = parse(await check(config));
    assert.deepEqual(services, parse(alone).services, what);
    assert.deepEqual([shutdown.drain, admin.listen], ["45s", "[::]:9000"], what);
  }
});

interopTest("the Helm chart refuses a text that it cannot add its sections to", HELM, async (stack) => {
  const folder = stack.use(await temporaryDirectory());
  const file = join(folder.path, "edge.yaml");
  const texts: [text: string, message: RegExp][] = [
    [SERVICES.replace(/^(?=.)/gm, "  "), /config: begin its keys in the first column/],
    [SERVICE_IN_BRACES, /config: .* without braces around them/],
    [`${SERVICES}...\n`, /config: .* or \.\.\. at the end/],
    [`${SERVICES}shutdown: { drain: 1m }\n`, /config: remove shutdown, which the chart writes/],
  ];
  for (const [text, message] of texts) {
    await check(text);
    await Deno.writeTextFile(file, text);
    await assert.rejects(template("edge", [`--set-file=config=${file}`]), message);
  }
  await Deno.writeTextFile(file, `${SERVICES}upstreams:\n  - a\n  b: 1\n`);
  await assert.rejects(
    template("edge", [`--set-file=config=${file}`]),
    /config: .*line 4.*check the file with sluice check/,
  );
});

interopTest("names of the Helm chart stay texts, and numbers of a file stay whole", HELM, async (stack) => {
  const folder = stack.use(await temporaryDirectory());
  const values = join(folder.path, "values.yaml");
  await Deno.writeTextFile(
    values,
    `replicas: 1000000
ports: [{ name: "1e3", port: 5432 }]
adminToken: { secret: "456", key: "7" }
networkPolicy: { metricsFrom: "8" }
shutdown: { drainSeconds: 3000000 }
autoscaling: { minReplicas: 2000000, maxReplicas: 3000000, connections: 4000000 }
serviceMonitor: { enabled: true, interval: "0" }
`,
  );
  const single = await template("123", [`--values=${values}`], "9");
  const scaled = await template("123", [`--values=${values}`, "--set=autoscaling.enabled=true"], "9");
  const { spec } = single.get("Deployment 123");
  const { spec: pod } = spec.template;
  const [container] = pod.containers;
  const config = single.get("ConfigMap 123").data["sluice.yaml"];
  assert.match(config, /drain: 3000000s/);
  assert.deepEqual([spec.replicas, pod.terminationGracePeriodSeconds], [1_000_000, 3_000_020]);
  const { minReplicas, maxReplicas, metrics, scaleTargetRef } =
    scaled.get("HorizontalPodAutoscaler 123").spec;
  assert.deepEqual([minReplicas, maxReplicas, scaleTargetRef.name], [2_000_000, 3_000_000, "123"]);
  assert.equal(metrics[0].pods.target.averageValue, "4000000");
  const secret = { name: "456", key: "7" };
  assert.deepEqual(container.env[0].valueFrom.secretKeyRef, secret);
  assert.deepEqual(container.ports[0], { name: "1e3", containerPort: 5432 });
  assert.deepEqual([pod.serviceAccountName, pod.volumes[0].configMap.name], ["123", "123"]);
  const [clients, monitoring] = single.get("NetworkPolicy 123").spec.ingress;
  assert.equal(clients.ports[0].port, "1e3");
  assert.deepEqual(Object.values(monitoring.from[0].namespaceSelector.matchLabels), ["8"]);
  const service = single.get("Service 123").spec;
  assert.deepEqual(service.ports, [{ name: "1e3", port: 5432, targetPort: "1e3" }]);
  assert.equal(service.selector["app.kubernetes.io/instance"], "123");
  const [endpoint] = single.get("ServiceMonitor 123").spec.endpoints;
  assert.deepEqual([endpoint.interval, endpoint.authorization.credentials], ["0", secret]);
  assert.equal(single.get("RoleBinding 123").subjects[0].namespace, "9");
  for (const [key, { metadata }] of single) {
    assert.equal(typeof metadata.name, "string", key);
    assert.equal(metadata.labels["app.kubernetes.io/instance"], "123", key);
  }
});

interopTest("a pod of the Helm chart without a time before its end has no hook", HELM, async () => {
  const objects = await template("sluice", ["--set=shutdown.preStopSeconds=0"]);
  const { spec } = objects.get("Deployment sluice").spec.template;
  assert.equal("lifecycle" in spec.containers[0], false);
  assert.equal(spec.terminationGracePeriodSeconds, 55);
});

interopTest("a pod of the Helm chart mounts the Secret of docs/deploy/kubernetes.md", HELM, async (stack) => {
  const values = blockWith("docs/deploy/kubernetes.md", "yaml", "extraVolumes");
  const folder = stack.use(await temporaryDirectory());
  const file = join(folder.path, "values.yaml");
  await Deno.writeTextFile(file, values);
  const without: Manifest = (await template("sluice")).get("Deployment sluice").spec.template.spec;
  const pod: Manifest =
    (await template("sluice", [`--values=${file}`])).get("Deployment sluice").spec.template.spec;
  assert.deepEqual(pod.volumes, [
    ...without.volumes,
    { name: "tls", secret: { secretName: "edge-tls" } },
  ]);
  assert.deepEqual(pod.containers[0].volumeMounts, [
    ...without.containers[0].volumeMounts,
    { name: "tls", mountPath: "/tls", readOnly: true },
  ]);
});

interopTest("the Helm chart refuses values that it does not know, or that do not fit", HELM, async () => {
  await assert.rejects(
    template("sluice", ["--set=replica=3"]),
    /additional properties 'replica' not allowed/,
  );
  await assert.rejects(template("sluice", ["--set=kind=StatefulSet"]), /'Deployment', 'DaemonSet'/);
  await assert.rejects(
    template("sluice", ["--set=kind=DaemonSet,autoscaling.enabled=true"]),
    /autoscaling\.enabled needs kind: Deployment/,
  );
  await assert.rejects(template("sluice", ["--set-json=ports=[]"]), /ports.*minItems/s);
  await assert.rejects(template("sluice", ["--set=ports=null"]), /missing property 'ports'/);
  const { spec } = (await template("sluice")).get("Deployment sluice").spec.template;
  for (const key of Object.keys(spec)) {
    await assert.rejects(
      template("sluice", [`--set-json=podSpec.${key}=[]`]),
      new RegExp(`/podSpec/${key}': false schema`),
    );
  }
  for (const key of ["selector", "ports"]) {
    await assert.rejects(
      template("sluice", [`--set-json=service.spec.${key}=[]`]),
      new RegExp(`/service/spec/${key}': false schema`),
    );
  }
});

/** Has `sluice check` read a configuration, and returns what it prints. */
async function check(text: string): Promise<string> {
  await using folder = await temporaryDirectory();
  const file = join(folder.path, "sluice.yaml");
  await Deno.writeTextFile(file, text);
  const env = { SLUICE_ADMIN_TOKEN: "0123456789abcdef" };
  const { code, stdout, stderr } = await runSluice(["check", file], { env });
  assert.equal(code, 0, stderr);
  return stdout;
}
