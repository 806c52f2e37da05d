/** `deno task bench`: sluice beside other proxies on this machine. See options.ts for what it takes. */
import { runBench } from "./bench.ts";
import { parseOptions, USAGE, UsageError } from "./options.ts";
import { goalLines, outcomes, tables } from "./report.ts";
import { writeResults } from "./results.ts";
import { ROOT } from "./sluice.ts";
import { Stage } from "./stage.ts";

/** Runs the bench and returns the exit code. */
async function main(args: string[]): Promise<number> {
  const options = parseOptions(args, `${ROOT}tests/bench/results.json`);
  if (options === null) {
    print(USAGE);
    return 0;
  }
  if (Deno.build.os !== "linux") {
    throw new UsageError("the bench reads CPU time and memory from /proc: it needs Linux");
  }
  // Debian keeps servers where the PATH of an ordinary user does not look.
  Deno.env.set("PATH", `${Deno.env.get("PATH") ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`);
  await using stage = new Stage();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => {
      stage.endNow();
      Deno.exit(130);
    });
  }
  // A mistake outside every await would end Deno before the stage is disposed of.
  globalThis.addEventListener("unhandledrejection", () => stage.endNow());
  const samples = await runBench(stage, options, progress);
  const goals = outcomes(samples);
  print(`${tables(samples)}\n\n${goalLines(goals)}\n`);
  if (options.out !== null) await writeResults(options.out, options, samples, goals);
  else progress("results not written: this was no full run (--out FILE writes them all the same)");
  const all = goals.every(({ outcome }) => outcome === "reached");
  return options.assert && !all ? 1 : 0;
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

function progress(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`bench: ${line}\n`));
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  progress(`${error.message}\n\n${USAGE}`);
  Deno.exit(2);
}
