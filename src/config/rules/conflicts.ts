/** Finds settings that are valid alone and contradict each other. */

import { type Address, hostKey, isAbstract, overlaps } from "../../net/address.ts";
import { findAdminConflicts } from "./admin_conflicts.ts";
import { findAdmissionConflicts } from "./admission_conflicts.ts";
import { entriesAt, findAt, type Found, keysAt, listenersAt, type Path } from "./found.ts";
import { findGroupConflicts } from "./group_conflicts.ts";
import { parseListenRange } from "../values/port_range.ts";
import { findProxyProtocolConflicts } from "./proxy_protocol_conflicts.ts";
import type { Report } from "../input/report.ts";
import { findRouteConflicts } from "./route_conflicts.ts";
import type { Steps } from "../input/steps.ts";
import { findTlsConflicts } from "./tls_conflicts.ts";
import { findUpstreamConflicts } from "./upstream_conflicts.ts";
import { findUpstreamLegConflicts } from "./upstream_leg_conflicts.ts";

/**
 * Adds conflicts in a document to a report. It reads the raw document, and only its valid parts, so that it
 * finds these problems even when others prevent the document from being decoded. Each step handles one
 * service.
 */
export function* findConflicts(report: Report): Steps<void> {
  const services = report.valueAt(["services"]);
  const paths: Path[] = Array.isArray(services) ? services.map((_, index) => ["services", index]) : [];
  const names = new Map<string, Path>();
  const listeners: Listeners = new Map();
  for (const path of paths.filter((each) => keysAt(each, report) !== undefined)) {
    findSameName([...path, "name"], names, report);
    const own = listenersAt(path, report);
    for (const listener of own) findSameListener(listener, listeners, report);
    if (own.length === entriesAt([...path, "listen"], report).length) findUselessMode(path, own, report);
    findAdmissionConflicts(path, report);
    findProxyProtocolConflicts(path, report);
    findUpstreamConflicts(path, report);
    findUpstreamLegConflicts(path, report);
    findRouteConflicts(path, report);
    findTlsConflicts(path, report);
    yield;
  }
  yield* findGroupConflicts(paths, report);
  const admin = findAt(["admin", "listen"], report, parseListenRange);
  if (admin !== undefined) findSameListener(admin, listeners, report);
  findAdminConflicts(report);
}

function findSameName(path: Path, names: Map<string, Path>, report: Report): void {
  const name = report.valueAt(path);
  if (typeof name !== "string") return;
  const first = names.get(name);
  if (first === undefined) names.set(name, path);
  else {
    const other = report.spellPath(first);
    report.add(path, `Cannot use the name ${report.show(path)} twice: ${other} is the same`);
  }
}

/** Listeners so far, by port or path. */
type Listeners = Map<string | number, { readonly address: Address; readonly listener: Found<Address[]> }[]>;

function findSameListener(listener: Found<Address[]>, listeners: Listeners, report: Report): void {
  let first: Found<Address[]> | undefined;
  let isSame = false;
  const own = listener.value.map((address) => ({ address, listener }));
  for (const each of own) {
    const { address } = each;
    const others = listeners.getOrInsertComputed(
      address.transport === "tcp" ? address.port : address.path,
      () => [],
    );
    const other = others.find((other) => other.listener !== listener && overlaps(other.address, address));
    if (first === undefined && other !== undefined) {
      first = other.listener;
      isSame = first.value.length === 1 && own.length === 1 && isOne(other.address, address);
    }
    others.push(each);
  }
  if (first === undefined) return;
  const { path } = listener;
  const how = isSame ? "is the same" : "overlaps it";
  report.add(path, `Cannot listen on ${report.show(path)} twice: ${report.spellPath(first.path)} ${how}`);
}

/** Whether overlapping addresses are equal, rather than a wildcard and a specific address. */
function isOne(one: Address, other: Address): boolean {
  return one.transport === "unix" || other.transport === "unix" ||
    hostKey(one.hostname) === hostKey(other.hostname);
}

function findUselessMode(path: Path, listeners: readonly Found<Address[]>[], report: Report): void {
  const mode = [...path, "unix_mode"];
  if (report.valueAt(mode) === undefined || listeners.length === 0) return;
  if (listeners.some(({ value: [first] }) => first?.transport === "unix" && !isAbstract(first))) return;
  report.add(
    mode,
    `Cannot set the mode of a socket file: no address in ${report.spellPath([...path, "listen"])} is one`,
  );
}
