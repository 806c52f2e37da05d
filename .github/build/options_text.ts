/** Writes the options of the library as TypeScript: the schema of a file, spelled as programs spell it. */

import { isDeepStrictEqual } from "node:util";
import { toCamelCase } from "../../src/config/schema/section.ts";

/** The part of JSON Schema that the schema of a configuration uses. */
export interface SchemaNode {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, SchemaNode>>;
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly deprecated?: boolean;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly anyOf?: readonly SchemaNode[];
  /** Mappings that differ by their `type`. */
  readonly oneOf?: readonly SchemaNode[];
  readonly items?: SchemaNode;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: SchemaNode | boolean;
}

/** What programs say in another way than files. */
export interface LibraryTerms {
  /** For texts of a pattern, the types that programs may use in their place. */
  readonly instead: Readonly<Record<string, readonly string[]>>;
  /** Keys at the top that programs do not have. */
  readonly without: readonly string[];
  /** Mappings, by a key: what has all keys of one extends it. The largest come first. */
  readonly bases: Readonly<Record<string, SchemaNode>>;
  /** Modules that the text needs. */
  readonly imports: string;
  /** By the names of types: an example, in lines. */
  readonly examples: Readonly<Record<string, readonly string[]>>;
  /** By the names of interfaces: the lines that they have besides. */
  readonly more: Readonly<Record<string, string>>;
}

// The header ends the layout of deno fmt there, as unions of types can be longer than a line.
const HEADER = `// deno-fmt-ignore-file
/**
 * What a program can say about a proxy. Written by \`deno task schema\` from the schema of a configuration file:
 * edit that, not this.
 */

`;

/** A placeholder for an environment variable, which only files have. */
const PLACEHOLDER = "\\$\\{";

/**
 * The text of a module with an interface for each mapping of the schema, as `deno fmt` lays it out but for the length
 * of lines.
 */
export function optionsText(schema: SchemaNode, terms: LibraryTerms): string {
  const properties = Object.entries(schema.properties ?? {}).filter(([key]) => !terms.without.includes(key));
  const writer = new Writer(schema, terms);
  writer.nameOf("Proxy", { ...schema, properties: Object.fromEntries(properties) }, "");
  return HEADER + terms.imports + writer.text();
}

class Writer {
  readonly #root: SchemaNode;
  readonly #terms: LibraryTerms;
  /** Declarations by their name. */
  readonly #written = new Map<string, string>();
  /** The names of mappings, by what they declare. */
  readonly #names = new Map<string, string>();

  constructor(root: SchemaNode, terms: LibraryTerms) {
    this.#root = root;
    this.#terms = terms;
  }

  /** What uses others comes before them. */
  text(): string {
    return [...this.#written.values()].reverse().join("\n");
  }

  /** The name of the interface for a mapping. Mappings that are alike have one, named after the first. */
  nameOf(key: string, node: SchemaNode, parent: string): string {
    const base = `${singular(pascal(key))}Options`;
    const required = new Set(node.required);
    const extended = this.#baseOf(node);
    const inherited = extended?.[1].properties ?? {};
    const own = Object.entries(node.properties ?? {}).filter(([key, value]) =>
      !Object.hasOwn(inherited, key) ||
      value.default !== undefined && !isDeepStrictEqual(value.default, inherited[key]!.default)
    );
    const lines = own.map(([key, value]) => {
      const [mark, absent] = required.has(key) ? ["", ""] : ["?", " | undefined"];
      return `${docstring(value, "  ")}  readonly ${toCamelCase(key)}${mark}: ` +
        `${this.#typeOf(key, value, base)}${absent};\n`;
    });
    const heritage = extended === undefined ? "" : `extends ${this.nameOf(...extended, "")} `;
    const body = `${heritage}{\n${lines.join("")}${this.#terms.more[base] ?? ""}}\n`;
    const known = this.#names.get(body);
    if (known !== undefined) return known;
    const name = this.#written.has(base) ? `${parent.replace(/Options$/, "")}${base}` : base;
    if (this.#written.has(name)) throw new Error(`two mappings would be ${name}`);
    this.#names.set(body, name);
    this.#declare(name, node, `export interface ${name} ${body}`);
    return name;
  }

  #declare(name: string, node: SchemaNode, declaration: string): void {
    this.#written.set(name, docstring(node, "", this.#terms.examples[name]) + declaration);
  }

  /** The largest mapping with keys that others have too. */
  #baseOf({ properties = {} }: SchemaNode): [key: string, base: SchemaNode] | undefined {
    return Object.entries(this.#terms.bases).find(([, base]) => {
      const keys = Object.keys(base.properties ?? {});
      return keys.length < Object.keys(properties).length &&
        keys.every((key) => Object.hasOwn(properties, key));
    });
  }

  #typeOf(key: string, node: SchemaNode, parent: string): string {
    const members = new Set(this.#members(key, node, parent));
    // A file's `${NAME}` expands to text, so files have these as text too; programs have no use for it.
    if (members.has("boolean")) { for (const text of ['"true"', '"false"']) members.delete(text); }
    if (members.has("number")) members.delete("0");
    if (members.has("string")) members.delete('""');
    return [...members].join(" | ");
  }

  #listOf(key: string, node: SchemaNode, parent: string): string {
    const entry = this.#typeOf(key, node, parent);
    return `readonly ${entry.includes(" | ") ? `(${entry})` : entry}[]`;
  }

  #members(key: string, node: SchemaNode, parent: string): string[] {
    if (node.$ref !== undefined) return [this.#definition(node.$ref.slice("#/$defs/".length))];
    if (node.properties !== undefined) return [this.nameOf(key, node, parent)];
    if (node.oneOf !== undefined) return [this.#union(key, node.oneOf, node)];
    if (node.anyOf !== undefined) return node.anyOf.flatMap((member) => this.#members(key, member, parent));
    if (node.enum !== undefined) return node.enum.map((value) => JSON.stringify(value));
    if (node.const !== undefined) return [JSON.stringify(node.const)];
    switch (node.type) {
      case "string":
        if (node.pattern?.startsWith(PLACEHOLDER)) return [];
        return ["string", ...this.#terms.instead[node.pattern ?? ""] ?? []];
      case "integer":
      case "number":
        return ["number"];
      case "boolean":
        return ["boolean"];
      case "array":
        return [this.#listOf(key, node.items!, parent)];
      case "object":
        return [
          `Readonly<Record<string, ${this.#typeOf(key, node.additionalProperties as SchemaNode, parent)}>>`,
        ];
    }
    throw new Error(`${parent}.${key}: no type is known for ${JSON.stringify(node)}`);
  }

  /** A definition that is a mapping is an interface, any other a type of its own. */
  #definition(key: string): string {
    const node = this.#root.$defs![key]!;
    if (node.properties !== undefined) return this.nameOf(key, node, "");
    const name = `${pascal(key)}Options`;
    if (!this.#written.has(name)) {
      this.#written.set(name, "");
      this.#declare(name, node, `export type ${name} = ${this.#typeOf(key, node, "")};\n`);
    }
    return name;
  }

  /** A type that is any of these mappings. */
  #union(key: string, mappings: readonly SchemaNode[], node: SchemaNode): string {
    const name = `${singular(pascal(key))}Options`;
    if (!this.#written.has(name)) {
      this.#written.set(name, "");
      const members = mappings.map((member) => this.nameOf(`${typeOf(member)}_${key}`, member, ""));
      this.#declare(name, node, `export type ${name} =\n  | ${members.join("\n  | ")};\n`);
    }
    return name;
  }
}

/** The word that a mapping has as its `type`. */
function typeOf({ properties }: SchemaNode): unknown {
  return properties?.["type"]?.const;
}

function docstring(
  { description, deprecated, default: value }: SchemaNode,
  indent: string,
  example: readonly string[] = [],
): string {
  // 0, false and an empty text mean the same as nothing.
  const isSaid = Boolean(value) && JSON.stringify(value) !== "{}";
  const parts = [
    description,
    isSaid ? `Default: \`${typeof value === "string" ? value : JSON.stringify(value)}\`.` : undefined,
    deprecated === true ? "@deprecated" : undefined,
  ].filter((part) => part !== undefined);
  if (parts.length === 0) return "";
  const text = parts.join(" ").replaceAll("*/", "*\\/");
  const lines = [...wrapped(text, 117 - indent.length), ...example];
  if (lines.length === 1 && text.length <= 113 - indent.length) return `${indent}/** ${text} */\n`;
  return `${indent}/**\n${
    lines.map((line) => `${indent} * ${line}`.trimEnd() + "\n").join("")
  }${indent} */\n`;
}

function wrapped(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line !== "" && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}

function pascal(key: string): string {
  const camel = toCamelCase(key);
  return camel[0]!.toUpperCase() + camel.slice(1);
}

/** An entry of `services` is a service. Only the lists of mappings that there are. */
function singular(name: string): string {
  return name.replace(/(Service|Route|Certificate|Endpoint|Fault)s$/, "$1");
}
