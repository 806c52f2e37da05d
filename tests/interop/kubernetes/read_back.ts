/** Compares what an API server keeps with what was asked for. */

import assert from "node:assert/strict";
import type { KubeApiServer } from "../../support/servers/kube_api_server.ts";
import type { Manifest } from "./manifests.ts";

/** Quantities that the server writes in another way. */
const SAME: Readonly<Record<string, string>> = { "2000": "2k" };

/**
 * Applies objects, first as a dry run that may create nothing, and reads each back. Their namespace exists. Returns their
 * kinds.
 */
export async function readBack(
  server: KubeApiServer,
  objects: readonly Manifest[],
  namespace: string,
): Promise<string[]> {
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
  const own = [`--namespace=${namespace}`, "-f", "-"];
  await server.kubectl(["apply", "--server-side", "--dry-run=server", ...own], list);
  const found = await server.kubectl(["get", "--ignore-not-found", "-o", "name", ...own], list);
  const others = found.text.split("\n").filter((name) => name !== "" && name !== `namespace/${namespace}`);
  assert.deepEqual(others, [], "a dry run creates nothing");

  await server.kubectl(["apply", "--server-side", ...own], list);
  const { text } = await server.kubectl(["get", "-o", "json", ...own], list);
  const kept: Manifest[] = JSON.parse(text).items;
  assert.equal(kept.length, objects.length);
  for (const object of kept) {
    const asked = objects.find(({ kind, metadata: { name } }) =>
      kind === object.kind && name === object.metadata.name
    );
    assert.ok(asked);
    assert.deepEqual(missing(asked, object), [], `${object.kind} ${object.metadata.name}`);
  }
  return kept.map(({ kind }) => kind);
}

/** What was asked for and is not there, or is something else, as paths. */
export function missing(asked: Manifest, kept: Manifest, path = ""): string[] {
  if (typeof asked !== "object" || asked === null) {
    const isSame = asked === kept || SAME[asked] === kept;
    return isSame ? [] : [`${path}: ${JSON.stringify(asked)}, not ${JSON.stringify(kept)}`];
  }
  if (typeof kept !== "object" || kept === null) return [`${path}: nothing`];
  if (Array.isArray(asked) && asked.length !== kept.length) return [`${path}: ${JSON.stringify(kept)}`];
  return Object.entries(asked).flatMap(([key, value]) => missing(value, kept[key], `${path}.${key}`));
}
