/** Finds values that are right each by itself and impossible together. */

import { type Address, formatAddress, parseListenAddress, parseUpstreamAddress } from "../net/address.ts";
import type { Report } from "./report.ts";

type Path = readonly PropertyKey[];

/** An address of one service that could be read. */
interface Endpoint {
  readonly path: Path;
  readonly address: Address;
}

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);
const ALL_ADDRESSES = new Set(["::", "0.0.0.0"]);

/**
 * Adds what is impossible in a document to a report. It reads the document itself, and only what can be read,
 * so that these problems are found even when others prevent the document from being decoded.
 */
export function findConflicts(report: Report): void {
  const services = report.valueAt(["services"]);
  if (!Array.isArray(services)) return;
  const names = new Map<string, Path>();
  const listeners = new Map<string, Path>();
  for (const index of services.keys()) {
    const path = ["services", index];
    findSameName([...path, "name"], names, report);
    const entries = listenPaths([...path, "listen"], report);
    const endpoints = entries.map((entry) => readAddress(entry, report, parseListenAddress)).filter(
      isDefined,
    );
    for (const endpoint of endpoints) findSameListener(endpoint, listeners, report);
    findLoop(readAddress([...path, "upstream"], report, parseUpstreamAddress), endpoints, report);
    if (endpoints.length === entries.length) findUselessMode(path, endpoints, report);
  }
}

function findSameName(path: Path, names: Map<string, Path>, report: Report): void {
  const name = report.valueAt(path);
  if (typeof name !== "string") return;
  const first = names.get(name);
  if (first === undefined) names.set(name, path);
  else {report.add(
      path,
      `Cannot use the name ${report.show(path)} twice: ${report.spellPath(first)} is the same`,
    );}
}

function findSameListener({ path, address }: Endpoint, listeners: Map<string, Path>, report: Report): void {
  // Port 0 takes another free port each time.
  if (address.transport === "tcp" && address.port === 0) return;
  const key = formatAddress(address).toLowerCase();
  const first = listeners.get(key);
  if (first === undefined) listeners.set(key, path);
  else {report.add(
      path,
      `Cannot listen on ${report.show(path)} twice: ${report.spellPath(first)} is the same`,
    );}
}

/** A service that connects to itself would do so again for that connection, until nothing is left. */
function findLoop(upstream: Endpoint | undefined, endpoints: readonly Endpoint[], report: Report): void {
  if (upstream === undefined) return;
  const listener = endpoints.find(({ address }) => reaches(upstream.address, address));
  if (listener === undefined) return;
  report.add(
    upstream.path,
    `Cannot connect to ${report.show(upstream.path)}: the service itself listens there (${
      report.spellPath(listener.path)
    })`,
  );
}

function reaches(upstream: Address, listener: Address): boolean {
  if (formatAddress(upstream).toLowerCase() === formatAddress(listener).toLowerCase()) return true;
  if (upstream.transport === "unix" || listener.transport === "unix") return false;
  return upstream.port === listener.port && LOOPBACK.has(upstream.hostname.toLowerCase()) &&
    (ALL_ADDRESSES.has(listener.hostname) || listener.hostname.toLowerCase() === "localhost");
}

function findUselessMode(path: Path, endpoints: readonly Endpoint[], report: Report): void {
  const mode = [...path, "unix_mode"];
  if (report.valueAt(mode) === undefined || endpoints.length === 0) return;
  if (endpoints.some(({ address }) => address.transport === "unix")) return;
  report.add(
    mode,
    `Cannot set the mode of a socket file: no address in ${report.spellPath([...path, "listen"])} is one`,
  );
}

/** Where the addresses of a service are: `listen` itself, or each entry when it is a list. */
function listenPaths(path: Path, report: Report): Path[] {
  const value = report.valueAt(path);
  return Array.isArray(value) ? value.map((_, index) => [...path, index]) : [path];
}

function readAddress(path: Path, report: Report, parse: (text: string) => Address): Endpoint | undefined {
  const value = report.valueAt(path);
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  try {
    return { path, address: parse(String(value)) };
  } catch {
    // Not an address: that is reported where the value is decoded.
    return undefined;
  }
}

function isDefined<T>(value: T | undefined): value is T {
  return value !== undefined;
}
