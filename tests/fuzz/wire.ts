/** Feeds wrong bytes to parsers and to a running program, until the time is over. */

import { Random } from "../support/random.ts";
import { Resources } from "./resources.ts";
import type { Premises } from "./fixture.ts";
import { feedOne, type Parser, parsers } from "./wire/parsers.ts";
import { fireBatch } from "./wire/sockets.ts";
import { WireFixture } from "./wire/fixture.ts";

export interface WireOptions {
  readonly seed: number;
  readonly premises: Premises;
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
}

export class Wire {
  readonly #options: WireOptions;
  readonly failures: string[] = [];
  /** The number of wrong inputs, to parsers and to the program. */
  fed = 0;
  fired = 0;

  constructor(options: WireOptions) {
    this.#options = options;
  }

  /** Resolves when the signal aborts, or at the first failure. */
  async run(): Promise<void> {
    const { seed, premises, signal } = this.#options;
    await using fixture = await WireFixture.start(premises);
    using resources = await Resources.of(fixture.pid, () => Promise.resolve(0));
    const random = new Random(seed);
    const all = parsers(fixture.directory);
    for (let round = 0; !signal.aborted && this.failures.length === 0; round++) {
      const own = random.fork();
      await this.#try(`round ${round}`, async () => {
        this.fired += await fireBatch(fixture, own);
      });
      for (const parser of all) await this.#feed(parser, own.fork());
    }
    const fault = await resources.fault();
    if (fault !== undefined) this.failures.push(fault);
  }

  async #feed(parser: Parser, random: Random): Promise<void> {
    for (let left = parser.share; left > 0; left--) {
      await this.#try(parser.name, () => feedOne(parser, random.fork()));
      this.fed += 1;
    }
  }

  async #try(what: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.failures.push(`${what}: ${(error as Error).message}`);
      this.#options.print(this.failures.at(-1)!.split("\n")[0]!);
    }
  }
}
