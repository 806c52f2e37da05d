/** Finds routes that no client can take, and `peek` settings that no route needs. */

import { CidrSet } from "../../wire/ip/cidr.ts";
import { entriesAt, findAllAt, findAt, keysAt, listenersAt, type Path } from "./found.ts";
import { formatPortRange, mergePortRanges, parsePortRange } from "../values/port_range.ts";
import { anyOf } from "../input/closest.ts";
import type { Report } from "../input/report.ts";
import { HELLO_CONDITIONS } from "../schema/route_schema.ts";

/** Adds what is wrong with the routes of one service. */
export function findRouteConflicts(service: Path, report: Report): void {
  const routes = report.valueAt([...service, "routes"]);
  findUselessPeek(service, routes, report);
  if (!Array.isArray(routes)) return;
  const ports = listenPorts(service, report);
  // Clients on a unix socket have neither address nor port, and a PROXY header may announce one.
  const someLackAddress = report.valueAt([...service, "accept_proxy_protocol"]) !== undefined ||
    listenersAt(service, report).some(({ value }) => value[0]?.transport === "unix");
  let catchAll: Path | undefined;
  const findUnreachable = (path: Path) => {
    if (catchAll === undefined) return;
    report.add(path, `Cannot be reached: ${report.spellPath(catchAll)} takes every connection`);
  };
  for (const index of routes.keys()) {
    const path = [...service, "routes", index];
    findUnreachable(path);
    if (ports !== undefined) findOtherPorts([...path, "listen_port"], ports, report);
    if (catchAll === undefined && takesAll(path, someLackAddress, report)) catchAll = path;
  }
  const otherwise = [...service, "upstream"];
  if (report.valueAt(otherwise) !== undefined) findUnreachable(otherwise);
}

function findUselessPeek(service: Path, routes: unknown, report: Report): void {
  const peek = [...service, "peek"];
  // A route that cannot be read may have one of them.
  if (report.valueAt(peek) === undefined || routes !== undefined && !Array.isArray(routes)) return;
  const paths = (routes ?? []).map((_, index) => [...service, "routes", index]);
  const asks = (path: Path) =>
    keysAt(path, report)?.some((key) => HELLO_CONDITIONS.some((each) => each === key)) ?? true;
  if (!paths.some(asks)) {
    report.add(peek, `Cannot look for a ClientHello: no route asks for ${anyOf(HELLO_CONDITIONS)}`);
  } else if (report.valueAt([...service, "tls"]) !== undefined) {
    const timeout = report.spellPath([...service, "tls", "handshake_timeout"]);
    report.add(peek, `Cannot peek at what tls reads: set ${timeout} instead`);
  }
}

/** Whether every client meets the conditions of a route. */
function takesAll(route: Path, someLackAddress: boolean, report: Report): boolean {
  const keys = keysAt(route, report);
  if (keys === undefined) return false;
  const conditions = keys.filter((key) => key !== "upstream");
  if (conditions.length > 0 && someLackAddress) return false;
  return conditions.every((key) => isAnything(key, [...route, key], report));
}

/** Whether every client meets a condition. An unknown key may be one with a typing error. */
function isAnything(condition: string, path: Path, report: Report): boolean {
  if (condition === "source_port") {
    const ranges = findAllAt(path, report, parsePortRange)?.map(({ value }) => value);
    const [only] = mergePortRanges(ranges ?? []);
    return only?.first === 1 && only.last === 65535;
  }
  if (condition !== "source_ip") return false;
  const blocks = findAllAt(path, report, (text) => new CidrSet([text]) && text)?.map(({ value }) => value);
  return new CidrSet(blocks ?? []).coversEverything;
}

/** The ports of a service, or undefined when they cannot be known. */
function listenPorts(service: Path, report: Report): number[] | undefined {
  const listeners = listenersAt(service, report);
  if (listeners.length < entriesAt([...service, "listen"], report).length) return undefined;
  const addresses = listeners.flatMap(({ value }) => value);
  const ports = addresses.map((address) => address.transport === "tcp" ? address.port : 0);
  return ports.includes(0) ? undefined : ports;
}

function findOtherPorts(path: Path, ports: readonly number[], report: Report): void {
  for (const entry of entriesAt(path, report)) {
    const range = findAt(entry, report, parsePortRange)?.value;
    if (range === undefined) continue;
    if (ports.some((port) => port >= range.first && port <= range.last)) continue;
    report.add(entry, `Cannot match ${report.show(entry)}: ${describePorts(path, ports, report)}`);
  }
}

function describePorts(path: Path, ports: readonly number[], report: Report): string {
  const listen = [...path.slice(0, 2), "listen"];
  if (entriesAt(listen, report).some((entry) => report.isSecret(entry))) {
    return `no address in ${report.spellPath(listen)} has it`;
  }
  const ranges = mergePortRanges(ports.map((port) => ({ first: port, last: port })));
  return `the service listens on ${ranges.map(formatPortRange).join(", ")}`;
}
