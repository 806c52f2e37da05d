/** The manifests of docs/deploy/kubernetes and the overlay in docs/deploy/kubernetes.md: what belongs together fits. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { interopTest } from "../../support/interop.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { runSluice } from "../../support/program/program.ts";
import { BASE, build, buildOverlay, KUBECTL, type Manifest } from "./manifests.ts";

interopTest("the Kubernetes base: ports, probes, selectors, rights and times fit", KUBECTL, async () => {
  const objects = await build(BASE);
  const { spec: deployment } = objects.get("Deployment sluice");
  const { spec: pod, metadata: { labels } } = deployment.template;
  const [container] = pod.containers;
  const ports = new Map<string, number>(
    container.ports.map(({ name, containerPort }: Manifest) => [name, containerPort]),
  );

  for (const kind of ["startupProbe", "livenessProbe", "readinessProbe"]) {
    assert.ok(ports.has(container[kind].httpGet.port), kind);
  }
  assert.equal(container.readinessProbe.httpGet.path, "/readyz");
  const service = objects.get("Service sluice").spec;
  for (const { targetPort } of service.ports) assert.ok(ports.has(targetPort), targetPort);
  const { spec: policy } = objects.get("NetworkPolicy sluice");
  for (const { port } of policy.ingress.flatMap(({ ports }: Manifest) => ports)) {
    assert.ok(ports.has(port), port);
  }

  const selectors = [
    deployment.selector.matchLabels,
    service.selector,
    policy.podSelector.matchLabels,
    objects.get("PodDisruptionBudget sluice").spec.selector.matchLabels,
    ...pod.topologySpreadConstraints.map(({ labelSelector }: Manifest) => labelSelector.matchLabels),
  ];
  for (const selector of selectors) assert.deepEqual(selector, labels);

  const { rules } = objects.get("Role sluice");
  assert.deepEqual(rules, [
    { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["get", "list", "watch"] },
  ]);
  assert.equal(pod.serviceAccountName, objects.get("ServiceAccount sluice").metadata.name);

  const config = objects.get("ConfigMap sluice").data["sluice.yaml"];
  const drain = Number(/drain: (\d+)s/.exec(config)![1]);
  const { seconds } = container.lifecycle.preStop.sleep;
  assert.ok(
    pod.terminationGracePeriodSeconds > seconds + drain,
    "the kubelet kills before the drain is over",
  );
});

interopTest(
  "sluice check accepts the configuration of the Kubernetes base, on the ports of its pods",
  KUBECTL,
  async (stack) => {
    const objects = await build(BASE);
    const folder = stack.use(await temporaryDirectory());
    const file = join(folder.path, "sluice.yaml");
    await Deno.writeTextFile(file, objects.get("ConfigMap sluice").data["sluice.yaml"]);
    const env = { SLUICE_ADMIN_TOKEN: "0123456789abcdef", ZONE: "" };
    const { code, stdout, stderr } = await runSluice(["check", file], { env });
    assert.equal(code, 0, stderr);
    for (const { containerPort } of objects.get("Deployment sluice").spec.template.spec.containers[0].ports) {
      assert.match(stdout, new RegExp(`:${containerPort}\\b`));
    }
  },
);

interopTest(
  "an overlay of the Kubernetes base sets namespace, image and configuration, and adds components",
  KUBECTL,
  async () => {
    const objects = await buildOverlay("edge");
    const deployment = objects.get("Deployment sluice");
    assert.equal(
      deployment.spec.replicas,
      undefined,
      "each apply would set back what the autoscaler decides",
    );
    const [container] = deployment.spec.template.spec.containers;
    assert.equal(container.image, "ghcr.io/OWNER/REPOSITORY:0.1.0");
    assert.deepEqual(objects.get("ConfigMap sluice").data, { "sluice.yaml": "services: []\n" });
    const metrics = objects.get("Service sluice-metrics");
    assert.deepEqual(metrics.spec.selector, deployment.spec.template.metadata.labels);
    const monitor = objects.get("ServiceMonitor sluice");
    for (const [label, value] of Object.entries(monitor.spec.selector.matchLabels)) {
      assert.equal(metrics.metadata.labels[label], value, label);
    }
    assert.deepEqual(objects.get("HorizontalPodAutoscaler sluice").spec.scaleTargetRef, {
      apiVersion: deployment.apiVersion,
      kind: deployment.kind,
      name: deployment.metadata.name,
    });
    assert.equal(objects.get("RoleBinding sluice").subjects[0].namespace, "edge");
    for (const [key, { metadata }] of objects) {
      if (!key.startsWith("Namespace ")) assert.equal(metadata.namespace, "edge", key);
    }
  },
);

interopTest(
  "the Kubernetes component daemonset runs a pod on each node, with the same times",
  KUBECTL,
  async () => {
    const [deployed, daemons] = [
      await buildOverlay("edge", { components: [] }),
      await buildOverlay("edge", { components: ["daemonset"] }),
    ];
    const { spec: { replicas, strategy, ...expected } } = deployed.get("Deployment sluice");
    delete expected.template.spec.topologySpreadConstraints;
    assert.equal(replicas, 2);
    assert.deepEqual(daemons.get("DaemonSet sluice").spec, { ...expected, updateStrategy: strategy });
    const others = (objects: Map<string, Manifest>) =>
      [...objects.keys()].filter((key) => !/^(Deployment|DaemonSet|PodDisruptionBudget) /.test(key));
    assert.deepEqual(others(daemons), others(deployed));
    assert.ok(
      !daemons.has("PodDisruptionBudget sluice"),
      "its controller cannot count the pods of a DaemonSet",
    );
  },
);
