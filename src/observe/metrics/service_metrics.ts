/** The metrics of services. */

import { SERVICE_COLUMNS, type ServiceCounts } from "../counters/accounts.ts";
import { familiesOf } from "./family.ts";
import type { Labels } from "./prometheus.ts";

export interface ServiceSnapshot {
  readonly name: string;
  readonly counted: ServiceCounts;
  /** 0 is no limit. */
  readonly connectionLimit: number;
  readonly hasMirror: boolean;
  /** The certificates that it presents to clients; empty without TLS. */
  readonly certificates: readonly CertificateSnapshot[];
  /** The files with revocation lists of clients' certificates that expire. */
  readonly crls?: readonly CertificateSnapshot[];
  /** On how many connections each fault has acted. */
  readonly faults: readonly { readonly name: string; readonly applied: number }[];
}

export interface CertificateSnapshot {
  /** The path of the file, as in the configuration. */
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
  {
    name: "sluice_tls_crl_expiry_timestamp_seconds",
    type: "gauge",
    help: "Expiry of the revocation lists of clients' certificates, Unix seconds.",
    note: "Absent without `tls.crl`.",
    extraLabels: ["crl"],
    read: ({ crls = [] }: Subject): [Labels, number][] =>
      crls.map(({ path, expiresAt }) => [{ crl: path }, expiresAt / 1000]),
  },
  {
    name: "sluice_faults_applied_total",
    type: "counter",
    help: "Connections that a fault has acted on.",
    extraLabels: ["fault"],
    read: ({ faults }: Subject): [Labels, number][] =>
      faults.map(({ name, applied }) => [{ fault: name }, applied]),
  },
]);

type Subject = ReturnType<typeof serviceSubject>;

export function serviceSubject(service: ServiceSnapshot) {
  const features = [
    ...service.certificates.length > 0 ? ["tls" as const] : [],
    ...service.hasMirror ? ["mirror" as const] : [],
  ];
  return { ...service, labels: { service: service.name }, features };
}
