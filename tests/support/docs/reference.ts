/** The reference of the configuration in docs/configuration.md: a table for each mapping, from the schema. */

import * as z from "zod";
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
  /** Of a mapping whose keys depend on its type: the type that the keys are of. */
  readonly type?: string;
  /** Of a mapping whose keys depend on its type: the keys of each type. The mapping's own are those that several have. */
  readonly types?: ReadonlyMap<string, Shape>;
  readonly shape: Shape;
}

/** Every mapping once, where it is used first, with the keys of each. */
function reference(): string {
  const mappings: Mapping[] = [];
  const paths = new Map<Shape, string>();
  const visit = (schema: Schema, path: string): void => {
    const types = typesOf(schema);
    if (types !== undefined) return visitTypes(types, path);
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
  const visitTypes = (types: ReadonlyMap<string, Shape>, path: string): void => {
    for (const shape of types.values()) paths.set(shape, path);
    const shared = sharedOf([...types.values()]);
    mappings.push({ path, shape: shared, types });
    for (const [type, shape] of types) {
      const own = Object.entries(shape).filter(([key]) => key !== "type" && !Object.hasOwn(shared, key));
      if (own.length > 0) mappings.push({ path, type, shape: Object.fromEntries(own) });
    }
  };
  visit(configFile, "");
  const tables = mappings.map(({ path, type, types, shape }) => {
    const rows = Object.entries(shape).filter(([, schema]) => metaOf(schema).deprecated !== true)
      .map(([key, schema]) => row(key, schema, { path, paths, types }));
    const heading = path === ""
      ? "### The file"
      : `### \`${path}\`${type === undefined ? "" : ` of type \`${type}\``}`;
    if (types !== undefined) rows.unshift(typeRow(types));
    return `${heading}\n\n${formatTable([["key", "value", "default", "meaning"], ...rows])}`;
  });
  return tables.join("\n");
}

/** The shapes of a mapping whose keys depend on its `type`, by type. */
function typesOf(schema: Schema): ReadonlyMap<string, Shape> | undefined {
  const ways = waysOf(schema);
  const types = ways.map(({ shape }) => shape?.["type"] && waysOf(shape["type"])[0]?.kind?.expected);
  if (ways.length < 2 || types.includes(undefined)) return undefined;
  return new Map(ways.map(({ shape }, index) => [types[index]!, shape!]));
}

/** The keys that several shapes have and that mean the same in all of them. */
function sharedOf(shapes: readonly Shape[]): Shape {
  const keys = shapes.flatMap((shape) => Object.entries(shape));
  const shared = keys.filter(([key, schema]) => {
    const same = keys.filter(([other]) => other === key);
    return same.length > 1 &&
      same.every(([, other]) => metaOf(other).description === metaOf(schema).description);
  });
  return Object.fromEntries(shared);
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
  readonly types: Mapping["types"];
}

function typeRow(types: ReadonlyMap<string, Shape>): string[] {
  const names = [...types.keys()].map((type) => `\`${type}\``);
  return ["`type`", names.join(", "), "required", "Its other keys depend on it."];
}

function row(key: string, schema: Schema, { path, paths, types }: Place): string[] {
  const same = [...types?.values() ?? []].flatMap((shape) => shape[key] ?? []);
  const defaults = new Set([schema, ...same].map((each) => defaultOf(key, each, path)));
  return [
    `\`${key}\``,
    typeOf(schema, paths),
    defaults.size > 1 ? "depends on `type`" : defaultOf(key, schema, path),
    quoted(metaOf(schema).description ?? ""),
  ];
}

/** The possible values, with an example. A mapping has a link to its table. */
function typeOf(schema: Schema, paths: Place["paths"]): string {
  const [way, ...others] = waysOf(schema);
  if (typesOf(schema) !== undefined) return linkTo("mapping", paths.get(way!.shape!)!);
  if (others.length > 0) {
    return `${quoted(expectedOf(schema))} (${linkTo("keys", paths.get(mappingIn(schema)!)!)})`;
  }
  if (way?.kind !== undefined) return quoted(way.kind.expected);
  if (way?.shape !== undefined) return linkTo("mapping", paths.get(way.shape)!);
  const text = typeOf((way?.element ?? way?.entries)!, paths);
  if (way?.entries !== undefined) return text.replace("[mapping]", "[mappings by name]");
  return text.startsWith("[") ? text.replace("[mapping]", "[list of mappings]") : `list: ${text}`;
}

/** The description that a schema with several forms has for all of them, or for the first. */
function expectedOf(schema: Schema): string {
  const { innerType, error } = schema._zod.def as unknown as Parts;
  if (innerType !== undefined) return expectedOf(innerType);
  return error?.() ?? waysOf(schema)[0]!.kind!.expected;
}

/** The mapping among the forms of a value. */
function mappingIn(schema: Schema): Shape | undefined {
  return waysOf(schema).findLast(({ shape }) => shape !== undefined)?.shape;
}

function defaultOf(key: string, schema: Schema, path: string): string {
  const { type, defaultValue } = schema._zod.def as { type: string; defaultValue?: unknown };
  if (type === "prefault") {
    if (Array.isArray(defaultValue) || defaultValue === "") return "none";
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

/** Texts in quotes are code. */
function quoted(text: string): string {
  return text.replaceAll(/"([^"]+)"/g, "`$1`");
}

/** As GitHub makes the anchor of a heading. */
function linkTo(text: string, path: string): string {
  return `[${text}](#${path.toLowerCase().replaceAll(/[^\w-]/g, "")})`;
}
