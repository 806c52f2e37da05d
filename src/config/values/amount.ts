/** Formats a count with its noun: `0 connections`, `1 connection`, `2 connections`. */
export function amountOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
