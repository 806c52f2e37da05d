/** Reads single values of a document, and only those that can be read. */

import type { Address } from "../../net/address.ts";
import { parseListenRange } from "../values/port_range.ts";
import type { Report } from "../input/report.ts";

export type Path = readonly PropertyKey[];

/** A value that could be read, and where it is. */
export interface Found<Value> {
  readonly path: Path;
  readonly value: Value;
}

/**
 * Parses the text or number at a path. Gives undefined when there is none or `parse` throws: what is wrong with
 * a value is reported where it is decoded.
 */
export function findAt<Value>(
  path: Path,
  report: Report,
  parse: (text: string) => Value,
): Found<Value> | undefined {
  const raw = report.valueAt(path);
  if (typeof raw !== "string" && typeof raw !== "number") return undefined;
  try {
    return { path, value: parse(String(raw)) };
  } catch {
    return undefined;
  }
}

/** The paths of a value that may also be a list: the path itself, or one for each entry. */
export function entriesAt(path: Path, report: Report): Path[] {
  const value = report.valueAt(path);
  return Array.isArray(value) ? value.map((_, index) => [...path, index]) : [path];
}

/** Parses one value or a list. Undefined when there is none, or when some of it cannot be read. */
export function findAllAt<Value>(
  path: Path,
  report: Report,
  parse: (text: string) => Value,
): Found<Value>[] | undefined {
  const found = entriesAt(path, report).map((entry) => findAt(entry, report, parse));
  return found.every((each) => each !== undefined) ? found : undefined;
}

/** The keys of the mapping at a path, or undefined when there is none. */
export function keysAt(path: Path, report: Report): string[] | undefined {
  const value = report.valueAt(path);
  const isMapping = typeof value === "object" && value !== null && !Array.isArray(value);
  return isMapping ? Object.keys(value) : undefined;
}

/** Any other `keepalive` is a duration. */
const FLAGS = new Set(["true", "false"]);

/** Where a setting of a service is: in the service, or in the defaults; undefined when it is in neither. */
export function settingAt(service: Path, key: string, report: Report): Path | undefined {
  return [[...service, key], ["defaults", key]].find((path) => report.valueAt(path) !== undefined);
}

/** Settings, of the service or its defaults, that need node:net for client connections. */
export function nodeSettingsAt(service: Path, report: Report): Path[] {
  const reset = settingAt(service, "reset", report);
  const keepalive = settingAt(service, "keepalive", report);
  return [
    reset !== undefined && report.valueAt(reset) === "pass" ? reset : undefined,
    keepalive !== undefined && !FLAGS.has(String(report.valueAt(keepalive))) ? keepalive : undefined,
  ].filter((path) => path !== undefined);
}

/** Where a service listens; a range of ports is an address for each. */
export function listenersAt(service: Path, report: Report): Found<Address[]>[] {
  return entriesAt([...service, "listen"], report)
    .map((path) => findAt(path, report, parseListenRange))
    .filter((found) => found !== undefined);
}
