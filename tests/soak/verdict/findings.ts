/** What is wrong. */

/** So many are told in full. */
const MOST_TOLD = 30;

export class Findings {
  readonly #tell: (line: string) => void;
  #told: string[] = [];
  #count = 0;

  /** @param tell Called with each at once, while there are not too many. */
  constructor(tell: (line: string) => void) {
    this.#tell = tell;
  }

  get count(): number {
    return this.#count;
  }

  add(what: string): void {
    this.#count += 1;
    if (this.#count > MOST_TOLD) return;
    this.#told.push(what);
    this.#tell(`WRONG: ${what}`);
  }

  /** A line for each. */
  get lines(): string[] {
    const more = this.#count - this.#told.length;
    return more > 0 ? [...this.#told, `and ${more} more`] : this.#told;
  }
}
