/** The reference of the configuration in docs/configuration.md: a table for each mapping, from the schema. */

import { z } from "zod";
import { configFile } from "../../../src/config/schema/config_schema.ts";
import { KINDS } from "../../../src/config/values/scalar.ts";
import { group, namedGroups } from "../../../src/config/schema/group_schema.ts";
import { formatTable } from "./format_table.ts";

const START = "<!-- reference: deno task docs writes it from the schema -->\n";
const END = "<!-- end of the reference -->\n";

type Schema = z.core.$ZodType;
type Shape = Readonly<Record<string, Schema>>;

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
    const shape = shapeOf(schema);
    if (shape === undefined) {
      return innerOf(schema).forEach(([inner, suffix]) => visit(inner, `${path}${suffix}`));
    }
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
  const kind = KINDS.get(schema);
  if (kind !== undefined) return quoted(kind.expected);
  const shape = shapeOf(schema);
  if (shape !== undefined) return linkTo("mapping", paths.get(shape)!);
  const { type, error } = schema._zod.def as Parts & { readonly error?: () => string };
  if (type === "union") {
    const targets = mappingsIn(schema).map((inner) => paths.get(inner)!);
    return `${quoted(error!())} (${linkTo("keys", targets.at(-1)!)})`;
  }
  const [inner, suffix] = innerOf(schema)[0]!;
  const text = typeOf(inner, paths);
  if (suffix === "[]") {
    return text.startsWith("[") ? text.replace("[mapping]", "[list of mappings]") : `list: ${text}`;
  }
  return suffix === "" ? text : text.replace("[mapping]", "[mappings by name]");
}

function mappingsIn(schema: Schema): Shape[] {
  const shape = shapeOf(schema);
  return shape !== undefined ? [shape] : innerOf(schema).flatMap(([inner]) => mappingsIn(inner));
}

function defaultOf(key: string, schema: Schema, path: string): string {
  const { type, defaultValue } = schema._zod.def as { type: string; defaultValue?: unknown };
  if (type === "prefault") {
    if (Array.isArray(defaultValue)) return "none";
    return typeof defaultValue === "object" ? "" : `\`${defaultValue}\``;
  }
  if (type !== "optional") return "required";
  const shape = shapeOf(configFile)!["defaults"]!;
  return path === "services[]" && key in shapeOf(shape)! ? linkTo("as in defaults", "defaults") : "";
}

/** The keys of a mapping; undefined for anything else. */
function shapeOf(schema: Schema): Shape | undefined {
  const { type, in: input, innerType } = schema._zod.def as Parts;
  if (type === "optional" || type === "prefault") return shapeOf(innerType!);
  const inner = type === "pipe" ? input!._zod.def as Parts : undefined;
  if (inner?.type === "object") return inner.shape;
  return inner?.type === "pipe" ? shapeOf(input!) : undefined;
}

interface Parts {
  readonly type: string;
  readonly in?: Schema;
  readonly innerType?: Schema;
  readonly shape?: Shape;
  readonly options?: readonly Schema[];
  readonly element?: Schema;
}

/** What a schema consists of, and what that adds to the path. */
function innerOf(schema: Schema): [inner: Schema, suffix: string][] {
  if (KINDS.has(schema)) return [];
  if (schema === namedGroups || schema._zod.parent === namedGroups) return [[group, ".NAME"]];
  const { in: input, innerType, options, element } = schema._zod.def as Parts;
  const parts = [input, innerType, ...options ?? []].filter((part) => part !== undefined);
  return [
    ...parts.map((part): [Schema, string] => [part, ""]),
    ...element === undefined ? [] : [[element, "[]"] as [Schema, string]],
  ];
}

/** Descriptions are of the whole, or of what is in it. */
function metaOf(schema: Schema): { description?: string; deprecated?: boolean } {
  const { innerType } = schema._zod.def as Parts;
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
