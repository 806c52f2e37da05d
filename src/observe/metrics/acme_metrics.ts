/** The metrics of certificates that are ordered. */

import type { ReadMetric } from "./family.ts";
import type { Labels } from "./prometheus.ts";

export interface AcmeFigures {
  /** Its path; the same as that of a certificate of a service. */
  readonly file: string;
  readonly issued: number;
  readonly failed: number;
  /** In a row. */
  readonly failing: number;
  /** Milliseconds since 1970. */
  readonly nextAttempt: number | undefined;
  /** Milliseconds since 1970. */
  readonly lastSuccess: number | undefined;
}

interface Subject {
  readonly acme: readonly AcmeFigures[];
}

const ABSENT = "Absent without `tls.acme`.";

export const ACME_METRICS: readonly ReadMetric<Subject>[] = [
  {
    name: "sluice_acme_renewals_total",
    type: "counter",
    help: "Certificates that this process has ordered and received, the first one included.",
    note: ABSENT,
    extraLabels: ["certificate"],
    read: ({ acme }) => each(acme, ({ issued }) => issued),
  },
  {
    name: "sluice_acme_failures_total",
    type: "counter",
    help: "Orders of this process that failed.",
    note: ABSENT,
    extraLabels: ["certificate"],
    read: ({ acme }) => each(acme, ({ failed }) => failed),
  },
  {
    name: "sluice_acme_failing",
    type: "gauge",
    help: "Orders in a row that failed, of all proxies that share the folder; 0 after a success.",
    note: ABSENT,
    extraLabels: ["certificate"],
    read: ({ acme }) => each(acme, ({ failing }) => failing),
  },
  {
    name: "sluice_acme_last_success_timestamp_seconds",
    type: "gauge",
    help:
      "When the certificate was issued to this proxy or to another one that shares the folder, Unix seconds: " +
      "the start of its validity, which some authorities set to an hour before.",
    note: "Absent without `tls.acme`, and until there is a certificate.",
    extraLabels: ["certificate"],
    read: ({ acme }) => known(acme, ({ lastSuccess }) => lastSuccess),
  },
  {
    name: "sluice_acme_next_attempt_timestamp_seconds",
    type: "gauge",
    help: "When the certificate will be ordered or renewed, Unix seconds.",
    note: ABSENT,
    extraLabels: ["certificate"],
    read: ({ acme }) => known(acme, ({ nextAttempt }) => nextAttempt),
  },
];

function each(all: readonly AcmeFigures[], value: (figures: AcmeFigures) => number): [Labels, number][] {
  return all.map((figures) => [{ certificate: figures.file }, value(figures)]);
}

/** Times that are known, in seconds. */
function known(
  all: readonly AcmeFigures[],
  time: (figures: AcmeFigures) => number | undefined,
): [Labels, number][] {
  return each(all.filter((figures) => time(figures) !== undefined), (figures) => time(figures)! / 1000);
}
