/** Which server names a rule is for: exact ones, and wildcards in the place of one label (RFC 6125 section 6.4.3). */

const PATTERN = /^(\*\.)?[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/i;
const WILDCARD = "*.";

/** Server names and wildcards, compiled so that a look-up takes two steps however many there are. */
export class ServerNameSet {
  readonly #names = new Set<string>();
  /** What follows the first label. */
  readonly #parents = new Set<string>();

  /**
   * @param patterns `shop.example.com`, or `*.example.com`, which is for `shop.example.com`, neither for
   * `example.com` nor for `a.shop.example.com`. Upper and lower case are the same.
   * @throws {SyntaxError} when one is neither.
   */
  constructor(patterns: readonly string[]) {
    for (const pattern of patterns) {
      if (!PATTERN.test(pattern)) {
        throw new SyntaxError(
          `Cannot match server names with "${pattern}": expected a name such as shop.example.com or *.example.com`,
        );
      }
      const name = pattern.toLowerCase();
      if (name.startsWith(WILDCARD)) this.#parents.add(name.slice(WILDCARD.length));
      else this.#names.add(name);
    }
  }

  /** Whether a pattern is for a name, such as one of a ClientHello. */
  has(serverName: string): boolean {
    const name = serverName.replace(/\.$/, "").toLowerCase();
    if (this.#names.has(name)) return true;
    const dot = name.indexOf(".");
    return dot > 0 && this.#parents.has(name.slice(dot + 1));
  }
}
