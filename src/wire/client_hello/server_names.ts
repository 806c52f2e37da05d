/** The server names that a rule applies to: exact ones, and wildcards for one label (RFC 6125 section 6.4.3). */

const PATTERN = /^(\*\.)?[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/i;

/** Server names and wildcards, compiled so that a look-up takes two steps however many there are. */
export class ServerNameSet {
  readonly #patterns = new Set<string>();

  /**
   * @param patterns `shop.example.com`, or `*.example.com`, which matches `shop.example.com` but neither `example.com`
   * nor `a.shop.example.com`. Case does not matter.
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
    }
  }

  /** Whether a pattern matches a name, such as that of a ClientHello. */
  has(serverName: string): boolean {
    const name = serverName.replace(/\.$/, "").toLowerCase();
    const dot = name.indexOf(".");
    return this.#patterns.has(name) || dot > 0 && this.#patterns.has(`*${name.slice(dot)}`);
  }
}
