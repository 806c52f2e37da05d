/** What the program exposes to Prometheus. */

import type { HistogramFigures } from "../counters/histogram.ts";
import type { ProcessFigures } from "./process_figures.ts";
import { PrometheusText } from "./prometheus.ts";
import { type ServiceSnapshot, writeServices } from "./service_metrics.ts";
import { type UpstreamSnapshot, writeUpstreams } from "./upstream_metrics.ts";

/** Everything that metrics are made of, at one moment. Nothing in it comes from a client. */
export interface MetricsSnapshot {
  readonly version: string;
  /** The version of Deno. */
  readonly deno: string;
  readonly threads: number;
  readonly process: ProcessFigures;
  /** How late timers were, in seconds. */
  readonly eventLoopDelay: HistogramFigures;
  /** Connections at the same time over all services; 0 is no limit. */
  readonly connectionLimit: number;
  readonly services: readonly ServiceSnapshot[];
  readonly upstreams: readonly UpstreamSnapshot[];
}

/**
 * The metrics in Prometheus text format 0.0.4. Families and samples always come in the same order. A series has no
 * labels but names of the configuration, addresses of endpoints, and reasons of a fixed list, so that nobody outside
 * can make up new ones. Series of services and endpoints begin at 0, those of reasons once it has occurred.
 */
export function renderMetrics(snapshot: MetricsSnapshot): string {
  const text = new PrometheusText();
  writeServices(text, snapshot.services);
  writeUpstreams(text, snapshot.upstreams);
  writeProgram(text, snapshot);
  return text.toString();
}

function writeProgram(text: PrometheusText, snapshot: MetricsSnapshot): void {
  const { version, deno, threads, connectionLimit } = snapshot;
  const { cpuSeconds, residentBytes, startedAt, openDescriptors } = snapshot.process;
  if (connectionLimit > 0) {
    text.gauge(
      "sluice_connections_limit",
      "Connections that may be open at the same time over all services.",
      [[{}, connectionLimit]],
    );
  }
  text.histogram(
    "sluice_event_loop_delay_seconds",
    "How late timers were, as a measure of how busy the threads are.",
    [[{}, snapshot.eventLoopDelay]],
  );
  text.gauge("sluice_threads", "Threads that accept and relay connections.", [[{}, threads]]);
  text.gauge("sluice_build_info", "Always 1; the labels are the versions.", [[{ version, deno }, 1]]);
  text.counter("process_cpu_seconds_total", "CPU time of the process, user and system.", [[{}, cpuSeconds]]);
  text.gauge("process_resident_memory_bytes", "Memory that the process has in RAM.", [[{}, residentBytes]]);
  text.gauge("process_start_time_seconds", "When the process started, since 1970.", [[
    {},
    startedAt / 1000,
  ]]);
  if (openDescriptors !== undefined) {
    text.gauge("process_open_fds", "File descriptors that the process has open.", [[{}, openDescriptors]]);
  }
}
