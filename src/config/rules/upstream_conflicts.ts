/** Finds upstreams that do not exist, or that lead back to their own service. */

import { type Address, addressKey, parseUpstreamAddress } from "../../net/address.ts";
import { GROUP_NAME_PATTERN, parseEndpointAddress } from "../values/address_text.ts";
import { closestOf } from "../input/closest.ts";
import { findAt, type Found, keysAt, listenersAt, type Path } from "./found.ts";
import type { Report } from "../input/report.ts";

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);
const ALL_ADDRESSES = new Set(["::", "0.0.0.0"]);

/** Where the upstreams of a service are: its own, and those of its routes. */
export function upstreamPaths(service: Path, report: Report): Path[] {
  const routes = report.valueAt([...service, "routes"]);
  const ofRoutes = Array.isArray(routes) ? routes.map((_, index) => [...service, "routes", index]) : [];
  return [service, ...ofRoutes].map((path) => [...path, "upstream"]);
}

/** The addresses of endpoints that could be read, given where the list of them is. */
export function endpointsAt(path: Path, report: Report): Found<Address>[] {
  const entries = report.valueAt(path);
  if (!Array.isArray(entries)) return [];
  return entries.map((_, index): Path => [...path, index])
    .map((entry) => keysAt(entry, report) === undefined ? entry : [...entry, "address"])
    .map((address) => findAt(address, report, parseEndpointAddress))
    .filter((found) => found !== undefined);
}

/** Adds what is wrong with the upstreams of one service. */
export function findUpstreamConflicts(service: Path, report: Report): void {
  const has = (key: string) => report.valueAt([...service, key]) !== undefined;
  if (!has("upstream") && !has("routes")) {
    report.addMissing([...service, "upstream"], 'expected an address such as "db.internal:5432"');
  }
  const listeners = listenersAt(service, report);
  for (const path of upstreamPaths(service, report)) {
    const name = nameAt(path, report);
    if (name !== undefined) findUnknownName(name, path, report);
    for (const { endpoint, path: where } of leadsTo(path, name, report)) {
      const listener = listeners.find(({ value }) => value.some((own) => reaches(endpoint.value, own)));
      if (listener === undefined) continue;
      const via = where === endpoint.path ? "" : ` (${report.spellPath(endpoint.path)})`;
      const self = `the service itself listens there (${report.spellPath(listener.path)})`;
      report.add(where, `Cannot connect to ${report.show(endpoint.path)}${via}: ${self}`);
    }
  }
}

/** The name of a group at a path; undefined for an address. */
export function nameAt(path: Path, report: Report): string | undefined {
  const value = report.valueAt(path);
  return typeof value === "string" && new RegExp(GROUP_NAME_PATTERN).test(value) ? value : undefined;
}

/** The endpoints of an upstream. Problems of a named group are reported at the upstream: other services may use it correctly. */
export function leadsTo(path: Path, name: string | undefined, report: Report) {
  if (name !== undefined) {
    const endpoints = endpointsAt(["upstreams", name, "endpoints"], report);
    return endpoints.map((endpoint) => ({ endpoint, path }));
  }
  const lone = findAt(path, report, parseUpstreamAddress);
  const inPlace = Array.isArray(report.valueAt(path)) ? path : [...path, "endpoints"];
  const endpoints = lone === undefined ? endpointsAt(inPlace, report) : [lone];
  return endpoints.map((endpoint) => ({ endpoint, path: endpoint.path }));
}

function findUnknownName(name: string, path: Path, report: Report): void {
  const isAbsent = report.valueAt(["upstreams"]) === undefined;
  const names = isAbsent ? [] : keysAt(["upstreams"], report);
  // If the groups cannot be read, their names are unknown.
  if (names === undefined || names.includes(name)) return;
  if (report.isSecret(path)) {
    report.add(path, `Expected an address or the name of a group, got ${report.show(path)}`);
  } else if (names.length === 0) {
    report.add(path, whyNoAddress(name));
  } else {
    const closest = closestOf(name, names);
    const hint = closest === undefined
      ? `expected one of ${names.join(", ")}, or an address, which has a port, "${name}:5432"`
      : `did you mean "${closest}"?`;
    report.add(path, `Unknown group "${name}": ${hint}`);
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

/** Whether a connection to `upstream` arrives at `listener`: it would connect to itself until descriptors run out. */
function reaches(upstream: Address, listener: Address): boolean {
  if (addressKey(upstream) === addressKey(listener)) return true;
  if (upstream.transport === "unix" || listener.transport === "unix") return false;
  if (upstream.port !== listener.port) return false;
  const [to, at] = [upstream.hostname.toLowerCase(), listener.hostname.toLowerCase()];
  if (!LOOPBACK.has(to)) return false;
  return ALL_ADDRESSES.has(at) || LOOPBACK.has(at) && (to === "localhost" || at === "localhost");
}
