/**
 * The Prometheus text format 0.0.4:
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */

import type { HistogramFigures } from "../counters/histogram.ts";

/** The content type of the text. */
export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export type Labels = Readonly<Record<string, string>>;

/** Values with what tells them apart. No two of a family may have the same labels. */
export type Samples<Value> = Iterable<readonly [Labels, Value]>;

/** Writes families of samples in the order of the calls; of a family without samples, nothing. */
export class PrometheusText {
  #text = "";

  /** @param name ends in `_total`. */
  counter(name: string, help: string, samples: Samples<number>): void {
    this.#simple(name, "counter", help, samples);
  }

  gauge(name: string, help: string, samples: Samples<number>): void {
    this.#simple(name, "gauge", help, samples);
  }

  /** Buckets are cumulative: each counts what is in the lower ones too. */
  histogram(name: string, help: string, samples: Samples<HistogramFigures>): void {
    let header = headerOf(name, "histogram", help);
    for (const [labels, { bounds, counts, sum }] of samples) {
      this.#text += header;
      header = "";
      let count = 0;
      for (const [bucket, inBucket] of counts.entries()) {
        count += inBucket;
        const le = formatNumber(bounds[bucket] ?? Infinity);
        this.#line(`${name}_bucket`, { ...labels, le }, count);
      }
      this.#line(`${name}_sum`, labels, sum);
      this.#line(`${name}_count`, labels, count);
    }
  }

  toString(): string {
    return this.#text;
  }

  #simple(name: string, type: "counter" | "gauge", help: string, samples: Samples<number>): void {
    let header = headerOf(name, type, help);
    for (const [labels, value] of samples) {
      this.#text += header;
      header = "";
      this.#line(name, labels, value);
    }
  }

  #line(name: string, labels: Labels, value: number): void {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
    this.#text += `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${formatNumber(value)}\n`;
  }
}

function headerOf(name: string, type: string, help: string): string {
  return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;
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
