/** The clients that wait until an endpoint of their group can be used, in one thread. */

import { LinkedList } from "../../net/linked_list.ts";
import type { UpstreamRow } from "../../observe/counters/accounts.ts";
import { Wait, type WaitingClient } from "./wait.ts";

/**
 * After this many milliseconds one client tries again, and after the same time the next one. So an endpoint that comes
 * up unannounced is found soon, and gets few connections until then, however many clients wait.
 */
const INTERVAL = 200;

/** The group that they wait for. */
interface Awaited {
  readonly row: UpstreamRow;
  /** Whether an endpoint may be tried. */
  readonly canTry: boolean;
}

export class WaitingRoom {
  readonly #group: Awaited;
  readonly #cells: UpstreamRow["cells"];
  readonly #waiting = new LinkedList<Wait<boolean>>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(group: Awaited) {
    this.#group = group;
    this.#cells = group.row.cells;
  }

  /**
   * Resolves with true when it is worth another try, or with false after `within` milliseconds.
   *
   * @throws the error with which `host` ends the wait.
   */
  async wait(within: number, host?: WaitingClient): Promise<boolean> {
    const wait = new Wait<boolean>();
    const timer = setTimeout(() => wait.end(false), within);
    this.#waiting.add(wait);
    this.#timer ??= setTimeout(this.#onTick, INTERVAL);
    this.#cells.heldBegan.add();
    const watch = host?.waits("waiting", wait);
    try {
      return await wait.outcome;
    } finally {
      clearTimeout(timer);
      watch?.[Symbol.dispose]();
      this.#cells.heldEnded.add();
      this.#rest();
    }
  }

  /** All clients try again. */
  wake(): void {
    for (const wait of this.#waiting.all()) wait.end(true);
  }

  readonly #onTick = (): void => {
    this.#timer = setTimeout(this.#onTick, INTERVAL);
    if (this.#group.canTry) this.#waiting.first?.end(true);
    this.#rest();
  };

  #rest(): void {
    if (this.#waiting.first !== undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
