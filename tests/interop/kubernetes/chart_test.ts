/** The Helm chart of docs/deploy/kubernetes.md: it says what the manifests say, and values change what they should. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { interopTest, type Needs, run } from "../../support/interop.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { runSluice } from "../../support/program/program.ts";
import { KUBE_API_SERVER, KubeApiServer } from "../../support/servers/kube_api_server.ts";
import { BASE, build, buildOverlay, KUBECTL, type Manifest, objectsIn } from "./manifests.ts";
import { missing, readBack } from "./read_back.ts";
import { SERVICE_MONITOR_CRD } from "./service_monitor_crd.ts";

const HELM: Needs = { needs: ["helm", ...KUBECTL.needs], install: "deno task kube" };
const CHART = fileURLToPath(new URL("../../../docs/deploy/helm/", import.meta.url));
/** Labels that charts have besides. */
const CHART_LABELS = ["app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart"];

const ALL = ["--set=autoscaling.enabled=true,serviceMonitor.enabled=true"];
const DAEMONS = ["--set=kind=DaemonSet,serviceMonitor.enabled=true"];

interopTest("helm lint has no objection to the chart", HELM, async () => {
  await run("helm", ["lint", "--strict", CHART]);
});

interopTest("the Helm chart makes the objects that kustomize makes", HELM, async () => {
  const pairs = [
    [await build(BASE), await template("sluice")],
    [await buildOverlay("sluice"), await template("sluice", ALL)],
    [
      await buildOverlay("sluice", { components: ["daemonset", "service-monitor"] }),
      await template("sluice", DAEMONS),
    ],
  ] as const;
  for (const [built, charted] of pairs) {
    built.delete("Namespace sluice");
    assert.deepEqual([...charted.keys()].sort(), [...built.keys()].sort());
    for (const [key, object] of charted) {
      const { metadata: { labels, ...metadata }, ...rest } = object;
      const { metadata: { labels: expectedLabels = {}, ...expected }, ...expectedRest } = built.get(key);
      for (const label of CHART_LABELS) assert.ok(labels[label], `${key}: ${label}`);
      assert.deepEqual(missing(expectedLabels, labels), [], key);
      assert.deepEqual({ namespace: "sluice", ...metadata }, expected, key);
      assert.deepEqual(withoutChoices(rest), withoutChoices(expectedRest), key);
    }
  }
  const [[base, charted]] = pairs;
  const config = (objects: Map<string, Manifest>) => objects.get("ConfigMap sluice").data["sluice.yaml"];
  assert.equal(config(charted), config(base));
});

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

    const file = join(folder.path, "sluice.yaml");
    await Deno.writeTextFile(file, objects.get("ConfigMap front").data["sluice.yaml"]);
    const { code, stdout, stderr } = await runSluice(["check", file], {
      env: { SLUICE_ADMIN_TOKEN: "0123456789abcdef" },
    });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /drain: 10m/);
  },
);

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
});

interopTest(
  "an API server accepts each object of the Helm chart, and keeps what it says",
  { needs: [...HELM.needs, ...KUBE_API_SERVER.needs], install: KUBE_API_SERVER.install },
  async (stack) => {
    const server = await KubeApiServer.start(stack);
    await server.apply(SERVICE_MONITOR_CRD);
    await server.kubectl([
      "wait",
      "--for=condition=established",
      "crd/servicemonitors.monitoring.coreos.com",
    ]);
    for (const [namespace, values] of [["all", ALL], ["daemons", DAEMONS]] as const) {
      await server.kubectl(["create", "namespace", namespace]);
      await readBack(server, [...(await template("edge", values, namespace)).values()], namespace);
    }
  },
);

/** The objects of the chart as a release of this name. */
async function template(
  release: string,
  values: readonly string[] = [],
  namespace = "sluice",
): Promise<Map<string, Manifest>> {
  // That of helm itself, where it was built from its module, is too old.
  const version = "--kube-version=1.36.3";
  const { text } = await run("helm", [
    "template",
    release,
    CHART,
    `--namespace=${namespace}`,
    version,
    ...values,
  ]);
  return objectsIn(text);
}

/** Without what an overlay and the values of a chart set each in their way: the image and the configuration. */
function withoutChoices(object: Manifest): Manifest {
  const { data: _, ...copy } = structuredClone(object);
  for (const container of copy.spec?.template?.spec.containers ?? []) delete container.image;
  return copy;
}
