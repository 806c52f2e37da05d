/** The Helm chart of docs/deploy/kubernetes.md: it says what the manifests say, and an API server accepts it. */

import assert from "node:assert/strict";
import { interopTest, run } from "../../support/interop.ts";
import { KUBE_API_SERVER, KubeApiServer } from "../../support/servers/kube_api_server.ts";
import { CHART, HELM, template } from "./helm.ts";
import { BASE, build, buildOverlay, type Manifest } from "./manifests.ts";
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

/** Without what an overlay and the values of a chart set each in their way: the image and the configuration. */
function withoutChoices(object: Manifest): Manifest {
  const { data: _, ...copy } = structuredClone(object);
  for (const container of copy.spec?.template?.spec.containers ?? []) delete container.image;
  return copy;
}
