/**
 * The Prometheus text format 0.0.4:
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */

import type { HistogramFigures } from "../counters/columns.ts";

/** The content type of the text. */
export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export type Labels = Readonly<Record<string, string>>;

/** The header of a family. Names of counters end in `_total`. */
export interface FamilyHeader {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
}

/** Writes families of samples in the order of the calls; nothing for a family without samples. */
export class PrometheusText {
  #text = "";

  /** @param samples No two may have the same labels. The value of a histogram sample is its figures. */
  family(
    { name, type, help }: FamilyHeader,
    samples: readonly (readonly [Labels, number | HistogramFigures])[],
  ): void {
    if (samples.length === 0) return;
    this.#text += `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;
    for (const [labels, value] of samples) linesOf(name, labels, value, this.#line);
  }

  toString(): string {
    return this.#text;
  }

  readonly #line: WriteLine = (name, labels, value) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
    this.#text += `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${formatNumber(value)}\n`;
  };
}

type WriteLine = (name: string, labels: Labels, value: number) => void;

/** Calls `write` for each line of a sample: one, or those of a histogram, whose buckets include those below them. */
export function linesOf(
  name: string,
  labels: Labels,
  value: number | HistogramFigures,
  write: WriteLine,
): void {
  if (typeof value === "number") return write(name, labels, value);
  const { bounds, counts, sum } = value;
  let count = 0;
  for (const [bucket, inBucket] of counts.entries()) {
    count += inBucket;
    const le = formatNumber(bounds[bucket] ?? Infinity);
    write(`${name}_bucket`, { ...labels, le }, count);
  }
  write(`${name}_sum`, labels, sum);
  write(`${name}_count`, labels, count);
}

function formatNumber(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return String(value);
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
