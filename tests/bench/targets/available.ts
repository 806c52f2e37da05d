/** The targets and loads that this machine can run. */
import type { Load, Trial } from "../load/load.ts";
import type { LoadName, TargetName } from "../report/names.ts";
import { streamModule } from "./nginx.ts";
import { about, firstMissing, NGINX, type Program } from "./programs.ts";
import { TARGET_TABLE } from "./targets.ts";

/** The targets that are installed; remarks say how to install the others. */
export async function availableTargets(
  targets: readonly TargetName[],
  remark: (line: string) => void,
): Promise<TargetName[]> {
  const found: TargetName[] = [];
  for (const target of targets) {
    const { needs: programs } = TARGET_TABLE[target];
    for (const program of programs) await build(program, target, remark);
    let missing = await firstMissing(programs);
    if (target === "nginx" && missing === null && await streamModule() === null) missing = NGINX;
    if (missing === null) found.push(target);
    else remark(needs(target, missing));
  }
  return found;
}

/** Builds a program that no package has, unless it was built before. */
async function build(program: Program, target: TargetName, remark: (line: string) => void): Promise<void> {
  if (program.build === undefined || await about(program) !== null) return;
  try {
    await program.build();
  } catch (error) {
    // Without the tools to build it, it counts as not installed.
    if (!(error instanceof Deno.errors.NotFound)) remark(`${target}: ${String(error)}`);
  }
}

/** The loads asked for whose tools are installed. */
export async function available<Each extends Load | Trial>(
  all: readonly Each[],
  loads: readonly LoadName[],
  remark: (line: string) => void,
): Promise<Each[]> {
  const found: Each[] = [];
  for (const each of all) {
    if (!loads.includes(each.name)) continue;
    const missing = await firstMissing(each.needs);
    if (missing === null) found.push(each);
    else remark(needs(each.name, missing));
  }
  return found;
}

function needs(what: string, { command, install }: Program): string {
  return `${what} skipped: needs ${command}: ${install}`;
}
