/** The reference of the configuration in docs/configuration.md: a table for each mapping, from the schema. */

import { z } from "zod";
import { configFile } from "../../../src/config/schema/config_schema.ts";
import { type Schema, type Shape, waysOf } from "../../../src/config/schema/keys.ts";
import { formatTable } from "./format_table.ts";

const START = "<!-- reference: deno task docs writes it from the schema -->\n";
const END = "<!-- end of the reference -->\n";

/** The text of the page with the reference as the schema has it. */
export function withReference(markdown: string): string {
  const [start, end] = [markdown.indexOf(START), markdown.indexOf(END)];
  if (start < 0 || end < start) throw new Error("docs/configuration.md has no place for the reference");
  return `${markdown.slice(0, start)}${START}\n${reference()}\n${markdown.slice(end)}`;
}

interface Mapping {
  readonly path: string;
  readonly shape: Shape;
}

/** Every mapping once, where it is used first, with the keys of each. */
function reference(): string {
  const mappings: Mapping[] = [];
  const paths = new Map<Shape, string>();
  const visit = (schema: Schema, path: string): void => {
    for (const { shape, element, entries } of waysOf(schema)) {
      if (element !== undefined) visit(element, `${path}[]`);
      else if (entries !== undefined) visit(entries, `${path}.NAME`);
      else if (shape !== undefined) visitMapping(shape, path);
    }
  };
  const visitMapping = (shape: Shape, path: string): void => {
    const same = mappings.find((other) => isSame(other.shape, shape));
    paths.set(shape, same?.path ?? path);
    if (same !== undefined) return;
    mappings.push({ path, shape });
    for (const [key, value] of Object.entries(shape)) visit(value, path === "" ? key : `${path}.${key}`);
  };
  visit(configFile, "");
  const tables = mappings.map(({ path, shape }) => {
    const rows = Object.entries(shape).filter(([, schema]) => metaOf(schema).deprecated !== true)
      .map(([key, schema]) => row(key, schema, { path, paths }));
    const heading = path === "" ? "### The file" : `### \`${path}\``;
    return `${heading}\n\n${formatTable([["key", "value", "default", "meaning"], ...rows])}`;
  });
  return tables.join("\n");
}

/** Whether two mappings have the same keys, which mean the same. */
function isSame(one: Shape, other: Shape): boolean {
  const text = (shape: Shape) =>
    Object.entries(shape).map(([key, schema]) => `${key}: ${metaOf(schema).description}`);
  return text(one).join() === text(other).join();
}

interface Place {
  readonly path: string;
  readonly paths: ReadonlyMap<Shape, string>;
}

function row(key: string, schema: Schema, { path, paths }: Place): string[] {
  return [
    `\`${key}\``,
    typeOf(schema, paths),
    defaultOf(key, schema, path),
    quoted(metaOf(schema).description ?? ""),
  ];
}

/** What may stand there, with an example. A mapping leads to its table. */
function typeOf(schema: Schema, paths: Place["paths"]): string {
  const [way, ...others] = waysOf(schema);
  if (others.length > 0) {
    return `${quoted(expectedOf(schema))} (${linkTo("keys", paths.get(mappingIn(schema)!)!)})`;
  }
  if (way?.kind !== undefined) return quoted(way.kind.expected);
  if (way?.shape !== undefined) return linkTo("mapping", paths.get(way.shape)!);
  const text = typeOf((way?.element ?? way?.entries)!, paths);
  if (way?.entries !== undefined) return text.replace("[mapping]", "[mappings by name]");
  return text.startsWith("[") ? text.replace("[mapping]", "[list of mappings]") : `list: ${text}`;
}

/** What a schema with several ways to write something says of them all. */
function expectedOf(schema: Schema): string {
  const { innerType, error } = schema._zod.def as unknown as Parts;
  return innerType === undefined ? error!() : expectedOf(innerType);
}

/** The mapping among the ways to write something. */
function mappingIn(schema: Schema): Shape | undefined {
  return waysOf(schema).findLast(({ shape }) => shape !== undefined)?.shape;
}

function defaultOf(key: string, schema: Schema, path: string): string {
  const { type, defaultValue } = schema._zod.def as { type: string; defaultValue?: unknown };
  if (type === "prefault") {
    if (Array.isArray(defaultValue)) return "none";
    return typeof defaultValue === "object" ? "" : `\`${defaultValue}\``;
  }
  if (type !== "optional") return "required";
  const shared = mappingIn(mappingIn(configFile)!["defaults"]!)!;
  return path === "services[]" && key in shared ? linkTo("as in defaults", "defaults") : "";
}

interface Parts {
  readonly innerType?: Schema;
  readonly error?: () => string;
}

/** Descriptions are of the whole, or of what is in it. */
function metaOf(schema: Schema): { description?: string; deprecated?: boolean } {
  const { innerType } = schema._zod.def as unknown as Parts;
  const own = z.globalRegistry.get(schema) as { description?: string; deprecated?: boolean } | undefined;
  return { ...innerType === undefined ? {} : metaOf(innerType), ...own };
}

/** What is in quotes is code. */
function quoted(text: string): string {
  return text.replaceAll(/"([^"]+)"/g, "`$1`");
}

/** As GitHub makes the anchor of a heading. */
function linkTo(text: string, path: string): string {
  return `[${text}](#${path.toLowerCase().replaceAll(/[^\w-]/g, "")})`;
}
