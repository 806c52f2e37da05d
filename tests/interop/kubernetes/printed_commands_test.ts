/** The commands of docs/deploy/kubernetes.md and docs/deploy/gateway.md run, with a real API server where they need one. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { interopTest, run } from "../../support/interop.ts";
import { pathOf, readPages } from "../../support/docs/page.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { KUBE_API_SERVER, KubeApiServer } from "../../support/servers/kube_api_server.ts";
import { applyGatewayApi, GATEWAY_API } from "./gateway_cluster.ts";
import { HELM } from "./helm.ts";
import { MANIFESTS, objectsIn } from "./manifests.ts";
import { SERVICE_MONITOR_CRD } from "./service_monitor_crd.ts";

const [overlay] = blocksOf("docs/deploy/kubernetes.md", "yaml", 2);
const [createSecret, applyOverlay, installChart] = blocksOf("docs/deploy/kubernetes.md", "sh", 3);
const [applyGateway, installGateway] = blocksOf("docs/deploy/gateway.md", "sh", 3);

interopTest("the commands of docs/deploy/kubernetes.md for kustomize", KUBE_API_SERVER, async (stack) => {
  const { server, folder, shell } = await cluster(stack);
  await server.apply(SERVICE_MONITOR_CRD);
  await server.kubectl([
    "wait",
    "--for=condition=established",
    "crd/servicemonitors.monitoring.coreos.com",
  ]);
  await Deno.writeTextFile(join(folder, "kustomization.yaml"), overlay!);
  await Deno.writeTextFile(join(folder, "sluice.yaml"), "services: []\n");
  await run("cp", ["-r", MANIFESTS, join(folder, "kubernetes")]);
  await shell(createSecret!);
  await shell(applyOverlay!);
  const names = await namesIn(server, "deployment,configmap,servicemonitor,secret");
  for (const name of ["deployment.apps/sluice", "configmap/sluice", "secret/sluice-admin"]) {
    assert.ok(names.includes(name), names.join());
  }
});

interopTest("the commands of docs/deploy/gateway.md for kustomize", GATEWAY_API, async (stack) => {
  const { server, shell } = await cluster(stack);
  await applyGatewayApi(server);
  await shell(applyGateway!);
  const names = await namesIn(server, "deployment,serviceaccount,secret");
  for (
    const name of ["deployment.apps/sluice-gateway", "serviceaccount/sluice-gateway", "secret/sluice-admin"]
  ) {
    assert.ok(names.includes(name), names.join());
  }
});

interopTest(
  "the commands for Helm make the objects of the proxy, and those of the gateway",
  HELM,
  async (stack) => {
    const folder = stack.use(await temporaryDirectory()).path;
    await Deno.symlink(pathOf("docs"), join(folder, "docs"));
    const config = 'services: [{ name: postgres, listen: ":5432", upstream: "db.internal:5432" }]\n';
    await Deno.writeTextFile(join(folder, "edge.yaml"), config);
    const objectsOf = async (code: string) => {
      // The API server that `deno task kube` builds says no version, without which helm does not install the chart.
      const command = code.replace("helm upgrade --install", "helm template --kube-version=1.36.3");
      assert.notEqual(command, code);
      return objectsIn(
        (await run("bash", ["-euc", `export HOME='${folder}'\n${command}`], { cwd: folder })).text,
      );
    };
    const proxy = await objectsOf(installChart!);
    assert.ok(
      proxy.has("Deployment sluice") && !proxy.has("Deployment sluice-gateway"),
      [...proxy.keys()].join(),
    );
    assert.ok((await objectsOf(installGateway!)).has("Deployment sluice-gateway"));
  },
);

/** The blocks of a page in this language, of which there are so many. */
function blocksOf(path: string, language: string, count: number): string[] {
  const { blocks } = readPages().find((page) => page.path === path)!;
  const found = blocks.filter((block) => block.language === language).map(({ code }) => code);
  assert.equal(found.length, count, path);
  return found;
}

/** A cluster, and a shell whose kubectl and helm use it, in a folder that has `docs`. */
async function cluster(stack: AsyncDisposableStack) {
  const server = await KubeApiServer.start(stack);
  const folder = stack.use(await temporaryDirectory()).path;
  await Deno.symlink(pathOf("docs"), join(folder, "docs"));
  const variables = `export KUBECONFIG='${await server.kubeconfig()}' HOME='${folder}'\n`;
  const shell = (code: string) => run("bash", ["-euc", variables + code], { cwd: folder });
  return { server, folder, shell };
}

async function namesIn(server: KubeApiServer, kinds: string): Promise<string[]> {
  const { text } = await server.kubectl(["get", kinds, "--namespace=sluice", "--output=name"]);
  return text.trim().split("\n");
}
