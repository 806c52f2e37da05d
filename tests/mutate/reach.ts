/** Finds the tests that reach a source file by their imports, and their distance from it. */

import { join, normalize } from "node:path/posix";

/** Imports that run: `import type` brings nothing, a worker and an import() with a literal bring all. */
const PATTERNS = [
  /(?:^|\n)\s*(?:import|export)\s(?!type\s)[^;"]*?from\s*"(\.{1,2}\/[^"]+)"/g,
  /(?:^|\n)\s*import\s*"(\.{1,2}\/[^"]+)"/g,
  /(?:import|new URL)\(\s*"(\.{1,2}\/[^"]+\.ts)"/g,
];

/** Paths of modules, each with the modules that it imports. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** @param read The text of a module; undefined when it is not there. */
export function importGraph(
  roots: readonly string[],
  read: (path: string) => string | undefined,
): ImportGraph {
  const graph = new Map<string, readonly string[]>();
  const open = [...roots];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (graph.has(path)) continue;
    const imports = importsIn(path, read(path) ?? "");
    graph.set(path, imports);
    open.push(...imports);
  }
  return graph;
}

/** The tests that reach a file, the nearest first; of equally near ones, those whose name is like the file's. */
export function testsThatReach(file: string, tests: readonly string[], graph: ImportGraph): string[] {
  const distances = tests.map((test) => ({ test, distance: distanceTo(file, test, graph) }));
  const name = file.split("/").at(-1)!.replace(/\.ts$/, "");
  const rank = ({ test, distance }: { test: string; distance: number }) =>
    distance + (test.endsWith(`/${name}_test.ts`) ? -10 : test.includes(name) ? -0.5 : 0);
  return distances.filter(({ distance }) => distance < Infinity)
    .sort((one, other) => rank(one) - rank(other)).map(({ test }) => test);
}

function distanceTo(file: string, test: string, graph: ImportGraph): number {
  const seen = new Set([test]);
  let ring = [test];
  for (let distance = 0; ring.length > 0; distance++) {
    if (ring.includes(file)) return distance;
    const next = ring.flatMap((path) => graph.get(path) ?? []).filter((path) => !seen.has(path));
    for (const path of next) seen.add(path);
    ring = [...new Set(next)];
  }
  return Infinity;
}

function importsIn(path: string, text: string): string[] {
  const folder = path.split("/").slice(0, -1).join("/");
  const modules = PATTERNS.flatMap((pattern) => [...text.matchAll(pattern)].map(([, module]) => module!));
  return [...new Set(modules.map((module) => normalize(join(folder, module))))];
}
