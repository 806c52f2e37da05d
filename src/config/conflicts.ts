/** Finds values that are right each by itself and impossible together. */

import { type Address, addressKey, isAbstract } from "../net/address.ts";
import { findAdminConflicts } from "./admin_conflicts.ts";
import { findAdmissionConflicts } from "./admission_conflicts.ts";
import { entriesAt, findAt, type Found, keysAt, listenersAt, type Path } from "./found.ts";
import { findGroupConflicts } from "./group_conflicts.ts";
import { parseListenRange } from "./port_range.ts";
import { findProxyProtocolConflicts } from "./proxy_protocol_conflicts.ts";
import type { Report } from "./report.ts";
import { findRouteConflicts } from "./route_conflicts.ts";
import type { Steps } from "./steps.ts";
import { findTlsConflicts } from "./tls_conflicts.ts";
import { findUpstreamConflicts } from "./upstream_conflicts.ts";
import { findUpstreamLegConflicts } from "./upstream_leg_conflicts.ts";

/**
 * Adds what is impossible in a document to a report. It reads the document itself, and only what can be read,
 * so that these problems are found even when others prevent the document from being decoded. Each step takes one service.
 */
export function* findConflicts(report: Report): Steps<void> {
  const services = report.valueAt(["services"]);
  const paths: Path[] = Array.isArray(services) ? services.map((_, index) => ["services", index]) : [];
  const names = new Map<string, Path>();
  const listeners = new Map<string, Found<Address[]>>();
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

function findSameListener(
  listener: Found<Address[]>,
  listeners: Map<string, Found<Address[]>>,
  report: Report,
): void {
  // Port 0 takes another free port each time.
  const keys = listener.value.filter((address) => address.transport === "unix" || address.port !== 0)
    .map(addressKey);
  const first = keys.map((key) => listeners.get(key)).find((other) => other !== undefined);
  for (const key of keys) if (!listeners.has(key)) listeners.set(key, listener);
  if (first === undefined) return;
  const { path } = listener;
  const how = first.value.length === 1 && keys.length === 1 ? "is the same" : "overlaps it";
  report.add(path, `Cannot listen on ${report.show(path)} twice: ${report.spellPath(first.path)} ${how}`);
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
