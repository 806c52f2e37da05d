/** The commands of docs/deploy/kubernetes.md and gateway.md, as printed, with a real API server. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "../../support/eventually.ts";
import { blockWith, pathOf } from "../../support/docs/page.ts";
import { interopTest, type Needs, run } from "../../support/interop.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { Sluice } from "../../support/program/program.ts";
import { KUBE_API_SERVER, KubeApiServer, type KubeObject } from "../../support/servers/kube_api_server.ts";
import { applyGatewayApi, GATEWAY_API } from "./gateway_cluster.ts";
import { HELM } from "./helm.ts";
import { MANIFESTS } from "./manifests.ts";
import { SERVICE_MONITOR_CRD } from "./service_monitor_crd.ts";

const KUBERNETES_PAGE = "docs/deploy/kubernetes.md";
const GATEWAY_PAGE = "docs/deploy/gateway.md";
const IMAGE = "ghcr.io/OWNER/REPOSITORY";

const withHelm = ({ needs, install }: Needs): Needs => ({ needs: [...needs, ...HELM.needs], install });

/** A user of the page: a folder in which its commands run, and the cluster that they reach. */
class Reader {
  readonly server: KubeApiServer;
  readonly folder: string;
  readonly #env: Readonly<Record<string, string>>;

  private constructor(server: KubeApiServer, folder: string, kubeconfig: string) {
    this.server = server;
    this.folder = folder;
    this.#env = { KUBECONFIG: kubeconfig, HOME: folder };
  }

  static async start(stack: AsyncDisposableStack): Promise<Reader> {
    const server = await KubeApiServer.start(stack);
    const { path } = stack.use(await temporaryDirectory());
    // Commands name files of the checkout and of the user.
    await Deno.symlink(pathOf("docs"), join(path, "docs"));
    return new Reader(server, path, await server.kubeconfig());
  }

  /** Runs the block of a page that has this text. */
  async run(page: string, text: string): Promise<void> {
    const shell = ["-euc", blockWith(page, "sh", text)];
    await run("sh", shell, { cwd: this.folder, env: this.#env });
  }

  async write(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(join(this.folder, name), text);
  }

  async deployment(name: string): Promise<KubeObject> {
    return await this.server.request("GET", `/apis/apps/v1/namespaces/sluice/deployments/${name}`);
  }
}

interopTest("the commands of kubernetes.md apply an overlay", KUBE_API_SERVER, async (stack) => {
  const reader = await Reader.start(stack);
  await reader.server.apply(SERVICE_MONITOR_CRD);
  await reader.server.kubectl([
    "wait",
    "--for=condition=established",
    "crd/servicemonitors.monitoring.coreos.com",
  ]);
  await reader.run(KUBERNETES_PAGE, "kubectl create namespace");
  await reader.write("kustomization.yaml", blockWith(KUBERNETES_PAGE, "yaml", "kind: Kustomization"));
  await reader.write("sluice.yaml", "services: []\n");
  await run("cp", ["-r", MANIFESTS, join(reader.folder, "kubernetes")]);
  await reader.run(KUBERNETES_PAGE, "kubectl apply");
  const { spec } = await reader.deployment("sluice");
  assert.match(spec.template.spec.containers[0].image, new RegExp(`^${IMAGE}:`));
});

interopTest(
  "the commands of kubernetes.md install the chart",
  withHelm(KUBE_API_SERVER),
  async (stack) => {
    const reader = await Reader.start(stack);
    await reader.run(KUBERNETES_PAGE, "kubectl create namespace");
    await reader.write(
      "edge.yaml",
      "services:\n  - { name: db, listen: 5432, upstream: db.internal:5432 }\n",
    );
    await reader.run(KUBERNETES_PAGE, "helm upgrade");
    const { spec } = await reader.deployment("sluice");
    const [{ image, ports }] = spec.template.spec.containers;
    assert.match(image, new RegExp(`^${IMAGE}:`));
    assert.ok(ports.some(({ name }: KubeObject) => name === "postgres"));
  },
);

interopTest("the commands of gateway.md start a gateway that answers", GATEWAY_API, async (stack) => {
  const reader = await Reader.start(stack);
  const { server, folder } = reader;
  await applyGatewayApi(server);
  await reader.run(GATEWAY_PAGE, "kubectl create namespace");
  assert.equal((await reader.deployment("sluice-gateway")).spec.replicas, 2);

  await reader.write("token", await server.createToken("sluice", "sluice-gateway", "sluice-admin"));
  await Deno.copyFile(server.ca, join(folder, "ca.crt"));
  const command = blockWith(GATEWAY_PAGE, "sh", "--token-file").replaceAll("\\\n", " ");
  const [program, ...args] = command.replace("https://10.0.0.1:6443", server.url).trim().split(/\s+/);
  assert.equal(program, "sluice");
  const env = { TMPDIR: folder };
  stack.use(await Sluice.start(args, { wrapper: ["env", `--chdir=${folder}`], env }));
  await eventually(
    "the class to be accepted",
    () => server.request("GET", "/apis/gateway.networking.k8s.io/v1/gatewayclasses/sluice"),
    ({ status }) => status?.conditions[0].reason === "Accepted",
  );
});

interopTest(
  "the commands of gateway.md install the chart with a gateway",
  withHelm(GATEWAY_API),
  async (stack) => {
    const reader = await Reader.start(stack);
    await applyGatewayApi(reader.server);
    await reader.run(KUBERNETES_PAGE, "kubectl create namespace");
    await reader.run(GATEWAY_PAGE, "helm upgrade");
    assert.equal((await reader.deployment("sluice")).spec.replicas, 0);
    const { spec } = await reader.deployment("sluice-gateway");
    assert.equal(spec.template.spec.serviceAccountName, "sluice-gateway");
  },
);
