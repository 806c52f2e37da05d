/** Some figures of a service from `/metrics`; the strict parser would take longer than the sequence under test. */

const SAMPLE = /^(\w+)\{([^}]*)\} (\S+)$/;

export class Figures {
  readonly #samples: { readonly family: string; readonly labels: string; readonly value: number }[] = [];

  constructor(text: string) {
    for (const line of text.split("\n")) {
      const match = line.startsWith("sluice_") ? SAMPLE.exec(line) : null;
      if (match === null || match[1]!.endsWith("_bucket")) continue;
      this.#samples.push({ family: match[1]!, labels: `,${match[2]},`, value: Number(match[3]) });
    }
  }

  /** The sum over the series of a family that have all of these labels. */
  sum(family: string, labels: Readonly<Record<string, string>> = {}): number {
    const wanted = Object.entries(labels).map(([name, value]) => `,${name}="${value}",`);
    return this.#samples
      .filter((sample) => sample.family === family && wanted.every((label) => sample.labels.includes(label)))
      .reduce((sum, { value }) => sum + value, 0);
  }

  /** The counters of a service and its group. */
  of(service: string): Counts {
    const own = { service };
    const group = { upstream: `${service}-group` };
    return {
      total: this.sum("sluice_connections_total", own),
      active: this.sum("sluice_connections_active", own),
      refused: this.sum("sluice_connections_refused_total", own),
      failed: this.sum("sluice_connections_failed_total", own),
      closed: this.sum("sluice_connections_closed_total", own),
      upload: this.sum("sluice_bytes_total", { ...own, direction: "upload" }),
      download: this.sum("sluice_bytes_total", { ...own, direction: "download" }),
      atEndpoints: this.sum("sluice_endpoint_connections_active", group),
      skipped: this.sum("sluice_access_log_skipped_total", own),
      endpointFailures: this.sum("sluice_upstream_failures_total", group),
    };
  }
}

export interface Counts {
  readonly total: number;
  readonly active: number;
  readonly refused: number;
  readonly failed: number;
  readonly closed: number;
  readonly upload: number;
  readonly download: number;
  readonly atEndpoints: number;
  /** Those without a line in the access log, as it was configured. */
  readonly skipped: number;
  readonly endpointFailures: number;
}

/** The differences between two readings. */
export function since(before: Counts, now: Counts): Counts {
  const names = Object.keys(before) as (keyof Counts)[];
  return Object.fromEntries(names.map((name) => [name, now[name] - before[name]])) as unknown as Counts;
}
