/** The phases of a soak. */

/** The length of each phase of load, in minutes: a warm-up, then about two minutes each. */
export function phases(minutes: number): number[] {
  const warmUp = Math.min(1, minutes / 4);
  const count = Math.max(1, Math.round((minutes - warmUp) / 2));
  return [warmUp, ...Array.from({ length: count }, () => (minutes - warmUp) / count)];
}
