/** How a soak is divided. */

/** How long each phase of load is, in minutes: a warm-up, and then about two each. */
export function phases(minutes: number): number[] {
  const warmUp = Math.min(1, minutes / 4);
  const count = Math.max(1, Math.round((minutes - warmUp) / 2));
  return [warmUp, ...Array.from({ length: count }, () => (minutes - warmUp) / count)];
}
