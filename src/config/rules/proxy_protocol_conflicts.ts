/** Finds PROXY protocol settings that accept no peer, or that cannot send a header. */

import { UNIX_PEERS } from "../values/address_text.ts";
import { isSocket, type Service } from "./service.ts";

/** Adds what is wrong with the PROXY protocol of one service, received or sent. */
export function findProxyProtocolConflicts(service: Service): void {
  findUntrustedSockets(service);
  findHeadersOnUsedConnections(service);
}

function findUntrustedSockets({ place, listeners, socket, knowsListeners }: Service): void {
  const from = place.at("accept_proxy_protocol", "from");
  // No file has "unix".
  const trusted = from.entries.filter(({ keys }) => keys === undefined).map((entry) => entry.find(String));
  if (!trusted.every((each) => each !== undefined) || from.entries.length === 0) return;
  const unix = trusted.find(({ value }) => value === UNIX_PEERS);
  if (unix === undefined) {
    for (const { place } of listeners.filter(isSocket)) {
      from.add(`Cannot accept peers on ${place.shownWithPath}: they have no address, add "${UNIX_PEERS}"`);
    }
  } else if (socket === undefined && knowsListeners) {
    unix.place.add(`Cannot trust "${UNIX_PEERS}": no address in ${place.at("listen")} is a unix socket`);
  }
}

/** A header names one client, but a connection of a `reuse` pool serves several, one after another. */
function findHeadersOnUsedConnections({ place, upstreams }: Service): void {
  const send = place.at("send_proxy_protocol");
  if (!send.isSet) return;
  const modes = upstreams.map(({ group }) => group.at("pool", "mode")).filter((mode) => mode.is("reuse"));
  for (const mode of new Set(modes.map(String))) {
    send.add(`Cannot send a header on connections that were used before (${mode})`);
  }
}
