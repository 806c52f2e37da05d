/** `deno task soak`: sluice under mixed load for ten minutes, while everything about it changes. */

import { print, progressOf } from "../bench/console.ts";
import { Findings } from "./findings.ts";
import { parseOptions, USAGE, UsageError } from "./options.ts";
import { Soak } from "./soak.ts";
import { courseText, unlevel } from "./verdict.ts";

const progress = progressOf("soak");

/** Returns the exit code. */
async function main(args: string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === null) {
    print(USAGE);
    return 0;
  }
  if (Deno.build.os !== "linux") {
    throw new UsageError("the soak reads descriptors from /proc: it needs Linux");
  }
  const stop = new AbortController();
  const onSignal = () => {
    // Whoever asks twice does not want to wait.
    if (stop.signal.aborted) Deno.exit(130);
    progress("ending; once more to end at once");
    stop.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, onSignal);
  const { minutes, workers, rate, seed } = options;
  progress(`${minutes} minutes, ${workers} workers, ${rate} connections/s, --seed ${seed}`);
  const findings = new Findings(progress);
  await using soak = await Soak.start(options, findings, progress);
  await soak.run(stop.signal);
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

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  progress(`${error.message}\n\n${USAGE}`);
  Deno.exit(2);
}
