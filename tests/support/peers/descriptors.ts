/** Open descriptors of a process. */

import { setTimeout as pause } from "node:timers/promises";

/** How long a process has to close what it still has open, in milliseconds. */
const PATIENCE = 10_000;

/** The count once two readings agree. */
export async function settledDescriptors(pid: number): Promise<number> {
  for (let before = await descriptors(pid);;) {
    await pause(200);
    const now = await descriptors(pid);
    if (now === before) return now;
    before = now;
  }
}

/** The count as soon as it is `wanted`, or what it still is after ten seconds. */
export async function descriptorsReach(pid: number, wanted: number): Promise<number> {
  for (const deadline = performance.now() + PATIENCE;;) {
    const now = await descriptors(pid);
    if (now === wanted || performance.now() > deadline) return now;
    await pause(50);
  }
}

/** What each descriptor of a process is, such as `19 socket:[4867042]`. */
export async function openDescriptors(pid: number): Promise<Set<string>> {
  const folder = `/proc/${pid}/fd`;
  const found = new Set<string>();
  for await (const { name } of Deno.readDir(folder)) {
    // Undefined if it was closed meanwhile.
    const target = await Deno.readLink(`${folder}/${name}`).catch(() => undefined);
    if (target !== undefined) found.add(`${name} ${target}`);
  }
  return found;
}

async function descriptors(pid: number): Promise<number> {
  let count = 0;
  for await (const _entry of Deno.readDir(`/proc/${pid}/fd`)) count += 1;
  return count;
}
