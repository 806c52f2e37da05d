/** Exports the metrics of the program: those of `/metrics`, with the same names, labels and values. */

import { type FamilyHeader, type Labels, linesOf } from "../metrics/prometheus.ts";
import { METRIC_FAMILIES, type MetricsSnapshot, samplesOf } from "../metrics/metrics.ts";
import { activeTelemetry, type Instrument, type Observe, SCOPE, type Telemetry } from "./telemetry.ts";

/**
 * Exports them every `OTEL_METRIC_EXPORT_INTERVAL` until the result is disposed of; undefined while nothing is
 * exported. OpenTelemetry has no histogram that is read from elsewhere, so a histogram is three counters, as in
 * Prometheus: with the endings `_bucket`, `_sum` and `_count`.
 *
 * @param snapshot Reads the values of now.
 */
export function exportMetrics(
  snapshot: () => MetricsSnapshot,
  telemetry: Pick<Telemetry, "meterProvider"> | undefined = activeTelemetry("METRICS"),
): Disposable | undefined {
  if (telemetry === undefined) return undefined;
  const meter = telemetry.meterProvider.getMeter(SCOPE);
  const instruments = new Map<string, Instrument>();
  for (const family of Object.values(METRIC_FAMILIES).flat()) {
    const { type, help: description } = family;
    for (const name of seriesOf(family)) {
      const create = type === "gauge" ? "createObservableGauge" : "createObservableCounter";
      instruments.set(name, meter[create](name, { description }));
    }
  }
  const all = [...instruments.values()];
  const observe: Observe = (result) => {
    const write = (name: string, labels: Labels, value: number) =>
      result.observe(instruments.get(name)!, value, labels);
    for (const [{ name }, samples] of samplesOf(snapshot())) {
      for (const [labels, value] of samples) linesOf(name, labels, value, write);
    }
  };
  meter.addBatchObservableCallback(observe, all);
  return { [Symbol.dispose]: () => meter.removeBatchObservableCallback(observe, all) };
}

function seriesOf({ name, type }: Pick<FamilyHeader, "name" | "type">): string[] {
  return type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
}
