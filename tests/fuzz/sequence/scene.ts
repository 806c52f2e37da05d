/** What a sequence is played on: a service, and what has been done to it so far. */

import type { Target } from "../fixture.ts";
import { endFault } from "./end_fault.ts";
import type { Link } from "./link.ts";
import { Fault, Waiting } from "./waiting.ts";

export class Scene {
  readonly target: Target;
  readonly waiting: Waiting;
  readonly links: Link[] = [];
  /** Clients that were not to be relayed. */
  strays = 0;
  /** Somebody has broken upstream connections, so that failures of endpoints may be counted. */
  mayFail = false;

  /** @param patience How long anything may take, in milliseconds. */
  constructor(target: Target, patience: number) {
    this.target = target;
    this.waiting = new Waiting(target, patience, () => this.check());
  }

  /** @throws {Fault} with what ends of connections have seen and should not have. */
  check(): void {
    for (const link of this.links) {
      for (const side of ["client", "upstream"] as const) {
        const fault = endFault(link, side);
        if (fault !== undefined) throw new Fault(fault);
      }
    }
    const { arrivals: { wrong } } = this.target;
    if (wrong !== undefined) throw new Fault(`an upstream got ${wrong}`);
  }
}
