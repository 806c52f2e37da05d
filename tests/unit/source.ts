/**
 * Reads source as far as the check of its layout needs it: import lines, and code without strings and
 * comments.
 */

import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** With a slash at its end. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export interface Source {
  /** From the root, with slashes. */
  readonly path: string;
  readonly text: string;
}

export interface Import {
  readonly module: string;
  readonly typeOnly: boolean;
  /** Whether it is loaded only once the program comes there. */
  readonly isDynamic: boolean;
  /** What it takes, by the names in the module; undefined for all of it. */
  readonly names: readonly string[] | undefined;
}

/** main.ts and everything in src. */
export function readSources(directory = join(ROOT, "src")): Source[] {
  const below = [...Deno.readDirSync(directory)].flatMap((entry): Source[] => {
    const path = join(directory, entry.name);
    if (entry.isDirectory) return readSources(path);
    return /\.(ts|js|css|html)$/.test(entry.name) ? [readSource(path)] : [];
  });
  return directory === join(ROOT, "src") ? [readSource(join(ROOT, "main.ts")), ...below] : below;
}

function readSource(path: string): Source {
  return { path: relative(ROOT, path).replaceAll(sep, "/"), text: Deno.readTextFileSync(path) };
}

/** Every module that a source imports or exports from. `{ type A, type B }` counts as type-only. */
export function importsOf(text: string): Import[] {
  const pattern =
    /^\s*(?:import|export)\b(?<clause>[^"';()]*?)\bfrom\s*["'](?<from>[^"']+)["']|^\s*import\s*["'](?<effect>[^"']+)["']|\bimport\(\s*["'](?<dynamic>[^"']+)["']/gm;
  return [...withoutComments(text).matchAll(pattern)].map(({ groups }) => {
    const { clause = "", from, effect, dynamic } = groups!;
    const list = /^\s*(?:type\s*)?\{(.*)\}\s*$/s.exec(clause)?.[1];
    const entries = list?.split(",").map((name) => name.trim()).filter(Boolean);
    const typeOnly = /^\s*type\b/.test(clause) ||
      (entries?.every((name) => name.startsWith("type ")) ?? false);
    const names = entries?.map((entry) => /^(?:type )?(\w+)/.exec(entry)![1]!);
    return { module: (from ?? effect ?? dynamic)!, typeOnly, isDynamic: dynamic !== undefined, names };
  });
}

/** The names that a source exports, without types that its own text uses too: those of parameters and results. */
export function exportsOf(text: string): string[] {
  const code = codeOf(text);
  const declared = code.matchAll(/^export (?:async )?(?:const|let|function\*?|class) (\w+)/gm);
  const types = code.matchAll(/^export (?:interface|type) (\w+)/gm)
    .filter(([, name]) => code.match(new RegExp(`\\b${name}\\b`, "g"))!.length === 1);
  const lists = code.matchAll(/^export (?:type )?\{([^}]*)\}/gm)
    .flatMap(([, list]) => list!.matchAll(/(\w+)\s*(?:,|$)/g));
  return [...declared, ...types, ...lists].map(([, name]) => name!);
}

/** Templates count as code: distinguishing their texts from their expressions takes more than a pattern. */
const STRING_OR_COMMENT = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;

function withoutComments(text: string): string {
  return text.replace(STRING_OR_COMMENT, (part) => part.startsWith("/") ? "" : part);
}

/** The text without comments, and with nothing between quotes. */
export function codeOf(text: string): string {
  return text.replace(STRING_OR_COMMENT, (part) => part.startsWith("/") ? "" : '""');
}

/** The path of an imported module from the root; another module stays as it is. */
export function resolved(path: string, module: string): string {
  return module.startsWith(".") ? join(dirname(path), module).replaceAll(sep, "/") : module;
}

/** A cycle from a node back to itself, if there is one. */
export function cycleIn(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const search = (node: string, way: readonly string[]): string[] | undefined => {
    if (way.includes(node)) return [...way.slice(way.indexOf(node)), node];
    if (done.has(node)) return undefined;
    for (const next of graph.get(node) ?? []) {
      const cycle = search(next, [...way, node]);
      if (cycle !== undefined) return cycle;
    }
    done.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const cycle = search(node, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
