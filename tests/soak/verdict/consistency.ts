/** Checks that the counters of sluice agree with each other, and with what clients, upstreams and the log saw. */

import type { Metrics } from "../../support/program/admin.ts";

export interface Seen {
  /** Services that keep their counters for the whole run. */
  readonly services: readonly string[];
  /** Bytes that clients of a service have read. */
  readonly received: (service: string) => number;
  /** The number of access log lines of a service with an event. */
  readonly lines: (service: string, event: string) => number;
}

/** The inconsistencies while no connection is open. */
export function auditAtRest(metrics: Metrics, seen: Seen): string[] {
  const wrong: string[] = [];
  const check = (isRight: boolean, what: string) => void (isRight || wrong.push(what));
  const open = metrics.sum("sluice_connections_active");
  check(open === 0, `sluice_connections_active is ${open} while nothing is open`);
  const atEndpoints = metrics.sum("sluice_endpoint_connections_active");
  check(atEndpoints === 0, `sluice_endpoint_connections_active is ${atEndpoints} while nothing is open`);
  for (const service of seen.services) {
    const of = (family: string) => metrics.sum(family, service);
    const accepted = of("sluice_connections_total");
    const [refused, failed, closed] = [
      of("sluice_connections_refused_total"),
      of("sluice_connections_failed_total"),
      of("sluice_connections_closed_total"),
    ];
    const ended = refused + failed + closed;
    check(
      accepted === ended,
      `${service}: ${accepted} connections accepted, ${ended} ended (${refused} refused, ${failed} failed, ${closed} closed)`,
    );
    for (const [event, count] of [["connection_failed", failed], ["connection_closed", closed]] as const) {
      const lines = seen.lines(service, event);
      check(lines === count, `${service}: ${count} times ${event}, ${lines} lines in the access log`);
    }
    // Not all refusals are logged.
    const lines = seen.lines(service, "connection_refused");
    check(lines <= refused, `${service}: ${refused} connections refused, ${lines} lines in the access log`);
    const lasted = metrics.families.get("sluice_connection_duration_seconds")?.samples
      .find(({ name, labels }) => name.endsWith("_count") && labels["service"] === service)?.value;
    check(lasted === closed, `${service}: ${closed} connections closed, the durations of ${lasted} counted`);
    const download = metrics.families.get("sluice_bytes_total")?.samples
      .find(({ labels }) => labels["service"] === service && labels["direction"] === "download")?.value ?? 0;
    const received = seen.received(service);
    check(download >= received, `${service}: clients have read ${received} bytes, counted are ${download}`);
  }
  return wrong;
}

/** Checks that counters never decrease from one reading to the next. */
export class Counters {
  readonly #services: readonly string[];
  #before = new Map<string, number>();

  /** @param services Those that keep their counters for the whole run. */
  constructor(services: readonly string[]) {
    this.#services = services;
  }

  /** The counters that have decreased. */
  look(metrics: Metrics): string[] {
    const now = new Map<string, number>();
    for (const { type, samples } of metrics.families.values()) {
      if (type !== "counter") continue;
      for (const { name, labels, value } of samples) {
        if (this.#services.includes(labels["service"] ?? "")) {
          now.set(`${name}${JSON.stringify(labels)}`, value);
        }
      }
    }
    const wrong = [...this.#before].filter(([series, before]) => !((now.get(series) ?? NaN) >= before))
      .map(([series, before]) => `${series} was ${before} and is ${now.get(series) ?? "gone"}`);
    this.#before = now;
    return wrong;
  }
}
