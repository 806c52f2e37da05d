/**
 * Reads the Prometheus text format 0.0.4 strictly: mistakes that a scraper might ignore are errors here.
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

interface OpenFamily extends Family {
  readonly samples: Sample[];
}

const HELP = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/s;
const TYPE = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\+Inf|-Inf|NaN|-?[0-9][0-9.e+-]*)$/s;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/y;

/** @throws {SyntaxError} */
export function parsePrometheus(text: string): Map<string, Family> {
  if (text !== "" && !text.endsWith("\n")) throw new SyntaxError("The last line does not end");
  const lines = text.split("\n").slice(0, -1);
  const families = new Map<string, OpenFamily>();
  const series = new Set<string>();
  let current: OpenFamily | undefined;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    const help = HELP.exec(line);
    if (help !== null) {
      const type = TYPE.exec(lines[++at] ?? "");
      if (type?.[1] !== help[1]) throw new SyntaxError(`No TYPE after ${line}`);
      current = { name: help[1]!, type: type![2]!, help: unescape(help[2]!), samples: [] };
      if (families.has(current.name)) throw new SyntaxError(`${current.name} comes twice`);
      families.set(current.name, current);
      continue;
    }
    const sample = parseSample(line);
    if (current === undefined || !belongs(sample.name, current)) {
      throw new SyntaxError(`Not within its family: ${line}`);
    }
    const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
    if (series.has(key)) throw new SyntaxError(`Twice: ${line}`);
    series.add(key);
    current.samples.push(sample);
  }
  for (const family of families.values()) checkFamily(family);
  return families;
}

function parseSample(line: string): Sample {
  const match = SAMPLE.exec(line);
  if (match === null) throw new SyntaxError(`Neither sample nor comment: ${line}`);
  const value = Number(match[3]!.replace("Inf", "Infinity"));
  if (Number.isNaN(value) && match[3] !== "NaN") throw new SyntaxError(`No number: ${line}`);
  return { name: match[1]!, labels: parseLabels(match[2] ?? "", line), value };
}

function parseLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  for (let at = 0; at < text.length; at = LABEL.lastIndex) {
    const match = LABEL.exec(text);
    if (match === null) throw new SyntaxError(`Malformed labels: ${line}`);
    const [, label, value] = match;
    if (Object.hasOwn(labels, label!)) throw new SyntaxError(`${label} comes twice: ${line}`);
    labels[label!] = unescape(value!);
  }
  return labels;
}

function belongs(name: string, { name: family, type }: Family): boolean {
  if (type !== "histogram") return name === family;
  return ["_bucket", "_sum", "_count"].some((suffix) => name === family + suffix);
}

function checkFamily({ name, type, samples }: Family): void {
  if (samples.length === 0) throw new SyntaxError(`${name} has no samples`);
  if (type === "counter" && samples.some(({ value }) => !(value >= 0))) {
    throw new SyntaxError(`${name} is no counter`);
  }
  if (type === "counter" !== name.endsWith("_total")) {
    throw new SyntaxError(`${name} is not called like a ${type}`);
  }
  if (type !== "histogram") return;
  const bySeries = Map.groupBy(samples, ({ labels: { le: _, ...labels } }) => JSON.stringify(labels));
  for (const [labels, ofSeries] of bySeries) checkHistogram(`${name}${labels}`, ofSeries);
}

function checkHistogram(name: string, samples: readonly Sample[]): void {
  const values = (suffix: string) => samples.filter((sample) => sample.name.endsWith(suffix));
  const buckets = values("_bucket");
  const bounds = buckets.map(({ labels }) => Number(labels.le?.replace("Inf", "Infinity")));
  const counts = buckets.map(({ value }) => value);
  if (!isAscending(bounds) || bounds.at(-1) !== Infinity) throw new SyntaxError(`${name}: buckets ${bounds}`);
  if (counts.some((count, at) => count < (counts[at - 1] ?? 0))) {
    throw new SyntaxError(`${name}: not cumulative`);
  }
  if (values("_sum").length !== 1 || values("_count")[0]?.value !== counts.at(-1)) {
    throw new SyntaxError(`${name}: no sum, or a count that is not that of all buckets`);
  }
}

function isAscending(numbers: readonly number[]): boolean {
  return numbers.every((number, at) => at === 0 ? !Number.isNaN(number) : number > numbers[at - 1]!);
}

function unescape(text: string): string {
  return text.replace(/\\(.)/g, (_, character) => character === "n" ? "\n" : character);
}
