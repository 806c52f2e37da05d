/** The verdict on each mutant, and the score of each file. */

import { EQUIVALENT, type Equivalent } from "./equivalent.ts";
import { type Mutant, mutantText } from "./mutants.ts";

export type Verdict = "killed" | "timeout" | "survived" | "no test" | "equivalent";

export interface Judged {
  readonly mutant: Mutant;
  readonly verdict: Verdict;
}

/** The reason why no test can detect it; undefined when one should. */
export function reasonFor(mutant: Mutant, list: readonly Equivalent[] = EQUIVALENT): string | undefined {
  return list.find(({ file, code, original, replacement }) =>
    file === mutant.file && code === mutant.code && (original ?? mutant.original) === mutant.original &&
    (replacement ?? mutant.replacement) === mutant.replacement
  )?.reason;
}

/** A table of files, and the mutants that survived. */
export function resultText(all: readonly Judged[]): string {
  const files = [...new Set(all.map(({ mutant }) => mutant.file))];
  const width = Math.max(...files.map((file) => file.length), 5);
  const rows = files.map((file) => row(file, all.filter(({ mutant }) => mutant.file === file), width));
  const alive = all.filter(({ verdict }) => verdict === "survived" || verdict === "no test")
    .map(({ mutant, verdict }) => `${verdict}: ${mutantText(mutant)}\n`);
  const head = `${"file".padEnd(width)}  score  killed  timeout  survived  no test  equivalent\n`;
  const sum = files.length > 1 ? row("all", all, width) : "";
  return `${alive.join("")}\n${head}${rows.join("")}${sum}`;
}

function row(name: string, judged: readonly Judged[], width: number): string {
  const count = (verdict: Verdict) => judged.filter((each) => each.verdict === verdict).length;
  const noticed = count("killed") + count("timeout");
  const possible = judged.length - count("equivalent");
  const score = possible === 0 ? "-" : `${Math.round(100 * noticed / possible)} %`;
  const cells = [
    score.padStart(5),
    String(count("killed")).padStart(6),
    String(count("timeout")).padStart(7),
    String(count("survived")).padStart(8),
    String(count("no test")).padStart(7),
    String(count("equivalent")).padStart(10),
  ];
  return `${name.padEnd(width)}  ${cells.join("  ")}\n`;
}
