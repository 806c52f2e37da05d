/** `deno task bench`: sluice beside other proxies on this machine. See options.ts for what it takes. */
import { print, progressOf } from "../support/program/console.ts";
import { type Findings, runBench } from "./bench.ts";
import { outcomes } from "./report/goals.ts";
import { runCommand, UsageError } from "../support/program/command.ts";
import { type Options, parseOptions, USAGE } from "./options.ts";
import { goalLines, tables } from "./report/report.ts";
import { type Circumstances, circumstances, writeResults } from "./report/results.ts";
import { ROOT } from "./targets/sluice.ts";
import { Processes } from "./processes.ts";

const progress = progressOf("bench");

/** Runs the bench and returns the exit code. */
async function main(options: Options): Promise<number> {
  if (Deno.build.os !== "linux") {
    throw new UsageError("the bench reads CPU time and memory from /proc: it needs Linux");
  }
  // Debian keeps servers where the PATH of an ordinary user does not look.
  Deno.env.set("PATH", `${Deno.env.get("PATH") ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`);
  await using processes = new Processes();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => {
      processes.endNow();
      Deno.exit(130);
    });
  }
  // An error outside every await would end Deno before it disposes of the processes.
  globalThis.addEventListener("unhandledrejection", () => processes.endNow());
  const around = await circumstances(options, Deno.args);
  const findings = await runBench(processes, options, {
    progress,
    found: (findings) => keep(options.out, around, findings),
  });
  const goals = outcomes(findings.samples);
  const remarks = findings.remarks.map((remark) => `  ${remark}\n`).join("");
  print(`${tables(findings.samples)}\n\n${goalLines(goals)}\n${remarks && `\nLeft out:\n${remarks}`}`);
  if (options.out !== null) await Deno.rename(partial(options.out), options.out);
  else progress("results not written: this was no full run (--out FILE writes them all the same)");
  const all = goals.every(({ outcome }) => outcome === "reached" || outcome === "stretch reached");
  return options.assert && !all ? 1 : 0;
}

/** Writes the results so far to their file, so that they are kept when the bench is interrupted. */
async function keep(out: string | null, around: Circumstances, findings: Findings): Promise<void> {
  if (out !== null) await writeResults(partial(out), around, findings);
}

function partial(out: string): string {
  return `${out}.partial`;
}

await runCommand({
  usage: USAGE,
  parse: (args) => parseOptions(args, `${ROOT}tests/bench/results.json`),
  run: main,
  progress,
});
