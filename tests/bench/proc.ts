/** CPU time and memory of a process, from Linux's /proc. */

// The kernel reports CPU time in ticks of USER_HZ, which is 100 on every Linux that Deno runs on.
const MS_PER_TICK = 10;

interface Stat {
  readonly parent: number;
  readonly ownMs: number;
  /** Of children that have ended and were waited for. */
  readonly reapedMs: number;
}

/** CPU time of all threads, in ms; with `forks` also of its children, running and ended. */
export function cpuMs(pid: number, forks: boolean): number {
  const own = readStat(pid);
  if (own === null) throw new Error("the process is gone");
  if (!forks) return own.ownMs;
  const running = childrenOf(pid).map((child) => readStat(child)?.ownMs ?? 0);
  return running.reduce((sum, ms) => sum + ms, own.ownMs + own.reapedMs);
}

/** Bytes that a process has written, to whatever. */
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
    return null; // it ended between two looks
  }
}
