/** Samples the resources of sluice over time, and computes whether they grow. */

/** One sample. */
export interface Sample {
  /** In seconds since the start. */
  readonly at: number;
  readonly rssMb: number;
  readonly descriptors: number;
}

/** Samples a process; undefined when it has ended. */
export async function lookAt(pid: number, at: number): Promise<Sample | undefined> {
  try {
    const status = await Deno.readTextFile(`/proc/${pid}/status`);
    const kilobytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
    return {
      at,
      rssMb: kilobytes / 1024,
      descriptors: (await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`))).length,
    };
  } catch {
    return undefined;
  }
}

/** The growth of the values from the first to the last, by linear regression (least squares). */
export function growth(points: readonly { readonly at: number; readonly value: number }[]): number {
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined || last.at === first.at) return 0;
  const meanAt = mean(points.map(({ at }) => at));
  const meanValue = mean(points.map(({ value }) => value));
  let [above, below] = [0, 0];
  for (const { at, value } of points) {
    above += (at - meanAt) * (value - meanValue);
    below += (at - meanAt) ** 2;
  }
  return above / below * (last.at - first.at);
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The value that occurs most often; the smaller one of two. */
export function mostFrequent(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values.toSorted((a, b) => a - b)) counts.set(value, (counts.get(value) ?? 0) + 1);
  let most = NaN;
  for (const [value, count] of counts) if (count > (counts.get(most) ?? 0)) most = value;
  return most;
}
