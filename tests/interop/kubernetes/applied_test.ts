/** The manifests of docs/deploy/kubernetes, applied to a real API server and read back. */

import assert from "node:assert/strict";
import { eventually } from "../../support/eventually.ts";
import { interopTest } from "../../support/interop.ts";
import { KUBE_API_SERVER, KubeApiServer } from "../../support/servers/kube_api_server.ts";
import { BASE, build, buildOverlay, type Manifest } from "./manifests.ts";
import { readBack } from "./read_back.ts";
import { SERVICE_MONITOR_CRD } from "./service_monitor_crd.ts";

interopTest(
  "an API server accepts each object of the Kubernetes base and its components, and keeps what they say",
  KUBE_API_SERVER,
  async (stack) => {
    const server = await KubeApiServer.start(stack);
    await server.apply(SERVICE_MONITOR_CRD);
    const crd = "crd/servicemonitors.monitoring.coreos.com";
    await server.kubectl(["wait", "--for=condition=established", crd]);
    const variants = [
      await build(BASE),
      await buildOverlay("edge"),
      await buildOverlay("nodes", { components: ["daemonset", "service-monitor"] }),
    ];
    const kinds = new Set<string>();
    for (const objects of variants) {
      const [namespace] = objects.values();
      assert.equal(namespace.kind, "Namespace");
      await server.apply(JSON.stringify(namespace));
      const applied = await readBack(server, [...objects.values()], namespace.metadata.name);
      for (const kind of applied) kinds.add(kind);
    }
    assert.deepEqual([...kinds].sort(), [
      "ConfigMap",
      "DaemonSet",
      "Deployment",
      "HorizontalPodAutoscaler",
      "Namespace",
      "NetworkPolicy",
      "PodDisruptionBudget",
      "Role",
      "RoleBinding",
      "Service",
      "ServiceAccount",
      "ServiceMonitor",
    ]);
  },
);

interopTest(
  "a namespace with the Pod Security Standard restricted admits the pods, and the Role is all that they may do",
  KUBE_API_SERVER,
  async (stack) => {
    const server = await KubeApiServer.start(stack);
    const objects = await build(BASE);
    await server.apply(JSON.stringify(objects.get("Namespace sluice")));
    await server.apply(listOf([...objects.values()]));
    const { metadata, spec } = objects.get("Deployment sluice").spec.template;
    const pod = (template: Manifest) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { ...metadata, name: "one" },
      spec: template,
    });
    const pods = "/api/v1/namespaces/sluice/pods?dryRun=All&fieldValidation=Strict";
    await server.request("POST", pods, pod(spec));
    const [{ securityContext: _, ...container }] = spec.containers;
    await assert.rejects(
      server.request("POST", pods, pod({ ...spec, containers: [container] })),
      /403 .*violates PodSecurity \\"restricted/,
    );

    const slices = { group: "discovery.k8s.io", resource: "endpointslices" };
    const may = (namespace: string, verb: string, resource: Manifest) =>
      mayServiceAccount(server, { namespace, verb, ...resource });
    // The authorizer reads roles from a cache of its own.
    await eventually("the Role to be in effect", () => may("sluice", "get", slices), (allowed) => allowed);
    for (const verb of ["list", "watch"]) assert.ok(await may("sluice", verb, slices), verb);
    for (const verb of ["create", "update", "patch", "delete"]) {
      assert.equal(await may("sluice", verb, slices), false, verb);
    }
    assert.equal(await may("default", "list", slices), false);
    for (const resource of ["secrets", "configmaps", "pods", "services", "endpoints"]) {
      assert.equal(await may("sluice", "list", { group: "", resource }), false, resource);
    }
  },
);

/** Whether the pods of the base may do something. */
async function mayServiceAccount(server: KubeApiServer, resourceAttributes: Manifest): Promise<boolean> {
  const { status } = await server.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SubjectAccessReview",
    spec: { user: "system:serviceaccount:sluice:sluice", resourceAttributes },
  });
  return status.allowed;
}

function listOf(items: readonly Manifest[]): string {
  return JSON.stringify({ apiVersion: "v1", kind: "List", items });
}
