/** Finds what is impossible inside one upstream group. */

import { type Address, addressKey } from "../../net/address.ts";
import { mapInSteps, type Steps } from "../input/steps.ts";
import { isGroupName, isIpAddress } from "../values/address_text.ts";
import { findDiscoveryConflicts } from "./discovery_conflicts.ts";
import { findHealthCheckConflicts } from "./health_check_conflicts.ts";
import type { Place } from "./place.ts";
import { findSharingConflicts } from "./sharing_conflicts.ts";
import { endpointsAt, type Service } from "./service.ts";
import { whyNoAddress } from "./upstream_conflicts.ts";
import { findWaitingConflicts } from "./waiting_conflicts.ts";

/** Reports conflicts in each group: named groups and those in services and routes, one per step. */
export function* findGroupConflicts(upstreams: Place, services: readonly Service[]): Steps<void> {
  // A mirror uses its group like a service that has neither TLS with upstreams nor PROXY headers.
  const uses = services.flatMap(({ place, upstreams, mirror, mirrored }) => [
    ...upstreams.map((use) => ({ ...use, service: place })),
    ...mirrored.map((use) => ({ ...use, service: mirror })),
  ]);
  const users = Map.groupBy(uses, ({ name }) => name);
  const named = yield* mapInSteps(upstreams.keys ?? [], (name) => {
    if (!isGroupName(name)) reportName(name, upstreams);
    const services = users.get(name)?.map(({ service }) => service);
    return { group: upstreams.at(name), users: [...new Set(services)] };
  });
  const inPlace = uses.filter(({ name }) => name === undefined);
  for (const { group, users } of [...named, ...inPlace.map((use) => ({ ...use, users: [use.service] }))]) {
    if (Array.isArray(group.value)) findEndpointConflicts(group);
    if (group.keys !== undefined) findConflictsIn(group, users);
    yield;
  }
}

function findConflictsIn(group: Place, users: readonly Place[]): void {
  findEndpointConflicts(group.at("endpoints"));
  findDiscoveryConflicts(group);
  findWrongAddresses(group);
  findUselessKeys(group);
  findHealthCheckConflicts(group, users);
  findWaitingConflicts(group);
}

function reportName(name: string, { report, path }: Place): void {
  report.addKey(
    [...path, name],
    `Cannot use the name "${name}" for a group: expected a letter, then letters, digits, "_", "." or "-", ` +
      "at most 64 in all",
  );
}

function findEndpointConflicts(list: Place): void {
  const first = new Map<string, Place>();
  for (const { place, value } of endpointsAt(list)) {
    const same = first.getOrInsert(addressKey(value), place);
    if (same !== place) place.add(`Cannot use the endpoint ${place.shown} twice: ${same} is the same`);
  }
  for (const item of list.items) {
    const tier = item.at("tier");
    if (tier.isSet && item.at("backup").is(true)) {
      tier.add(`Cannot use "${list.report.spell("tier")}" with backup: true, which is tier 1`);
    }
  }
  const { items } = list;
  if (items.length === 0 || !items.every((item) => item.at("backup").is(true))) return;
  list.add("Expected at least one endpoint without backup: true");
}

/** Whether an endpoint is a name, and has a port, is up to `discovery`. */
function findWrongAddresses(group: Place): void {
  const discovery = group.at("discovery");
  const kind = discovery.at("dns").value;
  for (const { place, value } of endpointsAt(group.at("endpoints"))) {
    if (kind === "srv" && !isServiceName(value)) {
      const expected = 'SRV records bring the port, expected a name such as "_pg._tcp.db.internal"';
      place.add(`Cannot look up ${place.shown}: ${expected}`);
    } else if (kind === "a" && !isHostAndPort(value)) {
      place.add(`Cannot look up ${place.shown}: expected a name with a port such as "db.internal:5432"`);
    } else if (!discovery.isSet && isServiceName(value)) {
      const expected = `Expected an address such as "db.internal:5432", got ${place.shown}`;
      place.add(place.isSecret ? expected : whyNoAddress(String(place.value)));
    }
  }
}

function isServiceName(address: Address): boolean {
  return address.transport === "tcp" && address.port === 0;
}

function isHostAndPort(address: Address): boolean {
  return address.transport === "tcp" && address.port !== 0 && !isIpAddress(address.hostname);
}

function findUselessKeys(group: Place): void {
  const { report } = group;
  const pool = group.at("pool");
  const isWarm = (pool.at("mode").value ?? "warm") === "warm";
  for (const key of isWarm ? ["quiet", "max_uses"] : []) {
    if (!pool.at(key).isSet) continue;
    pool.at(key).add(`Cannot use "${report.spell(key)}" with mode warm: only reuse takes connections back`);
  }
  findSharingConflicts(group);
  const onDown = group.at("on_down");
  if (!onDown.is("close") || group.at("health_check").isSet || group.at("passive").isSet) return;
  const check = report.spell("health_check");
  onDown.add(`Cannot close anything: without ${check} and passive no endpoint goes down`);
}
