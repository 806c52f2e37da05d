/** Compares the log line of a connection with the steps of the sequence. */

import type { ConnectionLine } from "../access_log.ts";
import type { Link } from "./link.ts";

/** The fault in the line of a connection; undefined when there is none. */
export function lineFault(link: Link, line: ConnectionLine): string | undefined {
  const { event, code, ended_by: endedBy, reason } = line;
  const says = `the log says ${event} by ${endedBy}: ${reason}`;
  if (event !== "connection_closed") return `connection ${link.number} was relayed, ${says}`;
  if (link.doom !== undefined) {
    const type = link.acts.some(({ kind }) => kind === "outage") ? "down" : link.doom;
    const isOfFault = endedBy === "proxy" && [type, link.doom].some((each) => line.faults?.includes(each));
    if (code === "fault" && !isOfFault) {
      return `connection ${link.number} has ${link.doom}, ${says} ${line.faults}`;
    }
    return bytesFault(link, line);
  }
  const sides = code === undefined ? orderly(link) : breakers(link, code);
  if (!sides.has(endedBy)) {
    return `connection ${link.number} was ended by ${[...sides].join(" or ") || "no side"}, ${says}`;
  }
  return bytesFault(link, line);
}

/** The sides that may have finished first. */
function orderly({ acts }: Link): Set<string> {
  const own = acts.filter(({ by }) => by !== "proxy");
  const last = own.findIndex(({ by }) => by !== own[0]?.by);
  // A side that had seen the other's end was not the first.
  const considered = last >= 0 && own[last]!.afterOther ? own.slice(0, last) : own;
  return new Set(considered.map(({ by }) => by));
}

/** The sides that may have broken it. */
function breakers({ acts }: Link, code: string): Set<string> {
  const ofProxy = code === "fault" ? "outage" : code;
  if (["killed", "endpoint_down", "failback", "outage"].includes(ofProxy)) {
    return new Set(acts.filter(({ kind }) => kind === ofProxy).map(({ by }) => by));
  }
  // If a side closes after the other has ended, nothing can be written to it any more.
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
    const most = from.queued;
    const least = link.mayLose(side) ? to.received : most;
    if (counted! < least || counted! > most) {
      const sent = `${side} of connection ${link.number} sent ${from.queued} bytes, ${to.received} arrived`;
      return `${sent}, bytes_from_${side} is ${counted}`;
    }
  }
  return undefined;
}
