/** The metrics of upstream groups. */

import type { Counts } from "../counters/columns.ts";
import type { HistogramFigures } from "../counters/histogram.ts";
import type { Labels, PrometheusText, Samples } from "./prometheus.ts";
import { samplesByReason } from "./service_metrics.ts";
import type { EndpointFigures, PoolFigures, UpstreamFigures } from "./upstream_figures.ts";

export interface UpstreamSnapshot extends UpstreamFigures {
  /** In seconds: how long it took to make each connection, those opened ahead included. */
  readonly connectTime: HistogramFigures;
}

export function writeUpstreams(text: PrometheusText, upstreams: readonly UpstreamSnapshot[]): void {
  writeEndpoints(text, upstreams.flatMap((upstream) => seriesOf(upstream)));
  text.histogram(
    "sluice_connect_seconds",
    "How long it took to connect to upstreams.",
    upstreams.map(({ name, connectTime }) => [{ upstream: name }, connectTime]),
  );
  writePools(text, upstreams);
}

/** One series: what has the same labels is one endpoint to Prometheus. */
interface EndpointSeries {
  readonly labels: Labels;
  readonly endpoints: EndpointFigures[];
}

/** DNS may tell of an address twice, with different weights. */
function seriesOf({ name, endpoints }: UpstreamSnapshot): EndpointSeries[] {
  const byAddress = Map.groupBy(endpoints, ({ address }) => address);
  return byAddress.entries()
    .map(([endpoint, same]) => ({ labels: { upstream: name, endpoint }, endpoints: same }))
    .toArray();
}

function writeEndpoints(text: PrometheusText, series: readonly EndpointSeries[]): void {
  const sumOf = (value: (endpoint: EndpointFigures) => number): Samples<number> =>
    series.map(({ labels, endpoints }) => [
      labels,
      endpoints.reduce((sum, endpoint) => sum + value(endpoint), 0),
    ]);
  text.gauge(
    "sluice_endpoint_up",
    "Whether an endpoint works: 1, or 0 when health checks or failures of connections have taken it out.",
    series.map(({ labels, endpoints }) => [labels, endpoints.some(isUp) ? 1 : 0]),
  );
  text.gauge(
    "sluice_endpoint_enabled",
    "Whether an endpoint may be used: 1, or 0 when an operator has set it to drain or down.",
    series.map(({ labels, endpoints }) => [labels, endpoints.some(({ admin }) => admin === "up") ? 1 : 0]),
  );
  text.gauge(
    "sluice_endpoint_connections_active",
    "Clients' connections to an endpoint that are open now.",
    sumOf(({ active }) => active),
  );
  text.counter(
    "sluice_upstream_connects_total",
    "Connections made to an endpoint, those opened ahead included.",
    sumOf(({ connects }) => connects),
  );
  text.counter(
    "sluice_upstream_failures_total",
    "Connections to an endpoint that could not be made, or broke at once.",
    series.flatMap(({ labels, endpoints }) =>
      samplesByReason(labels, addUp(endpoints.map(({ failuresBy }) => failuresBy)))
    ),
  );
}

function writePools(text: PrometheusText, upstreams: readonly UpstreamSnapshot[]): void {
  const ofEach = (key: keyof PoolFigures): Samples<number> =>
    upstreams.flatMap(({ name, pool }) =>
      pool === undefined ? [] : [[{ upstream: name }, pool[key]] as const]
    );
  text.gauge("sluice_pool_idle_connections", "Connections that wait in the pool now.", ofEach("idle"));
  text.counter("sluice_pool_hits_total", "Clients that got a connection of the pool.", ofEach("hits"));
  text.counter("sluice_pool_misses_total", "Clients that found the pool empty.", ofEach("misses"));
  text.counter(
    "sluice_pool_expired_total",
    "Connections that were closed for having waited too long.",
    ofEach("expired"),
  );
  text.counter("sluice_pool_lost_total", "Connections that ended while they waited.", ofEach("lost"));
}

/** What an operator has set is a separate metric. */
function isUp({ state }: EndpointFigures): boolean {
  return state === "up" || state === "unknown";
}

function addUp(all: readonly Counts[]): Counts {
  const sums: Record<string, number> = {};
  for (const counts of all) {
    for (const [reason, count] of Object.entries(counts)) sums[reason] = (sums[reason] ?? 0) + count;
  }
  return sums;
}
