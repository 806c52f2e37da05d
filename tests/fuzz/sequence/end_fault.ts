/** Compares what an end of a connection has received with the steps of the sequence. */

import { CHANGING } from "../faults.ts";
import type { Side } from "./commands.ts";
import { type Link, otherOf } from "./link.ts";

/** The difference from the expectation; undefined when there is none. */
export function endFault(link: Link, side: Side): string | undefined {
  const end = link.end(side);
  if (end === undefined) return undefined;
  const from = otherOf(side);
  const sender = link.end(from);
  const of = `the ${side} of connection ${link.number}`;
  if (end.wrong !== undefined && !CHANGING.has(link.doom ?? "")) {
    return `${of} received something else: ${end.wrong}`;
  }
  if (sender !== undefined && end.received > sender.queued) {
    return `${of} received ${end.received} bytes, ${sender.queued} were sent`;
  }
  if (end.isClosed || link.doom !== undefined) return undefined;
  if (end.ending !== undefined && !link.hasEnded(from)) {
    return `${of} saw ${end.ending}, but no side has ended it`;
  }
  if (!link.isBroken) {
    if (end.ending !== undefined && end.ending !== "eof") {
      return `${of} saw ${end.ending}, but no side has broken it`;
    }
    if (end.writeError !== undefined) return `${of} could not write: ${end.writeError}`;
  }
  if (
    !link.mayLose(from) && end.ending !== undefined && sender !== undefined && end.received < sender.queued
  ) {
    return `${of} saw ${end.ending} after ${end.received} of ${sender.queued} bytes`;
  }
  return undefined;
}
