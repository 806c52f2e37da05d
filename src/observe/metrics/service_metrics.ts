/** The metrics of services. */

import type { Counts } from "../counters/columns.ts";
import type { ServiceMetrics } from "../counters/ledger.ts";
import type { Labels, PrometheusText, Samples } from "./prometheus.ts";

export interface ServiceSnapshot {
  readonly metrics: ServiceMetrics;
  /** Connections at the same time; 0 is no limit. */
  readonly connectionLimit: number;
  /** What its clients are served with; empty without TLS. */
  readonly certificates: readonly CertificateSnapshot[];
}

export interface CertificateSnapshot {
  /** The file, as the configuration names it. */
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

export function writeServices(text: PrometheusText, services: readonly ServiceSnapshot[]): void {
  writeConnections(text, services);
  writeEndings(text, services.map(({ metrics }) => metrics));
  writeTls(text, services.filter(({ certificates }) => certificates.length > 0));
}

function writeConnections(text: PrometheusText, services: readonly ServiceSnapshot[]): void {
  const ofEach = (value: (metrics: ServiceMetrics) => number): Samples<number> =>
    services.map(({ metrics }) => [labelsOf(metrics), value(metrics)]);
  text.counter("sluice_connections_total", "Connections accepted.", ofEach(({ accepted }) => accepted));
  text.gauge("sluice_connections_active", "Connections open now.", ofEach(({ active }) => active));
  text.gauge(
    "sluice_service_connections_limit",
    "Connections of the service that may be open at the same time.",
    services.filter(({ connectionLimit }) => connectionLimit > 0)
      .map(({ metrics, connectionLimit }) => [labelsOf(metrics), connectionLimit]),
  );
  text.counter(
    "sluice_bytes_total",
    "Bytes read to be relayed: from clients (upload), and from upstreams (download).",
    services.flatMap(({ metrics }) => [
      [{ ...labelsOf(metrics), direction: "upload" }, metrics.bytesFromClient],
      [{ ...labelsOf(metrics), direction: "download" }, metrics.bytesFromUpstream],
    ]),
  );
  text.counter(
    "sluice_accept_errors_total",
    "How often accepting a connection failed.",
    ofEach(({ acceptErrors }) => acceptErrors),
  );
}

function writeEndings(text: PrometheusText, services: readonly ServiceMetrics[]): void {
  const byReason = (counts: (metrics: ServiceMetrics) => Counts): Samples<number> =>
    services.flatMap((metrics) => samplesByReason(labelsOf(metrics), counts(metrics)));
  text.counter(
    "sluice_connections_refused_total",
    "Connections that were not let in.",
    byReason(({ refusedBy }) => refusedBy),
  );
  text.counter(
    "sluice_connections_failed_total",
    "Connections that ended before they reached their upstream.",
    byReason(({ failedBy }) => failedBy),
  );
  text.counter(
    "sluice_connections_closed_total",
    "Connections that were relayed and have ended.",
    byReason(({ closedBy }) => closedBy),
  );
  text.histogram(
    "sluice_connection_duration_seconds",
    "How long relayed connections lasted that have ended.",
    services.map((metrics) => [labelsOf(metrics), metrics.duration]),
  );
  text.histogram(
    "sluice_first_byte_seconds",
    "How long upstreams took to send their first byte, once connected and, where the client spoke first, spoken to.",
    services.map((metrics) => [labelsOf(metrics), metrics.firstByte]),
  );
}

function writeTls(text: PrometheusText, services: readonly ServiceSnapshot[]): void {
  text.histogram(
    "sluice_tls_handshake_seconds",
    "How long TLS handshakes with clients took that came to their end.",
    services.map(({ metrics }) => [labelsOf(metrics), metrics.tlsHandshake]),
  );
  text.gauge(
    "sluice_tls_certificate_expiry_timestamp_seconds",
    "When the certificate in a file ends to be valid, since 1970.",
    services.flatMap(({ metrics, certificates }) =>
      certificates.map(({ path, expiresAt }) =>
        [{ ...labelsOf(metrics), certificate: path }, expiresAt / 1000] as const
      )
    ),
  );
}

/** One sample for each reason that occurred. */
export function samplesByReason(labels: Labels, counts: Counts): [Labels, number][] {
  return Object.entries(counts).map(([reason, count]) => [{ ...labels, reason }, count]);
}

function labelsOf({ name }: ServiceMetrics): { service: string } {
  return { service: name };
}
