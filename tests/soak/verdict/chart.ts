/** Draws a curve as text. */

import { mean } from "../../support/program/process_samples.ts";

export interface ChartOptions {
  readonly title: string;
  /** The size in characters, without the scale. */
  readonly width: number;
  readonly height: number;
  /** The time of the last value, in minutes. */
  readonly minutes: number;
}

/** One character for each eighth of a column, from empty to full. */
const EIGHTHS = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/** Columns from 0 up, each the mean of its share of the values. */
export function chart(values: readonly number[], { title, width, height, minutes }: ChartOptions): string {
  const columns = inColumns(values, Math.min(width, values.length));
  const top = Math.max(...columns, 1);
  const label = (value: number) => value.toFixed(0).padStart(7);
  const lines = Array.from({ length: height }, (_, index) => {
    const row = height - 1 - index;
    const cells = columns.map((value) => {
      const eighths = Math.round(value / top * height * 8) - row * 8;
      return EIGHTHS[Math.max(0, Math.min(8, eighths))];
    });
    return `${index === 0 ? label(top) : " ".repeat(7)} │${cells.join("")}`;
  });
  const end = `${minutes.toFixed(1)} min`;
  return [
    `  ${title}`,
    ...lines,
    `${label(0)} └${"─".repeat(columns.length)}`,
    `${" ".repeat(9)}0${end.padStart(Math.max(columns.length - 1, end.length + 1))}`,
  ].join("\n");
}

function inColumns(values: readonly number[], count: number): number[] {
  return Array.from({ length: count }, (_, column) => {
    const begin = Math.floor(column * values.length / count);
    return mean(values.slice(begin, Math.floor((column + 1) * values.length / count)));
  });
}
