/** Whether what an end of a connection has seen agrees with what was done to it. */

import type { Side } from "./commands.ts";
import { type Link, otherOf } from "./link.ts";

/** What an end has seen and should not have; undefined when there is nothing. */
export function endFault(link: Link, side: Side): string | undefined {
  const end = link.end(side);
  if (end === undefined) return undefined;
  const from = otherOf(side);
  const sender = link.end(from);
  const of = `the ${side} of connection ${link.number}`;
  if (end.wrong !== undefined) return `${of} received something else: ${end.wrong}`;
  if (sender !== undefined && end.received > sender.asked) {
    return `${of} received ${end.received} bytes, ${sender.asked} were sent`;
  }
  if (end.isGone) return undefined;
  if (end.ending !== undefined && !link.hasEnded(from)) {
    return `${of} saw ${end.ending}, but nobody has ended it`;
  }
  if (!link.isBroken) {
    if (end.ending !== undefined && end.ending !== "eof") {
      return `${of} saw ${end.ending}, but nobody has broken it`;
    }
    if (end.writeError !== undefined) return `${of} could not write: ${end.writeError}`;
  }
  if (
    !link.mayLose(from) && end.ending !== undefined && sender !== undefined && end.received < sender.asked
  ) {
    return `${of} saw ${end.ending} after ${end.received} of ${sender.asked} bytes`;
  }
  return undefined;
}
