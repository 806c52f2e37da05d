/** Things that a timer looks at from time to time: it runs while there are any. */

import { type Linked, LinkedList } from "../linked_list.ts";

export class WatchSet<Watch extends Linked<Watch>> extends LinkedList<Watch> {
  readonly #delay: () => number;
  readonly #look: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param delay Milliseconds to the next look, asked when there is something to look at.
   * @param look Must not throw.
   */
  constructor(delay: () => number, look: () => void) {
    super();
    this.#delay = delay;
    this.#look = look;
  }

  override add(watch: Watch): void {
    super.add(watch);
    if (this.#timer === undefined) this.#arm();
  }

  override delete(watch: Watch): void {
    super.delete(watch);
    if (this.first !== undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#look();
      // Unless something was added meanwhile, and did so.
      if (this.#timer === undefined && this.first !== undefined) this.#arm();
    }, this.#delay());
  }
}
