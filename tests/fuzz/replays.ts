/** Runs sequences again, each against a service that is at rest, with nothing beside it. */

import type { Command } from "./sequence/commands.ts";
import { SequenceRun } from "./sequence/run.ts";
import type { ServiceRow } from "./services.ts";
import { Fixture, type Premises } from "./fixture.ts";

/** How long anything may take, in milliseconds: nothing else is going on. */
const PATIENCE = 4000;
/** How often a sequence is run before it is taken for one that does not fail. */
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

  /** What is wrong with a sequence; undefined when it is not seen to fail. */
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
      // Another program, or what is left over would be found in the next one.
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
