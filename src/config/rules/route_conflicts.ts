/** Finds routes that no client can take, and `peek` settings that no route needs. */

import { CidrSet } from "../../wire/ip/cidr.ts";
import { anyOf } from "../input/closest.ts";
import { type Steps, stepThrough } from "../input/steps.ts";
import { BYTE_CONDITIONS, HELLO_CONDITIONS, OUTCOMES } from "../schema/route_schema.ts";
import { parsePayload } from "../values/payload.ts";
import { parseSize } from "../values/size.ts";
import { formatPortRange, mergePortRanges, parsePortRange } from "../values/port_range.ts";
import type { Place } from "./place.ts";
import type { Service } from "./service.ts";

/** Adds what is wrong with the routes of one service. */
export function* findRouteConflicts(service: Service): Steps<void> {
  findUselessPeek(service);
  findLongBeginnings(service);
  const { place, routes, socket } = service;
  const ports = portsOf(service);
  if (ports !== undefined) {
    yield* stepThrough(routes, (route) => findOtherPorts(route.at("listen_port"), ports, place.at("listen")));
  }
  // Clients on a unix socket have neither address nor port, and a PROXY header may announce one.
  const someLackAddress = socket !== undefined || place.at("accept_proxy_protocol").isSet;
  let catchAll: Place | undefined;
  yield* stepThrough([...routes, place.at("upstream")], (target, index) => {
    if (catchAll !== undefined && target.isSet) {
      target.add(`Cannot be reached: ${catchAll} takes every connection`);
    } else if (index < routes.length && takesAll(target, someLackAddress)) catchAll ??= target;
  });
}

function findUselessPeek(service: Service): void {
  const { place, routes, routesBeforeTls } = service;
  const peek = place.at("peek");
  const list = place.at("routes");
  // A route that cannot be read may have one of them.
  if (!peek.isSet || list.isSet && !Array.isArray(list.value)) return;
  const asks = (conditions: readonly string[]) =>
    routes.some(({ keys }) => keys?.some((key) => conditions.includes(key)) ?? true);
  if (asks(BYTE_CONDITIONS)) return;
  if (!asks(HELLO_CONDITIONS) && service.serverNames.length === 0) {
    const conditions = anyOf([...BYTE_CONDITIONS, ...HELLO_CONDITIONS]);
    peek.add(`Cannot look at what clients send first: no route asks for ${conditions}`);
  } else if (place.at("tls").isSet && !routesBeforeTls) {
    peek.add(`Cannot peek at what tls reads: set ${place.at("tls", "handshake_timeout")} instead`);
  }
}

/** No more than `peek.max_bytes` is looked at. */
function findLongBeginnings({ place, routes }: Service): void {
  const maxBytes = place.at("peek", "max_bytes");
  const most = maxBytes.find(parseSize)?.value;
  if (most === undefined) return;
  for (const entry of routes.flatMap((route) => route.at("starts_with").entries)) {
    const length = entry.find(parsePayload)?.value.length ?? 0;
    if (length > most) entry.add(`Cannot match: it has ${length} bytes, and ${maxBytes} is ${most}`);
  }
}

/** Whether every client meets the conditions of a route. */
function takesAll(route: Place, someLackAddress: boolean): boolean {
  const conditions = route.keys?.filter((key) => !OUTCOMES.includes(key));
  if (conditions === undefined || conditions.length > 0 && someLackAddress) return false;
  return conditions.every((key) => isAnything(key, route.at(key)));
}

/** Whether every client meets a condition. An unknown key may be one with a typing error. */
function isAnything(condition: string, place: Place): boolean {
  if (condition === "source_port") {
    const ranges = place.findAll(parsePortRange)?.map(({ value }) => value);
    const [only] = mergePortRanges(ranges ?? []);
    return only?.first === 1 && only.last === 65535;
  }
  if (condition !== "source_ip") return false;
  const blocks = place.findAll((text) => new CidrSet([text]) && text)?.map(({ value }) => value);
  return new CidrSet(blocks ?? []).coversEverything;
}

/** The ports of a service, or undefined when they cannot be known. */
function portsOf({ listeners, knowsListeners }: Service): number[] | undefined {
  const addresses = listeners.flatMap(({ value }) => value);
  const ports = addresses.map((address) => address.transport === "tcp" ? address.port : 0);
  return knowsListeners && !ports.includes(0) ? ports : undefined;
}

function findOtherPorts(condition: Place, ports: readonly number[], listen: Place): void {
  for (const entry of condition.entries) {
    const range = entry.find(parsePortRange)?.value;
    if (range === undefined || ports.some((port) => port >= range.first && port <= range.last)) continue;
    entry.add(`Cannot match ${entry.shown}: ${describePorts(ports, listen)}`);
  }
}

function describePorts(ports: readonly number[], listen: Place): string {
  if (listen.entries.some(({ isSecret }) => isSecret)) return `no address in ${listen} has it`;
  const ranges = mergePortRanges(ports.map((port) => ({ first: port, last: port })));
  return `the service listens on ${ranges.map(formatPortRange).join(", ")}`;
}
