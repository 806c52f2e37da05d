/** Finds upstreams that do not exist, that lead back to their own service, or that its settings do not fit. */

import { type Address, addressKey, type ListenAddress, parseUpstreamAddress } from "../../net/address.ts";
import { closestOf } from "../input/closest.ts";
import { type Steps, stepThrough } from "../input/steps.ts";
import { isIpAddress } from "../values/address_text.ts";
import type { Found, Place } from "./place.ts";
import type { Service, Upstream } from "./service.ts";
import { findHalfCertificate } from "./tls_conflicts.ts";

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);
const ALL_ADDRESSES = new Set(["::", "0.0.0.0"]);

/** Adds what is wrong with the upstreams of one service, and with its settings for connections to them. */
export function* findUpstreamConflicts({ place, upstreams, mirrored, listeners }: Service): Steps<void> {
  const own = place.at("upstream");
  if (!own.isSet && !place.at("routes").isSet) {
    own.addMissing('expected an address such as "db.internal:5432"');
  }
  const all = [...upstreams, ...mirrored];
  const groups = place.fromTop("upstreams");
  yield* stepThrough(all, (upstream) => {
    if (upstream.name !== undefined) findUnknownName(upstream.name, upstream.place, groups);
    for (const endpoint of upstream.endpoints) findLoop(endpoint, upstream, listeners);
  });
  const tls = place.at("upstream_tls");
  if (tls.keys !== undefined) findUpstreamTlsConflicts(tls, upstreams);
  findUselessSource(place.at("source_address"), all.flatMap(({ endpoints }) => endpoints));
}

function findUnknownName(name: string, place: Place, groups: Place): void {
  // Thousands of routes may each have one of thousands of groups.
  if (groups.has(name)) return;
  const names = groups.isSet ? groups.keys : [];
  // If the groups cannot be read, their names are unknown.
  if (names === undefined || names.includes(name)) return;
  if (place.isSecret) {
    place.add(`Expected an address or the name of a group, got ${place.shown}`);
  } else if (names.length === 0) {
    place.add(whyNoAddress(name));
  } else {
    const closest = closestOf(name, names);
    const hint = closest === undefined
      ? `expected one of ${names.join(", ")}, or an address, which has a port, "${name}:5432"`
      : `did you mean "${closest}"?`;
    place.add(`Unknown group "${name}": ${hint}`);
  }
}

/** The error of `parseUpstreamAddress` for a text. */
export function whyNoAddress(text: string): string {
  try {
    parseUpstreamAddress(text);
    return "";
  } catch (error) {
    return (error as SyntaxError).message;
  }
}

/** A service that connects to itself would do so until it has no descriptors left. */
function findLoop(endpoint: Found<Address>, upstream: Upstream, listeners: Service["listeners"]): void {
  const listener = listeners.find(({ value }) => value.some((own) => reaches(endpoint.value, own)));
  if (listener === undefined) return;
  // Another service may use the same group correctly.
  const where = upstream.name === undefined ? endpoint.place : upstream.place;
  const via = where === endpoint.place ? "" : ` (${endpoint.place})`;
  const self = `the service itself listens there (${listener.place})`;
  where.add(`Cannot connect to ${endpoint.place.shown}${via}: ${self}`);
}

/** Whether a connection to `upstream` arrives at `listener`. */
function reaches(upstream: Address, listener: ListenAddress): boolean {
  if (upstream.transport === "unix" || listener.transport !== "tcp") {
    return addressKey(upstream) === addressKey(listener);
  }
  const { port, lastPort = port } = upstream;
  if (listener.port < port || listener.port > lastPort) return false;
  const [to, at] = [upstream.hostname.toLowerCase(), listener.hostname.toLowerCase()];
  if (to === at) return true;
  if (!LOOPBACK.has(to)) return false;
  return ALL_ADDRESSES.has(at) || LOOPBACK.has(at) && (to === "localhost" || at === "localhost");
}

function findUpstreamTlsConflicts(tls: Place, upstreams: readonly Upstream[]): void {
  findHalfCertificate(tls);
  const [verify, ca, serverName] = [tls.at("verify"), tls.at("ca"), tls.at("server_name")];
  if (verify.is(false)) {
    if (ca.isSet) ca.add(`Cannot check certificates against it: ${verify} is false`);
    return;
  }
  const nameless = upstreams.map(namelessPart).find((part) => part !== undefined);
  if (nameless === undefined || serverName.isSet) return;
  serverName.addMissing(`expected the name that certificates must be for, which ${nameless} does not give`);
}

/** The part of an upstream that has no host name to verify. Names found by DNS prove nothing. */
function namelessPart({ group, endpoints }: Upstream): string | undefined {
  const discovery = group.at("discovery");
  if (discovery.isSet) return String(discovery);
  return endpoints.find(({ value }) => value.transport === "unix")?.place.shownWithPath;
}

function findUselessSource(place: Place, endpoints: readonly Found<Address>[]): void {
  const source = place.value;
  if (typeof source !== "string" || !isIpAddress(source)) return;
  if (endpoints.length > 0 && endpoints.every(({ value }) => value.transport === "unix")) {
    place.add("Cannot connect to unix sockets from an IP address: all upstreams are unix sockets");
  }
  const other = endpoints.find(({ value }) => {
    return value.transport === "tcp" && isIpAddress(value.hostname) &&
      isIpv6(value.hostname) !== isIpv6(source);
  });
  if (other === undefined) return;
  const family = isIpv6(source) ? "IPv6" : "IPv4";
  place.add(`Cannot connect to ${other.place.shownWithPath} from an ${family} address`);
}

function isIpv6(address: string): boolean {
  return address.includes(":");
}
