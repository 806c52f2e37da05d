/** Renders the Helm chart of docs/deploy/helm. */

import { fileURLToPath } from "node:url";
import { type Needs, run } from "../../support/interop.ts";
import { KUBECTL, type Manifest, objectsIn } from "./manifests.ts";

export const HELM: Needs = { needs: ["helm", ...KUBECTL.needs], install: "deno task kube" };
export const CHART = fileURLToPath(new URL("../../../docs/deploy/helm/", import.meta.url));

/** The objects of the chart as a release of this name. */
export async function template(
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
