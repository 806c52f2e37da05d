/** The metrics of services. */

import { SERVICE_COLUMNS, type ServiceCounts } from "../counters/accounts.ts";
import { familiesOf } from "./family.ts";
import type { Labels } from "./prometheus.ts";

export interface ServiceSnapshot {
  readonly name: string;
  readonly counted: ServiceCounts;
  /** 0 is no limit. */
  readonly connectionLimit: number;
  /** Those it presents to clients; empty without TLS. */
  readonly certificates: readonly CertificateSnapshot[];
}

export interface CertificateSnapshot {
  /** The file, as the configuration names it. */
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

export const SERVICE_FAMILIES = familiesOf(["service"], SERVICE_COLUMNS, [
  {
    name: "sluice_connections_active",
    type: "gauge",
    help: "Open connections.",
    read: ({ counted }: Subject) => counted.accepted - counted.ended,
  },
  {
    name: "sluice_service_connections_limit",
    type: "gauge",
    help: "Limit of open connections of the service.",
    note: "Absent without `limits.connections`.",
    read: ({ connectionLimit }: Subject) => connectionLimit || undefined,
  },
  {
    name: "sluice_tls_certificate_expiry_timestamp_seconds",
    type: "gauge",
    help: "Certificate expiry, Unix seconds.",
    extraLabels: ["certificate"],
    read: ({ certificates }: Subject): [Labels, number][] =>
      certificates.map(({ path, expiresAt }) => [{ certificate: path }, expiresAt / 1000]),
  },
]);

type Subject = ReturnType<typeof serviceSubject>;

export function serviceSubject(service: ServiceSnapshot) {
  const features: readonly "tls"[] = service.certificates.length > 0 ? ["tls"] : [];
  return { ...service, labels: { service: service.name }, features };
}
