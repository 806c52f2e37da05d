/** Finds access lists and limits that cannot hold. */

import type { Place } from "./place.ts";
import type { Service } from "./service.ts";

/** Adds what is wrong with the access lists and limits of one service. */
export function findAdmissionConflicts(service: Service): void {
  const limits = service.place.at("limits");
  findImpossibleWait(limits.at("when_full"), limits.at("connections"), service.nodeSettings[0]);
  // With a PROXY header, it is the address in the header that counts.
  if (service.socket === undefined || service.place.at("accept_proxy_protocol").isSet) return;
  const where = service.socket.shownWithPath;
  for (const key of ["allow", "deny"]) findUselessList(key, service.place, where);
  for (const key of ["connections_per_client", "connects_per_second_per_client"]) {
    const limit = limits.at(key);
    if (!limit.isSet || limit.isZero) continue;
    limit.add(`Cannot limit each client of ${where}: they have no address`);
  }
}

/** To let clients wait, a listener must stop accepting; a listener of node:net cannot. */
function findImpossibleWait(whenFull: Place, connections: Place, nodeSetting: Place | undefined): void {
  if (!whenFull.is("wait")) return;
  if (!connections.isSet || connections.isZero) {
    whenFull.add(`Clients can only wait at a limit of connections: set ${connections}`);
  }
  if (nodeSetting === undefined) return;
  const cause = `${nodeSetting} needs node:net, whose listener cannot stop accepting`;
  whenFull.add(`Cannot let clients wait here: ${cause}`);
}

/** Clients on a unix socket have no address to compare with a list. */
function findUselessList(key: string, service: Place, where: string): void {
  const own = service.at(key);
  const shared = own.fromTop("defaults", key);
  if (!own.isSet && hasEntries(shared)) {
    const remedy = `they have no address, write "${key}: []" here`;
    own.add(`Cannot check clients of ${where} against ${shared}: ${remedy}`);
  } else if (hasEntries(own)) {
    own.add(`Cannot check clients of ${where} by address: they have none`);
  }
}

function hasEntries({ value }: Place): boolean {
  const isFile = typeof value === "object" && value !== null;
  return typeof value === "string" || (Array.isArray(value) ? value.length > 0 : isFile);
}
