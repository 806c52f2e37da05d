/** Runs mutants, each against the tests that reach its file, the nearest first, until one fails. */

import { type Mutant, mutated } from "./mutants.ts";
import { Sandbox } from "./sandbox.ts";
import type { Judged, Verdict } from "./verdicts.ts";
import { reasonFor } from "./verdicts.ts";

/**
 * The number of test files in one process: it takes longer to start than most tests run, and the nearest tests detect
 * most mistakes.
 */
const FIRST = 4;
const MORE = 12;

export interface CampaignOptions {
  readonly root: string;
  /** All files of the tree. */
  readonly files: readonly string[];
  readonly jobs: number;
  readonly testsOf: (file: string) => readonly string[];
  readonly print: (line: string) => void;
}

/** Tests that run together, and how long they take in milliseconds. */
interface Batch {
  readonly tests: readonly string[];
  readonly took: number;
}

export class Campaign {
  readonly #options: CampaignOptions;
  readonly #batches = new Map<string, Promise<readonly Batch[]>>();
  readonly #failing = new Set<string>();

  constructor(options: CampaignOptions) {
    this.#options = options;
  }

  /** Resolves when all are judged. */
  async run(mutants: readonly Mutant[], onJudged: (judged: Judged) => void): Promise<Judged[]> {
    const judged: Judged[] = [];
    const queue = [...mutants];
    const lane = async () => {
      await using sandbox = await Sandbox.make(this.#options.root, this.#options.files);
      for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
        const one = { mutant, verdict: await this.#judge(mutant, sandbox) };
        judged.push(one);
        onJudged(one);
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.#options.jobs, mutants.length) }, lane));
    const order = new Map(mutants.map((mutant, index) => [mutant, index]));
    return judged.sort((one, other) => order.get(one.mutant)! - order.get(other.mutant)!);
  }

  async #judge(mutant: Mutant, sandbox: Sandbox): Promise<Verdict> {
    if (reasonFor(mutant) !== undefined) return "equivalent";
    const { file } = mutant;
    // The first mutant of a file runs its tests without the mistake, once.
    let batches = this.#batches.get(file);
    if (batches === undefined) this.#batches.set(file, batches = this.#measure(file, sandbox));
    if ((await batches).length === 0) return "no test";
    const text = Deno.readTextFileSync(`${this.#options.root}/${file}`);
    sandbox.write(file, mutated(text, mutant));
    try {
      for (const { tests, took } of await batches) {
        const result = await sandbox.test(tests, took);
        if (result !== "passed") return result === "failed" ? "killed" : "timeout";
      }
      return "survived";
    } finally {
      sandbox.write(file, text);
    }
  }

  /** Tests that fail without a mistake are omitted. */
  async #measure(file: string, sandbox: Sandbox): Promise<readonly Batch[]> {
    const tests = this.#options.testsOf(file).filter((test) => !this.#failing.has(test));
    const groups = [tests.slice(0, FIRST)];
    for (let at = FIRST; at < tests.length; at += MORE) groups.push(tests.slice(at, at + MORE));
    const batches: Batch[] = [];
    for (const group of groups.filter(({ length }) => length > 0)) {
      const began = performance.now();
      if (await sandbox.test(group) === "passed") {
        batches.push({ tests: group, took: performance.now() - began });
      } else {
        batches.push(...await this.#sift(group, sandbox));
      }
    }
    const seconds = batches.reduce((sum, { took }) => sum + took, 0) / 1000;
    this.#options.print(`${file}: ${tests.length} test files reach it, which take ${seconds.toFixed(1)} s`);
    return batches;
  }

  async #sift(group: readonly string[], sandbox: Sandbox): Promise<Batch[]> {
    const good: string[] = [];
    const began = performance.now();
    for (const test of group) {
      if (await sandbox.test([test]) === "passed") good.push(test);
      else {
        this.#failing.add(test);
        this.#options.print(`${test} fails without a mistake and is left out`);
      }
    }
    return good.length === 0 ? [] : [{ tests: good, took: performance.now() - began }];
  }
}
