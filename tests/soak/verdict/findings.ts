/** The faults that a soak has found. */

/** This many are printed in full. */
const MOST_PRINTED = 30;

export class Findings {
  readonly #print: (line: string) => void;
  #printed: string[] = [];
  #count = 0;

  /** @param print Called at once with each fault, up to the limit. */
  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  get count(): number {
    return this.#count;
  }

  add(what: string): void {
    this.#count += 1;
    if (this.#count > MOST_PRINTED) return;
    this.#printed.push(what);
    this.#print(`WRONG: ${what}`);
  }

  /** One line for each fault. */
  get lines(): string[] {
    const more = this.#count - this.#printed.length;
    return more > 0 ? [...this.#printed, `and ${more} more`] : this.#printed;
  }
}
