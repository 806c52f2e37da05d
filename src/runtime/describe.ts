/** What a configuration would do, in words. */

import type { Config, GroupConfig, PortRange, RouteConfig, ServiceConfig } from "../config/config.ts";
import { formatPortRange } from "../config/port_range.ts";
import { type Address, formatAddress } from "../net/address.ts";
import { adapterFor } from "../net/conn.ts";
import { describeGroup, isLone } from "./describe_group.ts";

/** The most columns a line has, unless a single piece of it is longer. */
const WIDTH = 100;
/** How far to the right the arrows of a service's routes are aligned. */
const MAX_CONDITIONS = 56;
/** How many ports or blocks of a condition are shown. */
const MAX_SHOWN = 4;

/**
 * Services, each with its addresses, routes and upstreams and the socket API of each leg; then groups that are more
 * than an address.
 */
export function describeConfig(config: Config): string[] {
  const used = new Set(config.services.flatMap(({ routes, upstream }) => [
    ...routes.map((route) => route.upstream),
    ...upstream === undefined ? [] : [upstream],
  ]));
  const groups = config.upstreams.filter((group) => !isLone(group));
  return [
    ...config.services.flatMap(describeService),
    ...groups.flatMap((group) => describeGroup(group, used.has(group))),
  ];
}

function describeService(service: ServiceConfig): string[] {
  const legs = listenRanges(service.listen).map(({ text, transport }) =>
    `${text} (${adapterOf(service, transport)})`
  );
  const listen = wrap(`${service.name}:`, legs);
  const targets = describeTargets(service);
  if (service.routes.length > 0) return [...listen, ...alignTargets(targets)];
  const arrow = `-> ${targets[0]?.target}`;
  const line = `${listen.at(-1)} ${arrow}`;
  return line.length <= WIDTH ? [...listen.slice(0, -1), line] : [...listen, `  ${arrow}`];
}

interface Target {
  /** None is met by everyone who is left. */
  readonly conditions: readonly string[];
  readonly target: string;
}

/** Where clients go, in the order in which that is decided. */
function describeTargets(service: ServiceConfig): Target[] {
  const targets = service.routes.map((route) => ({
    conditions: describeConditions(route),
    target: describeTarget(service, route.upstream),
  }));
  // Behind a route without conditions nobody is left.
  if (targets.at(-1)?.conditions.length === 0) return targets;
  const { upstream } = service;
  const target = upstream === undefined ? "refused" : describeTarget(service, upstream);
  return [...targets, { conditions: [], target }];
}

function describeConditions({ sourcePorts, sourceAddresses, listenPorts }: RouteConfig): string[] {
  return [
    listed("source_port", sourcePorts?.map(formatPortRange)),
    listed("source_ip", sourceAddresses),
    listed("listen_port", listenPorts?.map(formatPortRange)),
  ].filter((condition) => condition !== undefined);
}

function listed(key: string, values: readonly string[] | undefined): string | undefined {
  if (values === undefined) return undefined;
  const more = values.length > MAX_SHOWN ? ` (and ${values.length - MAX_SHOWN} more)` : "";
  return `${key} ${values.slice(0, MAX_SHOWN).join(", ")}${more}`;
}

function alignTargets(targets: readonly Target[]): string[] {
  const rows = targets.map(({ conditions, target }) => ({ lines: conditionLines(conditions), target }));
  const widths = rows.map(({ lines }) => lines.at(-1)!.length);
  const width = Math.min(MAX_CONDITIONS, Math.max(...widths));
  return rows.flatMap(({ lines, target }) => [
    ...lines.slice(0, -1).map((line) => `  ${line}`),
    `  ${lines.at(-1)!.padEnd(width)} -> ${target}`,
  ]);
}

/** All conditions on one line, or a line for each when that is too long. */
function conditionLines(conditions: readonly string[]): string[] {
  if (conditions.length === 0) return ["otherwise"];
  const line = conditions.join(" and ");
  if (line.length <= MAX_CONDITIONS) return [line];
  return conditions.map((condition, index) => index === 0 ? condition : `and ${condition}`);
}

function describeTarget(service: ServiceConfig, group: GroupConfig): string {
  const adapters = new Set(group.endpoints.map(({ address }) => adapterOf(service, address.transport)));
  return `${group.name} (${[...adapters].join(", ")})`;
}

/** The socket API of a leg. */
function adapterOf(service: ServiceConfig, transport: Address["transport"]): string {
  return transport === "tcp" && adapterFor(service) === "node" ? "node:net" : "deno";
}

/** The addresses as they are written: ports that follow each other are one range. */
function listenRanges(addresses: readonly Address[]) {
  const ranges: { address: Address; ports: PortRange }[] = [];
  for (const address of addresses) {
    const before = ranges.at(-1);
    const port = address.transport === "tcp" ? address.port : 0;
    const follows = before !== undefined && before.address.transport === "tcp" &&
      address.transport === "tcp" &&
      before.address.hostname === address.hostname && before.ports.first > 0 &&
      before.ports.last + 1 === port;
    if (follows) ranges[ranges.length - 1] = { ...before, ports: { ...before.ports, last: port } };
    else ranges.push({ address, ports: { first: port, last: port } });
  }
  return ranges.map(({ address, ports: { first, last } }) => ({
    text: first === last ? formatAddress(address) : `${formatAddress(address)}-${last}`,
    transport: address.transport,
  }));
}

/** Pieces behind a title, on as many lines as they need. */
function wrap(title: string, pieces: readonly string[]): string[] {
  const lines: string[] = [];
  let line = title;
  for (const [index, piece] of pieces.entries()) {
    const text = index < pieces.length - 1 ? ` ${piece},` : ` ${piece}`;
    if (index > 0 && line.length + text.length > WIDTH) {
      lines.push(line);
      line = "   ";
    }
    line += text;
  }
  return [...lines, line];
}
