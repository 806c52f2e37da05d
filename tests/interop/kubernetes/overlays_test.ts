/** The overlays of docs/deploy/kubernetes.md that change ports and add a volume for ACME: what belongs together fits. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { blockWith } from "../../support/docs/page.ts";
import { interopTest, run } from "../../support/interop.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { runSluice } from "../../support/program/program.ts";
import { build, KUBECTL, type Manifest, MANIFESTS } from "./manifests.ts";

const PAGE = "docs/deploy/kubernetes.md";
const CONFIG = blockWith(PAGE, "yaml", 'listen: ":6379"');

/** @param overlay The text of kustomization.yaml. */
async function built(overlay: string): Promise<Map<string, Manifest>> {
  await using folder = await temporaryDirectory();
  await Deno.writeTextFile(join(folder.path, "kustomization.yaml"), overlay);
  await Deno.writeTextFile(join(folder.path, "sluice.yaml"), CONFIG);
  await Deno.writeTextFile(
    join(folder.path, "volume.yaml"),
    blockWith(PAGE, "yaml", "kind: PersistentVolumeClaim"),
  );
  await run("cp", ["-r", MANIFESTS, join(folder.path, "kubernetes")]);
  return await build(folder.path);
}

interopTest("an overlay of the Kubernetes base changes the ports everywhere", KUBECTL, async () => {
  const overlay = blockWith(PAGE, "yaml", "containerPort: 6379");
  const daemons = overlay.replace("images:", "components: [kubernetes/daemonset]\nimages:")
    .replace("kind: Deployment,", "kind: DaemonSet,");
  for (const [text, kind] of [[overlay, "Deployment"], [daemons, "DaemonSet"]] as const) {
    const objects = await built(text);
    const [container] = objects.get(`${kind} sluice`).spec.template.spec.containers;
    const ports = new Map<string, number>(
      container.ports.map(({ name, containerPort }: Manifest) => [name, containerPort]),
    );
    assert.deepEqual([...ports], [["redis", 6379], ["admin", 9000], ["https", 8443]]);
    assert.deepEqual(objects.get("Service sluice").spec.ports, [
      { name: "redis", port: 6379, targetPort: "redis" },
      { name: "https", port: 443, targetPort: "https" },
    ]);
    const [clients, metrics] = objects.get("NetworkPolicy sluice").spec.ingress;
    assert.deepEqual(clients.ports.map(({ port }: Manifest) => port), ["redis", "https"]);
    assert.deepEqual(metrics.ports.map(({ port }: Manifest) => port), ["admin"]);
    // The pods listen there.
    const listening = CONFIG.matchAll(/listen: ":(\d+)"/g);
    assert.deepEqual(
      Array.from(listening, ([, port]) => Number(port)).sort(),
      [...ports.values()].sort(),
    );
  }
});

interopTest(
  "an overlay of the Kubernetes base keeps certificates of ACME in a volume",
  KUBECTL,
  async (stack) => {
    const patch = blockWith(PAGE, "yaml", "/spec/template/spec/volumes/-").replaceAll(/^(?=.)/gm, "  ");
    const overlay = blockWith(PAGE, "yaml", "containerPort: 6379")
      .replace("resources: [kubernetes/base]", "resources: [kubernetes/base, volume.yaml]") + patch;
    const objects = await built(overlay);
    const { spec: pod } = objects.get("Deployment sluice").spec.template;
    const claim = objects.get("PersistentVolumeClaim sluice-acme");
    assert.equal(claim.metadata.namespace, "sluice");
    const volume = pod.volumes.find(({ name }: Manifest) => name === "acme");
    assert.equal(volume.persistentVolumeClaim.claimName, claim.metadata.name);
    const mount = pod.containers[0].volumeMounts.find(({ name }: Manifest) => name === "acme");
    assert.ok(CONFIG.includes(`storage: ${mount.mountPath}/acme `), mount.mountPath);
    assert.notEqual(mount.readOnly, true);
    assert.equal(pod.securityContext.fsGroup, pod.securityContext.runAsGroup);
    // Its other mount, and the ports of the other patches, are still there.
    assert.deepEqual(pod.containers[0].volumeMounts.map(({ name }: Manifest) => name), ["config", "acme"]);
    assert.equal(pod.containers[0].ports.length, 3);

    const folder = stack.use(await temporaryDirectory());
    const file = join(folder.path, "sluice.yaml");
    // The folder around it is there in a pod.
    await Deno.writeTextFile(file, CONFIG.replace(mount.mountPath, folder.path));
    const { code, stderr } = await runSluice(["check", file], {
      env: { SLUICE_ADMIN_TOKEN: "0123456789abcdef" },
    });
    assert.equal(code, 0, stderr);
  },
);
