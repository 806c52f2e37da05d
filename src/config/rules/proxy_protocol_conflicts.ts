/** Finds PROXY protocol settings that accept no peer, or that cannot send a header. */

import { UNIX_PEERS } from "../values/address_text.ts";
import { entriesAt, findAllAt, keysAt, listenersAt, type Path } from "./found.ts";
import type { Report } from "../input/report.ts";
import { nameAt, upstreamPaths } from "./upstream_conflicts.ts";

/** Adds what is wrong with the PROXY protocol of one service, received or sent. */
export function findProxyProtocolConflicts(service: Path, report: Report): void {
  findUntrustedSockets(service, report);
  findHeadersOnUsedConnections(service, report);
}

function findUntrustedSockets(service: Path, report: Report): void {
  const from = [...service, "accept_proxy_protocol", "from"];
  const trusted = findAllAt(from, report, (text) => text);
  if (trusted === undefined || trusted.length === 0) return;
  const unix = trusted.find(({ value }) => value === UNIX_PEERS);
  const listeners = listenersAt(service, report);
  const sockets = listeners.filter(({ value }) => value[0]?.transport === "unix");
  const listen = [...service, "listen"];
  if (unix === undefined) {
    for (const { path } of sockets) {
      const where = `${report.show(path)} (${report.spellPath(path)})`;
      report.add(from, `Cannot accept peers on ${where}: they have no address, add "${UNIX_PEERS}"`);
    }
  } else if (sockets.length === 0 && listeners.length === entriesAt(listen, report).length) {
    report.add(
      unix.path,
      `Cannot trust "${UNIX_PEERS}": no address in ${report.spellPath(listen)} is a unix socket`,
    );
  }
}

/** A header names one client, but a connection of a `reuse` pool serves several, one after another. */
function findHeadersOnUsedConnections(service: Path, report: Report): void {
  const send = [...service, "send_proxy_protocol"];
  if (report.valueAt(send) === undefined) return;
  const groups = new Map<string, Path>();
  for (const upstream of upstreamPaths(service, report)) {
    const name = nameAt(upstream, report);
    const group = name === undefined ? upstream : ["upstreams", name];
    if (keysAt(group, report) !== undefined) groups.set(report.spellPath(group), group);
  }
  for (const group of groups.values()) {
    const mode = [...group, "pool", "mode"];
    if (report.valueAt(mode) !== "reuse") continue;
    report.add(send, `Cannot send a header on connections that were used before (${report.spellPath(mode)})`);
  }
}
