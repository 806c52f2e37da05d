/** Waits for expected events, with a time limit. */

import { setTimeout as pause } from "node:timers/promises";
import type { Target } from "../fixture.ts";

/** An event that should not have happened, or did not happen in time. */
export class Fault extends Error {}

/** The interval at which conditions without a notification are checked, in milliseconds. */
const LOOK = 10;

export class Waiting {
  readonly #target: Target;
  readonly #patience: number;
  readonly #check: () => void;

  /**
   * @param patience The time limit for any step, in milliseconds.
   * @param check Throws if a fault is known, which says more than a timeout.
   */
  constructor(target: Target, patience: number, check: () => void) {
    this.#target = target;
    this.#patience = patience;
    this.#check = check;
  }

  /**
   * Resolves when ends of connections have notified of a change and it `isSo`. @throws {Fault} when that takes too
   * long.
   */
  async until(what: string | (() => string), isSo: () => boolean): Promise<void> {
    const { changes, fixture } = this.#target;
    const isDone = await changes.until(() => isSo() || fixture.alarms.length > 0, this.#patience);
    if (!isDone || fixture.alarms.length > 0) throw this.#fault(what);
  }

  /** Does the same for conditions without a notification: checks at intervals. */
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
