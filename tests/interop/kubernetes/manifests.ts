/** The manifests of docs/deploy/kubernetes, as kustomize builds them. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { blockWith } from "../../support/docs/page.ts";
import { type Needs, run } from "../../support/interop.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";

export const KUBECTL: Needs = {
  needs: ["kubectl"],
  install: "https://kubernetes.io/docs/tasks/tools/, at least 1.27",
};

export const MANIFESTS = fileURLToPath(new URL("../../../docs/deploy/kubernetes/", import.meta.url));
export const BASE = join(MANIFESTS, "base");
export const GATEWAY = join(MANIFESTS, "gateway");

/** An object of many kinds, of which the tests read a little. */
// deno-lint-ignore no-explicit-any -- as above
export type Manifest = any;

/** The objects that kustomize makes of a folder, by kind and name. */
export async function build(folder: string): Promise<Map<string, Manifest>> {
  const { text } = await run("kubectl", ["kustomize", folder]);
  return objectsIn(text);
}

/** The objects of YAML documents, by kind and name. */
export function objectsIn(text: string): Map<string, Manifest> {
  const objects = parseAllDocuments(text).map((document): Manifest => document.toJS());
  const known = objects.filter((object) => object !== null);
  assert.ok(known.length >= 7, text);
  return new Map(known.map((object) => [`${object.kind} ${object.metadata.name}`, object]));
}

/** Builds the overlay that the page shows. @param components In place of those on the page. */
export async function buildOverlay(
  namespace: string,
  { components, config = "services: []\n" }: { components?: readonly string[]; config?: string } = {},
): Promise<Map<string, Manifest>> {
  await using folder = await temporaryDirectory();
  const code = blockWith("docs/deploy/kubernetes.md", "yaml", "kind: Kustomization");
  const named = code.replace("namespace: sluice", `namespace: ${namespace}`);
  const list = components?.map((component) => `kubernetes/${component}`).join(", ");
  const text = list === undefined ? named : named.replace(/^components: \[.*\]/m, `components: [${list}]`);
  await Deno.writeTextFile(join(folder.path, "kustomization.yaml"), text);
  await Deno.writeTextFile(join(folder.path, "sluice.yaml"), config);
  await run("cp", ["-r", MANIFESTS, join(folder.path, "kubernetes")]);
  return await build(folder.path);
}
