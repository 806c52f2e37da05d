/** Finds upstreams that are ranges of ports, and that the ports of their service do not fit. */

import type { Place } from "./place.ts";
import type { Service, Upstream } from "./service.ts";

/** The n-th port of the service leads to the n-th port of the upstream. */
export function findPortRangeConflicts(service: Service): void {
  for (const upstream of service.upstreams) {
    const count = portsOf(upstream);
    if (count !== undefined) findOtherLength(upstream.place, count, service);
  }
  for (const { place } of service.mirrored.filter((upstream) => portsOf(upstream) !== undefined)) {
    place.add(`Cannot copy to ${place.shown}: expected one port, got a range of them`);
  }
}

/** How many ports an upstream has if it is a range of them. */
function portsOf({ endpoints: [first] }: Upstream): number | undefined {
  if (first?.value.transport !== "tcp") return undefined;
  const { port, lastPort } = first.value;
  return lastPort === undefined ? undefined : lastPort - port + 1;
}

function findOtherLength(
  upstream: Place,
  count: number,
  { place, listeners, knowsListeners }: Service,
): void {
  const listen = place.at("listen");
  if (!knowsListeners || !listen.isSet) return;
  const addresses = listeners.flatMap(({ value }) => value);
  const ports = new Set(addresses.map((address) => address.transport === "tcp" ? address.port : 0));
  const why = ports.has(0)
    ? `${listen} must be as many ports, without port 0 and unix sockets`
    : Math.max(...ports) - Math.min(...ports) + 1 !== ports.size
    ? `${listen} must be as many ports in one range`
    : ports.size !== count
    ? `it has ${count} ports, and ${listen} has ${ports.size}`
    : undefined;
  if (why !== undefined) upstream.add(`Cannot give each port one of ${upstream.shown}: ${why}`);
}
