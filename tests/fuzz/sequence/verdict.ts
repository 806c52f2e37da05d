/** Whether what sluice says of a connection agrees with what was done to it. */

import type { ConnectionLine } from "../access_log.ts";
import type { Link } from "./link.ts";

/** What is wrong with the line of a connection; undefined when nothing is. */
export function lineFault(link: Link, line: ConnectionLine): string | undefined {
  const { event, code, ended_by: endedBy, reason } = line;
  const says = `the log says ${event} by ${endedBy}: ${reason}`;
  if (event !== "connection_closed") return `connection ${link.number} was relayed, ${says}`;
  const sides = code === undefined ? orderly(link) : breakers(link, code);
  if (!sides.has(endedBy)) {
    return `connection ${link.number} was ended by ${[...sides].join(" or ") || "nobody"}, ${says}`;
  }
  return bytesFault(link, line);
}

/** Who may have finished first. */
function orderly({ acts }: Link): Set<string> {
  const own = acts.filter(({ by }) => by !== "proxy");
  const last = own.findIndex(({ by }) => by !== own[0]?.by);
  // Who has seen the other's end was not the first.
  const considered = last >= 0 && own[last]!.afterOther ? own.slice(0, last) : own;
  return new Set(considered.map(({ by }) => by));
}

/** Who may have broken it. */
function breakers({ acts }: Link, code: string): Set<string> {
  if (code === "killed" || code === "endpoint_down") {
    return new Set(acts.filter(({ kind }) => kind === code).map(({ by }) => by));
  }
  // Who closes after the other's end leaves nothing that could be written to it.
  const broken = acts.filter(({ by, kind, afterOther }) =>
    by !== "proxy" && (kind === "reset" || kind === "close" && !afterOther)
  );
  return new Set(broken.map(({ by }) => by));
}

function bytesFault(link: Link, line: ConnectionLine): string | undefined {
  for (
    const [side, counted] of [["client", line.bytes_from_client], [
      "upstream",
      line.bytes_from_upstream,
    ]] as const
  ) {
    const from = link.end(side)!;
    const to = link.end(side === "client" ? "upstream" : "client")!;
    const most = from.asked;
    const least = link.mayLose(side) ? to.received : most;
    if (counted! < least || counted! > most) {
      const sent = `${side} of connection ${link.number} sent ${from.asked} bytes, ${to.received} arrived`;
      return `${sent}, bytes_from_${side} is ${counted}`;
    }
  }
  return undefined;
}
