/**
 * Stands in for `@std/yaml` where JSR cannot be reached: `parse` over js-yaml 3, of which the real one is a port.
 * tests/unit/std_packages_test.ts holds both to the same behaviour.
 */

// One bundled file loads faster than forty that require each other.
import yaml from "npm:js-yaml@3.15.2/dist/js-yaml.js";

interface YamlException {
  reason: string;
  mark?: { line: number; column: number; getSnippet(): string };
}

// js-yaml 3 also reads YAML 1.1's base 60, `127:22` as 7642; the port dropped that.
const HAS_COLON = /:/;
const withoutBase60 = ["int", "float"].map((name) => {
  const type = yaml.CORE_SCHEMA.compiledTypeMap.scalar[`tag:yaml.org,2002:${name}`];
  return new yaml.Type(type.tag, {
    kind: "scalar",
    resolve: (text: string | null) => text !== null && !HAS_COLON.test(text) && type.resolve(text),
    construct: type.construct,
  });
});
const CORE_SCHEMA = new yaml.Schema({ include: [yaml.CORE_SCHEMA], implicit: withoutBase60 });
const DEFAULT_SCHEMA = new yaml.Schema({ include: [yaml.DEFAULT_SAFE_SCHEMA], implicit: withoutBase60 });

/**
 * Reads one YAML document; an empty one is `null`. The schema `core` has no merge keys, dates and bytes.
 *
 * @throws {SyntaxError} when the text is no YAML, repeats a key, or has more than one document.
 */
export function parse(content: string, options: { schema?: "core" | "default" } = {}): unknown {
  const schema = options.schema === "core" ? CORE_SCHEMA : DEFAULT_SCHEMA;
  try {
    return yaml.safeLoad(content, { schema }) ?? null;
  } catch (error) {
    if (!(error instanceof yaml.YAMLException)) throw error;
    const { reason, mark } = error as YamlException;
    const where = mark ? ` at line ${mark.line + 1}, column ${mark.column + 1}:\n${mark.getSnippet()}` : "";
    throw new SyntaxError(`${reason}${where}`);
  }
}
