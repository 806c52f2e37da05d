/** Families of metrics: some are counted in columns, others are computed when they are read. */

import type { Counts, HistogramFigures, Metric } from "../counters/columns.ts";
import type { Columns, Figures } from "../counters/counter_table.ts";
import type { FamilyHeader, Labels } from "./prometheus.ts";

/** One family, of services, upstreams, endpoints or the program. */
export interface Family<Subject> extends Pick<Metric, "name" | "help" | "note"> {
  readonly type: "counter" | "gauge" | "histogram";
  /** The names of its labels. */
  readonly labels: readonly string[];
  samplesOf(subject: Subject): readonly Sample[];
}

type Sample = readonly [Labels, number | HistogramFigures];

/** A service, an upstream, an endpoint or the program: labels, and counters. */
export interface Counted<C extends Columns> {
  readonly labels: Labels;
  readonly counted: Figures<C>;
  /** The features that it has; some metrics require one. */
  readonly features: readonly NonNullable<Metric["requires"]>[];
}

/** A metric that is computed when it is read. */
export interface ReadMetric<Subject> extends Pick<Metric, "name" | "help" | "note"> {
  readonly type: "counter" | "gauge";
  /** The names of its labels in addition to those of the subject. */
  readonly extraLabels?: readonly string[];
  /** The value, or one for each set of additional labels; undefined omits the sample. */
  readonly read: (subject: Subject) => number | undefined | readonly (readonly [Labels, number])[];
}

/** @param labels The names of the subjects' labels. */
export function familiesOf<C extends Columns, Subject extends Counted<C>>(
  labels: readonly string[],
  columns: C,
  readMetrics: readonly ReadMetric<Subject>[],
): Family<Subject>[] {
  const byName = Map.groupBy(Object.keys(columns), (key) => columns[key]!.metric?.name);
  byName.delete(undefined);
  return [
    ...byName.values().map((keys) => countedFamily<C>(labels, columns, keys)),
    ...readMetrics.map((metric) => readFamily(labels, metric)),
  ];
}

/** A family with its samples. */
export type FamilySamples = readonly [FamilyHeader, readonly Sample[]];

/** All families with the samples of these subjects. */
export function samplesOfAll<Subject>(
  families: readonly Family<Subject>[],
  subjects: readonly Subject[],
): FamilySamples[] {
  return families.map((family) => [family, subjects.flatMap((subject) => family.samplesOf(subject))]);
}

function countedFamily<C extends Columns>(
  labels: readonly string[],
  columns: C,
  keys: readonly (keyof C & string)[],
): Family<Counted<C>> {
  const { kind, metric } = columns[keys[0]!]!;
  return {
    ...metric!,
    type: kind === "histogram" ? "histogram" : "counter",
    labels: [
      ...labels,
      ...Object.keys(metric!.labels ?? {}),
      ...kind === "counterByReason" ? ["reason"] : [],
    ],
    samplesOf: (subject) =>
      keys.flatMap((key) => {
        const { requires, labels: fixed } = columns[key]!.metric!;
        if (requires !== undefined && !subject.features.includes(requires)) return [];
        const labels = fixed === undefined ? subject.labels : { ...subject.labels, ...fixed };
        const figures = subject.counted[key];
        if (kind !== "counterByReason") return [[labels, figures as number | HistogramFigures] as const];
        return Object.entries(figures as Counts).map(([reason, count]) =>
          [{ ...labels, reason }, count] as const
        );
      }),
  };
}

function readFamily<Subject extends { readonly labels: Labels }>(
  labels: readonly string[],
  { extraLabels = [], read, ...metric }: ReadMetric<Subject>,
): Family<Subject> {
  return {
    ...metric,
    labels: [...labels, ...extraLabels],
    samplesOf(subject) {
      const value = read(subject);
      if (value === undefined) return [];
      if (typeof value === "number") return [[subject.labels, value]];
      return value.map(([extra, each]) => [{ ...subject.labels, ...extra }, each]);
    },
  };
}
