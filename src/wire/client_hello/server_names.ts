/**
 * The server names that a rule applies to: exact ones, and wildcards for one label (RFC 6125 section 6.4.3) or for
 * more.
 */

const PATTERN = /^(\*{1,2}\.)?[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/i;

/** Server names and wildcards, compiled so that the time of a look-up does not depend on their number. */
export class ServerNameSet {
  readonly #patterns = new Set<string>();
  /** Whether there are wildcards for several labels, which take a step for each label of a name. */
  #hasDeep = false;

  /**
   * @param patterns `shop.example.com`; or `*.example.com`, which matches `shop.example.com` but neither `example.com`
   * nor `a.shop.example.com`; or `**.example.com`, which matches `shop.example.com` and `a.shop.example.com`, but not
   * `example.com`. Case does not matter.
   * @throws {SyntaxError} when one is neither a name nor a wildcard.
   */
  constructor(patterns: readonly string[]) {
    for (const pattern of patterns) {
      if (!PATTERN.test(pattern)) {
        throw new SyntaxError(
          `Cannot match server names with "${pattern}": expected a name such as shop.example.com or *.example.com`,
        );
      }
      this.#patterns.add(pattern.toLowerCase());
      this.#hasDeep ||= pattern.startsWith("**");
    }
  }

  /** Whether a pattern matches a name, such as that of a ClientHello. */
  has(serverName: string): boolean {
    const name = serverName.replace(/\.$/, "").toLowerCase();
    const dot = name.indexOf(".");
    if (this.#patterns.has(name) || dot > 0 && this.#patterns.has(`*${name.slice(dot)}`)) return true;
    return this.#hasDeep && dot > 0 && this.#hasParent(name, dot);
  }

  /** Whether a wildcard for several labels matches. @param first The first dot of the name. */
  #hasParent(name: string, first: number): boolean {
    for (let dot = first; dot > 0; dot = name.indexOf(".", dot + 1)) {
      if (this.#patterns.has(`**${name.slice(dot)}`)) return true;
    }
    return false;
  }
}
