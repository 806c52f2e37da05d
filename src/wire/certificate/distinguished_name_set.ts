/** The subjects or issuers that a rule applies to, written as a {@linkcode DistinguishedName} is shown. */

/** A part with one attribute, or several joined by +; a value with a comma, a plus or a backslash has it escaped. */
const PART = /^([A-Za-z][\w-]*|\d+(\.\d+)+)=(\\[^]|[^\\])*$/;
/** A value of one attribute: no unescaped + follows. */
const ONE_VALUE = /^(\\[^]|[^\\+])*$/;

export class DistinguishedNameSet {
  readonly #whole = new Set<string>();
  /** Patterns by their parts. */
  readonly #patterns: (readonly string[])[] = [];

  /**
   * @param patterns `O=Acme, CN=alice`. `CN=*` stands for one attribute of any value, and `*` at the end for any parts,
   * at least one.
   * @throws {SyntaxError} when one is no such name.
   */
  constructor(patterns: readonly string[]) {
    for (const pattern of patterns) {
      const parts = partsOf(pattern);
      check(pattern, parts);
      if (parts.some((part) => part.endsWith("*"))) this.#patterns.push(parts);
      else this.#whole.add(parts.join(", "));
    }
  }

  /** Whether a name is one of these; case matters. */
  has(name: string): boolean {
    if (this.#whole.has(name)) return true;
    if (this.#patterns.length === 0) return false;
    const parts = partsOf(name);
    return this.#patterns.some((pattern) => matches(pattern, parts));
  }
}

function matches(pattern: readonly string[], parts: readonly string[]): boolean {
  const isOpen = pattern.at(-1) === "*";
  if (isOpen ? parts.length < pattern.length : parts.length !== pattern.length) return false;
  return pattern.every((part, index) => part === "*" || matchesPart(part, parts[index]!));
}

function matchesPart(pattern: string, part: string): boolean {
  if (!pattern.endsWith("=*")) return pattern === part;
  const type = pattern.slice(0, -1);
  return part.startsWith(type) && ONE_VALUE.test(part.slice(type.length));
}

/** Splits at commas that are not escaped, each of which a space may follow. */
function partsOf(name: string): string[] {
  return (name.match(/(\\[^]|[^\\,])+/g) ?? []).map((part, index) =>
    index > 0 ? part.replace(/^ /, "") : part
  );
}

function check(pattern: string, parts: readonly string[]): void {
  const refusal = (why: string) => new SyntaxError(`Cannot match certificates with "${pattern}": ${why}`);
  if (pattern.startsWith("/")) throw refusal('write it with commas, as the log does: "O=Acme, CN=alice"');
  if (!/^(\\[^]|[^\\])+$/.test(pattern)) throw refusal("a character is missing after the backslash");
  if (parts.length === 0 || pattern.endsWith(",")) {
    throw refusal('expected a name such as "O=Acme, CN=alice"');
  }
  for (const [index, part] of parts.entries()) {
    if (part === "*" && index > 0 && index === parts.length - 1) continue;
    if (!PART.test(part)) throw refusal(`"${part}" is not an attribute such as "CN=alice"`);
    if (part.includes("*") && !/^[^*=]*=\*$/.test(part)) {
      throw refusal(
        'a "*" can only be a whole value, as in "CN=*", or all parts at the end, as in "O=Acme, *"',
      );
    }
  }
}
