/** What the Helm chart takes from the manifests of docs/deploy/kubernetes. */

import { parse } from "yaml";

const SOURCE = new URL("../../docs/deploy/kubernetes/", import.meta.url);

export const ORIGIN = "Written by `deno task docs` from docs/deploy/kubernetes.";
/** Sections of the configuration that have to fit the manifests. */
export const OWN_SECTIONS = ["admin", "reload", "shutdown"];

/** The text of a manifest. @param path Such as "base/config.yaml" */
export function readManifest(path: string): string {
  return Deno.readTextFileSync(new URL(path, SOURCE));
}

/** The configuration of the base: the sections of the user, and those that the chart writes. */
export function splitConfig(): [config: string, own: string] {
  const config: string = parse(readManifest("base/config.yaml")).data["sluice.yaml"];
  const at = config.search(/^(?=(?:#.*\n)*admin:)/m);
  return [config.slice(0, at), config.slice(at)];
}
