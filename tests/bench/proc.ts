/** CPU time and memory of a process, from Linux's /proc. */

// The kernel reports CPU time in ticks of USER_HZ, which is 100 on every Linux that Deno runs on.
const MS_PER_TICK = 10;

interface Stat {
  readonly parent: number;
  readonly ownMs: number;
  /** The CPU time of children that have ended and were waited for. */
  readonly reapedMs: number;
}

/**
 * CPU time of a process over all its threads, in ms: what the scheduler counted, in nanoseconds
 * (/proc/PID/task/TID/schedstat). A thread that ends keeps its last reading.
 *
 * Of a server that forks, it is the time of its children too, running and ended, in ticks of 10 ms: the kernel keeps
 * no other count of those that have ended.
 */
export class CpuClock {
  readonly #pid: number;
  readonly #forks: boolean;
  readonly #threads = new Map<string, number>();

  constructor(pid: number, forks = false) {
    this.#pid = pid;
    this.#forks = forks;
  }

  /** @throws {Error} when the process has ended. */
  readMs(): number {
    if (this.#forks) return this.#readTicks();
    for (const { name } of tasksOf(this.#pid)) {
      const text = read(`/proc/${this.#pid}/task/${name}/schedstat`);
      if (text !== null) this.#threads.set(name, Number(text.split(" ")[0]) / 1e6);
    }
    return this.#threads.values().reduce((sum, ms) => sum + ms, 0);
  }

  #readTicks(): number {
    const own = readStat(this.#pid);
    if (own === null) throw new Error("the process is gone");
    const running = childrenOf(this.#pid).map((child) => readStat(child)?.ownMs ?? 0);
    return running.reduce((sum, ms) => sum + ms, own.ownMs + own.reapedMs);
  }
}

function tasksOf(pid: number): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/task`)];
  } catch {
    throw new Error("the process is gone");
  }
}

/** Bytes that a process has written, to files and sockets of any kind. */
export function writtenBytes(pid: number): number {
  return field(`/proc/${pid}/io`, "wchar") ?? 0;
}

/** CPU time, in ms, of children of a process that have ended. */
export function reapedCpuMs(pid: number): number {
  return readStat(pid)?.reapedMs ?? 0;
}

/**
 * Resident memory in KB. For a forking server the proportional share (Pss) of it and its children: their pages
 * are mostly one and the same, and RSS would count them once for each child.
 */
export function memoryKb(pid: number, forks: boolean): number {
  if (!forks) return field(`/proc/${pid}/status`, "VmRSS") ?? 0;
  return [pid, ...childrenOf(pid)].reduce(
    (sum, each) => sum + (field(`/proc/${each}/smaps_rollup`, "Pss") ?? 0),
    0,
  );
}

/** Process ids of the direct children. (/proc/PID/task/PID/children would be quicker but not every kernel has it.) */
export function childrenOf(pid: number): number[] {
  const children: number[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (/^\d+$/.test(name) && readStat(Number(name))?.parent === pid) children.push(Number(name));
  }
  return children;
}

function readStat(pid: number): Stat | null {
  const text = read(`/proc/${pid}/stat`);
  if (text === null) return null;
  // The second field, the program's name in parentheses, may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ").map(Number);
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15);
  return {
    parent: fields[1] ?? 0,
    ownMs: (user + system) * MS_PER_TICK,
    reapedMs: (childUser + childSystem) * MS_PER_TICK,
  };
}

function field(path: string, name: string): number | null {
  const match = read(path)?.match(new RegExp(`^${name}:\\s+(\\d+)( kB)?$`, "m"));
  return match ? Number(match[1]) : null;
}

function read(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return null; // it ended between two reads
  }
}
