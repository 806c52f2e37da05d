/**
 * The Prometheus text format 0.0.4:
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */

import type { HistogramFigures } from "../counters/columns.ts";

/** The content type of the text. */
export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export type Labels = Readonly<Record<string, string>>;

/** What is written before the samples of a family; counters have names that end in `_total`. */
export interface FamilyHeader {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
}

/** Writes families of samples in the order of the calls; nothing for a family without samples. */
export class PrometheusText {
  #text = "";

  /** @param samples No two may have the same labels; those of a histogram have figures for values. */
  family(
    { name, type, help }: FamilyHeader,
    samples: readonly (readonly [Labels, number | HistogramFigures])[],
  ): void {
    if (samples.length === 0) return;
    this.#text += `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;
    for (const [labels, value] of samples) {
      if (typeof value === "number") this.#line(name, labels, value);
      else this.#histogram(name, labels, value);
    }
  }

  toString(): string {
    return this.#text;
  }

  /** Buckets are cumulative: each includes those below it. */
  #histogram(name: string, labels: Labels, { bounds, counts, sum }: HistogramFigures): void {
    let count = 0;
    for (const [bucket, inBucket] of counts.entries()) {
      count += inBucket;
      const le = formatNumber(bounds[bucket] ?? Infinity);
      this.#line(`${name}_bucket`, { ...labels, le }, count);
    }
    this.#line(`${name}_sum`, labels, sum);
    this.#line(`${name}_count`, labels, count);
  }

  #line(name: string, labels: Labels, value: number): void {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
    this.#text += `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${formatNumber(value)}\n`;
  }
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
