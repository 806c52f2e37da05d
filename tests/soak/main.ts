/** `deno task soak`: sluice under mixed load for ten minutes, while everything about it changes. */

import { print, progressOf } from "../support/program/console.ts";
import { Findings } from "./verdict/findings.ts";
import { runCommand, stopOnSignals, UsageError } from "../support/program/command.ts";
import { type Options, parseOptions, USAGE } from "./options.ts";
import { Soak } from "./soak.ts";
import { courseText, unlevel } from "./verdict/verdict.ts";

const progress = progressOf("soak");

/** Runs the soak; returns the exit code. */
async function main(options: Options): Promise<number> {
  if (Deno.build.os !== "linux") {
    throw new UsageError("the soak reads descriptors from /proc: it needs Linux");
  }
  const stop = stopOnSignals(progress);
  const { minutes, workers, rate, seed } = options;
  progress(`${minutes} minutes, ${workers} workers, ${rate} connections/s, --seed ${seed}`);
  const findings = new Findings(progress);
  await using soak = await Soak.start(options, findings, progress);
  await soak.run(stop);
  for (const wrong of unlevel(soak.course)) findings.add(wrong);
  print(`${courseText(soak.course)}\n${soak.done}\n`);
  if (findings.count === 0) {
    print("Nothing is wrong.\n");
    return 0;
  }
  print(
    `${findings.count} things are wrong (--seed ${seed}):\n${
      findings.lines.map((line) => `- ${line}\n`).join("")
    }`,
  );
  return 1;
}

await runCommand({ usage: USAGE, parse: parseOptions, run: main, progress });
