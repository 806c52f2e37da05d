/** Suspends a program for a while, on Linux: clients and bytes wait in the kernel meanwhile. */

import { eventually } from "../eventually.ts";
import type { Sluice } from "./program.ts";

/** Resolves when none of its threads runs any more; SIGCONT wakes it. */
export async function suspend(sluice: Sluice): Promise<void> {
  sluice.kill("SIGSTOP");
  await eventually(
    "all threads to stop",
    () => states(sluice.pid),
    (all) => all.every((each) => each === "T"),
  );
}

/** A letter for each thread, as in proc(5). */
async function states(pid: number): Promise<string[]> {
  const threads = (await Array.fromAsync(Deno.readDir(`/proc/${pid}/task`))).map(({ name }) => name);
  const stats = threads.map((thread) => Deno.readTextFile(`/proc/${pid}/task/${thread}/stat`));
  // After the name, which may have any characters.
  return (await Promise.all(stats)).map((stat) => stat.slice(stat.lastIndexOf(")") + 2)[0]!);
}
