/** The state of a sequence: a service, and the effects of the steps so far. */

import type { Target } from "../fixture.ts";
import { endFault } from "./end_fault.ts";
import type { Link } from "./link.ts";
import { SceneFaults } from "./scene_faults.ts";
import { Fault, Waiting } from "./waiting.ts";

export class Scene {
  readonly target: Target;
  readonly waiting: Waiting;
  readonly links: Link[] = [];
  readonly faults: SceneFaults;
  /** The number of clients that had to be refused. */
  strays = 0;
  /** How many bytes the mirror had at the beginning. */
  readonly mirrored: number;
  /** Whether upstream connections were broken, so that failures of endpoints may be counted. */
  mayFail = false;

  /** @param patience The time limit for any step, in milliseconds. */
  constructor(target: Target, patience: number) {
    this.target = target;
    this.mirrored = target.mirror?.received ?? 0;
    this.faults = new SceneFaults(target);
    this.waiting = new Waiting(target, patience, () => this.check());
  }

  /** @throws {Fault} with the first unexpected event at an end of a connection. */
  check(): void {
    for (const link of this.links) {
      for (const side of ["client", "upstream"] as const) {
        const fault = endFault(link, side);
        if (fault !== undefined) throw new Fault(fault);
      }
    }
    const { arrivals: { wrong }, mirror, fixture: { access } } = this.target;
    if (wrong !== undefined) throw new Fault(`an upstream got ${wrong}`);
    if (mirror?.wrong !== undefined) throw new Fault(mirror.wrong);
    if (access.wrong !== undefined) throw new Fault(access.wrong);
  }
}
