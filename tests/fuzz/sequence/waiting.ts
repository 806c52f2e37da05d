/** Waiting for what must come, and no longer than it may take. */

import { setTimeout as pause } from "node:timers/promises";
import type { Target } from "../fixture.ts";

/** What should not have happened. */
export class Fault extends Error {}

/** How often what cannot be waited for is looked at, in milliseconds. */
const LOOK = 10;

export class Waiting {
  readonly #target: Target;
  readonly #patience: number;
  readonly #check: () => void;

  /**
   * @param patience How long anything may take, in milliseconds.
   * @param check Throws with what is known to be wrong, which says more than that something has not come.
   */
  constructor(target: Target, patience: number, check: () => void) {
    this.#target = target;
    this.#patience = patience;
    this.#check = check;
  }

  /** Resolves when ends of connections have told that it `isSo`. @throws {Fault} when that takes too long. */
  async until(what: string | (() => string), isSo: () => boolean): Promise<void> {
    const { changes, fixture } = this.#target;
    const isDone = await changes.until(() => isSo() || fixture.alarms.length > 0, this.#patience);
    if (!isDone || fixture.alarms.length > 0) throw this.#fault(what);
  }

  /** The same for what nobody tells, which is looked at again and again. */
  async eventually(what: string | (() => string), isSo: () => Promise<boolean>): Promise<void> {
    for (const deadline = performance.now() + this.#patience;;) {
      if (await isSo()) return;
      if (this.#target.fixture.alarms.length > 0 || performance.now() > deadline) throw this.#fault(what);
      await pause(LOOK);
    }
  }

  #fault(what: string | (() => string)): Fault {
    const [alarm] = this.#target.fixture.alarms;
    if (alarm !== undefined) return new Fault(alarm);
    this.#check();
    return new Fault(`waited ${this.#patience / 1000} s for ${typeof what === "string" ? what : what()}`);
  }
}
