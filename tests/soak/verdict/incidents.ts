/** What the soak has done that may cost a connection, and when: nothing else is a reason to lose one. */

import type { AccessLine } from "../../support/program/access_line.ts";

/** A connection that a client has lost. */
export interface Loss {
  readonly service: string;
  /** As the access log has it; undefined for a unix socket, or when there was no connection at all. */
  readonly client: string | undefined;
  /** In milliseconds of `performance.now()`. */
  readonly from: number;
  readonly to: number;
  /** Whether any byte had come from the upstream. */
  readonly wasServed: boolean;
}

/** What it was that was done: to a service, or to the client of that address. */
export type IncidentKind =
  /** An endpoint refuses connections, and may have reset those it had. */
  | "outage"
  /** An operator has set an endpoint to down. */
  | "set_down"
  /** A service is not there, or not any more. */
  | "absent"
  /** A listener of Deno.listenTls gave way to one with a new certificate, which may reset who comes in that instant. */
  | "replaced"
  /** An operator has closed the connection of a client. */
  | "kill";

interface Incident {
  readonly kind: IncidentKind;
  /** The service, or the client of a kill. */
  readonly whom: string;
  readonly from: number;
  to: number;
}

/** Who noticed late, and how long what was done has its effects, in milliseconds. */
const MARGIN = 1500;
/** Incidents that are older than any connection are forgotten, in milliseconds. */
const MEMORY = 180_000;

/** The codes of clients who are not let in by the limits of a service. */
export const LIMIT_CODES: ReadonlySet<string> = new Set(["connection_limit", "client_connection_limit"]);

export class Incidents {
  #all: Incident[] = [];

  /** Notes what begins now; the result ends it. */
  begin(kind: IncidentKind, whom: string, now: number = performance.now()): (now?: number) => void {
    const incident: Incident = { kind, whom, from: now, to: Infinity };
    this.#all = this.#all.filter(({ to }) => to > now - MEMORY);
    this.#all.push(incident);
    return (then = performance.now()) => void (incident.to = then);
  }

  /** Notes what happens at once. */
  note(kind: IncidentKind, whom: string, now: number = performance.now()): void {
    this.begin(kind, whom, now)(now);
  }

  /** Why a connection may have been lost, in a word; undefined when there is no reason. */
  excuseFor(loss: Loss, line: AccessLine | undefined): string | undefined {
    const has = (kind: IncidentKind, whom: string) =>
      this.#all.some((each) =>
        each.kind === kind && each.whom === whom && each.from <= loss.to && each.to + MARGIN >= loss.from
      );
    if (line === undefined) {
      if (loss.wasServed) return undefined;
      // Of clients who are not let in, a service logs no more than ten a second.
      if (has("absent", loss.service)) return "absent";
      if (has("replaced", loss.service)) return "listener replaced";
      return loss.service === "limited" ? "limit" : undefined;
    }
    if (line.code === "killed") return has("kill", line.client) ? "killed" : undefined;
    if (line.event === "connection_refused" && LIMIT_CODES.has(line.code ?? "")) {
      return loss.service === "limited" && !loss.wasServed ? "limit" : undefined;
    }
    // When this process is late to say something.
    if (line.code === "idle_timeout") return loss.service === "brief" && !loss.wasServed ? "idle" : undefined;
    if (line.code === "endpoint_down") return has("set_down", loss.service) ? "endpoint set down" : undefined;
    if (line.ended_by === "upstream") return has("outage", loss.service) ? "endpoint down" : undefined;
    return undefined;
  }
}
