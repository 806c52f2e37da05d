/** The Helm chart of docs/deploy/kubernetes.md: it says what the manifests say, and an API server accepts it. */

import assert from "node:assert/strict";
import { interopTest, run } from "../../support/interop.ts";
import { KUBE_API_SERVER, KubeApiServer } from "../../support/servers/kube_api_server.ts";
import { CHART, HELM, template } from "./helm.ts";
import { BASE, build, buildOverlay, GATEWAY, type Manifest, objectsIn } from "./manifests.ts";
import { missing, readBack } from "./read_back.ts";
import { SERVICE_MONITOR_CRD } from "./service_monitor_crd.ts";

/** Labels that charts have besides. */
const CHART_LABELS = ["app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart"];

const ALL = ["--set=autoscaling.enabled=true,serviceMonitor.enabled=true"];
const DAEMONS = ["--set=kind=DaemonSet,serviceMonitor.enabled=true"];
/** Texts that YAML without quotes takes for numbers, numbers that Helm writes as 3e+06, and a pod without its hook. */
const NUMBERS = [
  ...ALL,
  "--set-string=adminToken.secret=456,adminToken.key=7,networkPolicy.metricsFrom=8,ports[0].name=1e3",
  "--set-json=autoscaling.maxReplicas=2000000,autoscaling.connections=2500001,ports[0].port=5432.0",
  "--set-json=shutdown.preStopSeconds=0,shutdown.drainSeconds=4000000",
];

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
    assertSame(charted, built);
  }
  const [[base, charted]] = pairs;
  const config = (objects: Map<string, Manifest>) => objects.get("ConfigMap sluice").data["sluice.yaml"];
  assert.equal(config(charted), config(base));
});

interopTest("the Helm chart makes the objects of the gateway that kustomize makes", HELM, async () => {
  const proxy = await template("sluice");
  const charted = await template("sluice", ["--set=gateway.enabled=true"]);
  for (const [key, object] of proxy) {
    assert.deepEqual(charted.get(key), object);
    charted.delete(key);
  }
  // Two releases of the same name would share what is in no namespace.
  const named = JSON.stringify([...charted.values()]).replaceAll("sluice-sluice-gateway", "sluice-gateway");
  assertSame(objectsIn(yamlOf(JSON.parse(named))), await build(GATEWAY));
});

interopTest("values of the Helm chart set what differs of the gateway", HELM, async () => {
  const objects = await template("front", [
    "--set=gateway.enabled=true,gateway.className=edge,gateway.replicas=5,adminToken.secret=s,adminToken.key=k",
    "--set=gateway.ports[0].name=sni,gateway.ports[0].port=8443,gateway.service.spec.type=NodePort",
    "--set=gateway.service.annotations.a=b,gateway.resources.limits.memory=1Gi,shutdown.drainSeconds=600",
    "--set=image.repository=registry.test/sluice,image.tag=v9,replicas=0",
  ], "other");
  assert.ok(objects.has("GatewayClass edge"));
  const { spec } = objects.get("Deployment front-gateway");
  const [container] = spec.template.spec.containers;
  assert.deepEqual([spec.replicas, container.image], [5, "registry.test/sluice:v9"]);
  assert.deepEqual(container.args, [
    "gateway",
    "--gateway-class=edge",
    "--service=$(NAMESPACE)/front-gateway",
    "--drain=600s",
    "--admin=:9000",
    "--log-format=json",
  ]);
  assert.deepEqual(container.env[1].valueFrom.secretKeyRef, { name: "s", key: "k" });
  assert.deepEqual(container.resources.limits, { memory: "1Gi" });
  assert.equal(spec.template.spec.terminationGracePeriodSeconds, 620);
  assert.equal(objects.get("Deployment front").spec.replicas, 0);
  const service = objects.get("Service front-gateway");
  assert.deepEqual(service.metadata.annotations, { a: "b" });
  assert.deepEqual([service.spec.type, service.spec.ports], ["NodePort", [{ name: "sni", port: 8443 }]]);
  assert.deepEqual(service.spec.selector, spec.selector.matchLabels);
  const { roleRef, subjects } = objects.get("ClusterRoleBinding other-front-gateway");
  assert.equal(roleRef.name, "other-front-gateway");
  assert.deepEqual(subjects, [{ kind: "ServiceAccount", name: "front-gateway", namespace: "other" }]);
  assert.ok(objects.has("ClusterRole other-front-gateway") && objects.has("ServiceAccount front-gateway"));
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
    for (const [namespace, values] of [["all", ALL], ["daemons", DAEMONS], ["456", NUMBERS]] as const) {
      await server.kubectl(["create", "namespace", namespace]);
      await readBack(server, [...(await template("123", values, namespace)).values()], namespace);
    }
  },
);

/** @param built By kustomize, in the namespace sluice, which a chart does not create. */
function assertSame(charted: ReadonlyMap<string, Manifest>, built: Map<string, Manifest>): void {
  built.delete("Namespace sluice");
  assert.deepEqual([...charted.keys()].sort(), [...built.keys()].sort());
  for (const [key, object] of charted) {
    const { metadata: { labels, ...metadata }, ...rest } = object;
    const { metadata: { labels: expectedLabels = {}, ...expected }, ...expectedRest } = built.get(key);
    for (const label of CHART_LABELS) assert.ok(labels[label], `${key}: ${label}`);
    assert.deepEqual(missing(withoutInstance(expectedLabels), labels), [], key);
    const place = "namespace" in expected ? { namespace: "sluice" } : {};
    assert.deepEqual({ ...place, ...metadata }, expected, key);
    assert.deepEqual(withoutChoices(rest), withoutChoices(expectedRest), key);
  }
}

/** All objects of a chart have the name of its release. */
function withoutInstance({ "app.kubernetes.io/instance": _, ...labels }: Record<string, string>) {
  return labels;
}

function yamlOf(objects: readonly Manifest[]): string {
  return objects.map((object) => JSON.stringify(object)).join("\n---\n");
}

/** Without what an overlay and the values of a chart set each in their way: the image and the configuration. */
function withoutChoices(object: Manifest): Manifest {
  const { data: _, ...copy } = structuredClone(object);
  for (const container of copy.spec?.template?.spec.containers ?? []) delete container.image;
  return copy;
}
