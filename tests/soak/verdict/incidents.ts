/** Records what the soak has done that may cost a connection, and when: nothing else is a reason to lose one. */

import type { AccessLine } from "../../support/program/access_line.ts";

/** A connection that a client has lost. */
export interface Loss {
  readonly service: string;
  /** Its address in the access log; undefined for a unix socket, or without a connection. */
  readonly client: string | undefined;
  /** In milliseconds of `performance.now()`. */
  readonly from: number;
  readonly to: number;
  /** Whether the client had received any byte from the upstream. */
  readonly wasServed: boolean;
}

/** The kinds of incidents. Each concerns a service, or the client with an address. */
export type IncidentKind =
  /** An endpoint refuses connections, and may have reset open ones. */
  | "outage"
  /** An operator has set an endpoint to down. */
  | "set_down"
  /** A service does not exist yet, or was removed. */
  | "absent"
  /**
   * A listener of Deno.listenTls was replaced by one with a new certificate, which may reset clients that connect at
   * that moment.
   */
  | "replaced"
  /** An operator has closed the connection of a client. */
  | "kill";

interface Incident {
  readonly kind: IncidentKind;
  /** The service, or the client of a kill. */
  readonly target: string;
  readonly from: number;
  to: number;
}

/** How late a loss may be noticed, and how long an incident has effects, in milliseconds. */
const MARGIN = 1500;
/** Incidents older than this are forgotten, in milliseconds: no connection is older. */
const MEMORY = 180_000;

/** The codes of clients that the limits of a service refuse. */
export const LIMIT_CODES: ReadonlySet<string> = new Set(["connection_limit", "client_connection_limit"]);

export class Incidents {
  #all: Incident[] = [];

  /** Records an incident that begins now; the returned function ends it. */
  begin(kind: IncidentKind, target: string, now: number = performance.now()): (now?: number) => void {
    const incident: Incident = { kind, target, from: now, to: Infinity };
    this.#all = this.#all.filter(({ to }) => to > now - MEMORY);
    this.#all.push(incident);
    return (then = performance.now()) => void (incident.to = then);
  }

  /** Records an incident without a duration. */
  note(kind: IncidentKind, target: string, now: number = performance.now()): void {
    this.begin(kind, target, now)(now);
  }

  /** The reason why a connection may have been lost, in a word; undefined when there is none. */
  excuseFor(loss: Loss, line: AccessLine | undefined): string | undefined {
    const has = (kind: IncidentKind, target: string) =>
      this.#all.some((each) =>
        each.kind === kind && each.target === target && each.from <= loss.to && each.to + MARGIN >= loss.from
      );
    if (line === undefined) {
      if (loss.wasServed) return undefined;
      // A service logs at most ten refused clients a second.
      if (has("absent", loss.service)) return "absent";
      if (has("replaced", loss.service)) return "listener replaced";
      return loss.service === "limited" ? "limit" : undefined;
    }
    if (line.code === "killed") return has("kill", line.client) ? "killed" : undefined;
    if (line.event === "connection_refused" && LIMIT_CODES.has(line.code ?? "")) {
      return loss.service === "limited" && !loss.wasServed ? "limit" : undefined;
    }
    // The client was late to send, because this process was busy.
    if (line.code === "idle_timeout") return loss.service === "brief" && !loss.wasServed ? "idle" : undefined;
    if (line.code === "endpoint_down") return has("set_down", loss.service) ? "endpoint set down" : undefined;
    if (line.ended_by === "upstream") return has("outage", loss.service) ? "endpoint down" : undefined;
    return undefined;
  }
}
