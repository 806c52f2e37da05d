/** `deno task mutate`: makes small mistakes in the source, one at a time, and runs the tests. */

import { fileURLToPath } from "node:url";
import { print, progressOf } from "../support/program/console.ts";
import { Campaign } from "./campaign.ts";
import { type Mutant, mutantsOf, mutantText } from "./mutants.ts";
import { runCommand, UsageError } from "../support/program/command.ts";
import { type Options, parseOptions, USAGE } from "./options.ts";
import { importGraph, testsThatReach } from "./reach.ts";
import { reasonFor, resultText } from "./verdicts.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const progress = progressOf("mutate");

/** Runs it; returns the exit code. */
async function main(options: Options): Promise<number> {
  Deno.chdir(ROOT);
  const files = await filesOfTree();
  const mutants = chosen(files, options);
  if (mutants.length === 0) throw new UsageError(`No mutants in ${options.paths.join(" ")}`);
  if (options.list) {
    for (const mutant of mutants) {
      const reason = reasonFor(mutant);
      print(`${mutantText(mutant)}${reason === undefined ? "" : `  (equivalent: ${reason})`}\n`);
    }
    return 0;
  }
  const tests = files.filter((file) => /^tests\/unit\/.*_test\.ts$/.test(file));
  const graph = importGraph(tests, (path) => files.includes(path) ? Deno.readTextFileSync(path) : undefined);
  const campaign = new Campaign({
    root: ROOT,
    files,
    jobs: options.jobs,
    print: progress,
    testsOf: (file) => [...testsThatReach(file, tests, graph).slice(0, options.nearest), ...options.also],
  });
  progress(`${mutants.length} mutants`);
  const judged = await campaign.run(
    mutants,
    ({ mutant, verdict }) => progress(`${verdict.padEnd(10)} ${mutantText(mutant)}`),
  );
  print(resultText(judged));
  if (options.report !== undefined) await Deno.writeTextFile(options.report, JSON.stringify(judged, null, 2));
  return judged.some(({ verdict }) => verdict === "survived" || verdict === "no test") ? 1 : 0;
}

/** The files that git has, and new ones, in their current state. */
async function filesOfTree(): Promise<string[]> {
  const { stdout } = await new Deno.Command("git", {
    args: ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
  }).output();
  const paths = new TextDecoder().decode(stdout).split("\0").filter((path) => path !== "");
  return paths.filter((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

function chosen(files: readonly string[], { paths, only, lines }: Options): Mutant[] {
  const sources = files.filter((file) => /^src\/.*\.ts$/.test(file));
  const found = paths.flatMap((path) => {
    const own = sources.filter((file) => file === path || file.startsWith(`${path}/`));
    if (own.length === 0) throw new UsageError(`No source file is ${path}`);
    return own;
  });
  return [...new Set(found)].flatMap((file) => mutantsOf(file, Deno.readTextFileSync(file)))
    .filter(({ number }) => only?.has(number) ?? true)
    .filter(({ line }) => lines === undefined || line >= lines[0] && line <= lines[1]);
}

await runCommand({ usage: USAGE, parse: parseOptions, run: main, progress });
