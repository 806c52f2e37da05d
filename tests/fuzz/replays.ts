/** Runs sequences again, each alone, against an idle service. */

import type { Command } from "./sequence/commands.ts";
import { SequenceRun } from "./sequence/run.ts";
import type { ServiceRow } from "./services.ts";
import { Fixture, type Premises } from "./fixture.ts";

/** The time limit for any step, in milliseconds: nothing else runs. */
const PATIENCE = 4000;
/** The number of runs after which a sequence counts as one that does not fail. */
const TRIES = 3;

let fixtures = 1000;

export class Replays implements AsyncDisposable {
  readonly #premises: Premises;
  readonly #row: ServiceRow;
  readonly #workers: number;
  #fixture: Fixture | undefined;

  constructor(premises: Premises, row: ServiceRow, workers: number) {
    this.#premises = premises;
    this.#row = row;
    this.#workers = workers;
  }

  /** Why a sequence fails; undefined when it does not. */
  async faultOf(commands: readonly Command[]): Promise<string | undefined> {
    for (let left = TRIES; left > 0; left--) {
      this.#fixture ??= await Fixture.start({
        premises: this.#premises,
        workers: this.#workers,
        rows: [this.#row],
        number: fixtures++,
      });
      const run = new SequenceRun(this.#fixture.targets[0]!, PATIENCE);
      const fault = await run.run(commands);
      if (fault === undefined) continue;
      // Starts another program, because the next sequence would find the leftovers.
      if (this.#fixture.alarms.length > 0 || !await run.comesToRest()) await this.#clear();
      return fault;
    }
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#clear();
  }

  async #clear(): Promise<void> {
    const fixture = this.#fixture;
    this.#fixture = undefined;
    await fixture?.[Symbol.asyncDispose]();
  }
}
