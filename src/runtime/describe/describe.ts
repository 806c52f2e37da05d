/** What a configuration would do, in words. */

import { checkLegsOf } from "../../config/rules/check_leg.ts";
import type { Config, GroupConfig, RouteConfig, ServiceConfig } from "../../config/config.ts";
import { groupsOf } from "../../config/rules/groups.ts";
import { formatPortRange, formatRun, runsOf } from "../../config/values/port_range.ts";
import type { Address } from "../../net/address.ts";
import { adapterFor } from "../../net/socket/conn.ts";
import { describeGroup, isLone } from "./describe_group.ts";
import { firstOf, WIDTH, wrap } from "./describe_lines.ts";
import { describeProcess } from "./describe_process.ts";
import { describeSettings } from "./describe_settings.ts";

/** How far to the right the arrows of a service's routes are aligned. */
const MAX_CONDITIONS = 56;

/**
 * What holds for all services; services, each with its addresses, who may come in, routes and upstreams and the socket
 * API of each leg; then groups that are more than an address.
 */
export function describeConfig(config: Config): string[] {
  const used = new Set(config.services.flatMap(groupsOf));
  const groups = config.upstreams.filter((group) => !isLone(group));
  const legs = checkLegsOf(config);
  return [
    ...describeProcess(config),
    ...config.services.flatMap(describeService),
    ...groups.flatMap((group) => describeGroup(group, used.has(group), legs.get(group.name))),
  ];
}

function describeService(service: ServiceConfig): string[] {
  const legs = runsOf(service.listen).map((run) =>
    `${formatRun(run)} (${listenerApi(service, run.first.transport)})`
  );
  const listen = wrap(`${service.name}:`, legs);
  const targets = describeTargets(service);
  const settings = describeSettings(service);
  if (service.routes.length > 0) return [...listen, ...settings, ...alignTargets(targets)];
  const arrow = `-> ${targets[0]?.target}`;
  const line = `${listen.at(-1)} ${arrow}`;
  const lines = line.length <= WIDTH ? [...listen.slice(0, -1), line] : [...listen, `  ${arrow}`];
  return [...lines, ...settings];
}

interface Condition {
  readonly key: string;
  readonly values: readonly string[];
}

interface Target {
  /** None is met by everyone who is left. */
  readonly conditions: readonly Condition[];
  readonly target: string;
}

/** Where clients go, in the order in which that is decided. */
function describeTargets(service: ServiceConfig): Target[] {
  const targets = service.routes.map((route) => ({
    conditions: conditionsOf(route),
    target: describeTarget(service, route.upstream),
  }));
  // Behind a route without conditions nobody is left.
  if (targets.at(-1)?.conditions.length === 0) return targets;
  const { upstream } = service;
  const target = upstream === undefined ? "refused" : describeTarget(service, upstream);
  return [...targets, { conditions: [], target }];
}

function conditionsOf(route: RouteConfig): Condition[] {
  const conditions: [key: string, values: readonly string[] | undefined][] = [
    ["source_port", route.sourcePort?.map(formatPortRange)],
    ["source_ip", route.sourceIp],
    ["listen_port", route.listenPort?.map(formatPortRange)],
    ["sni", route.sni],
    ["alpn", route.alpn],
  ];
  return conditions.flatMap(([key, values]) =>
    values === undefined ? [] : [{ key, values: firstOf(values) }]
  );
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

/** All conditions on one line, or lines for each when that is too long. */
function conditionLines(conditions: readonly Condition[]): string[] {
  if (conditions.length === 0) return ["otherwise"];
  const line = conditions.map(({ key, values }) => `${key} ${values.join(", ")}`).join(" and ");
  if (line.length <= MAX_CONDITIONS) return [line];
  return conditions.flatMap(({ key, values }, index) => {
    const title = index === 0 ? key : `and ${key}`;
    return wrap(title, values, { indent: " ".repeat(title.length), width: MAX_CONDITIONS });
  });
}

function describeTarget(service: ServiceConfig, group: GroupConfig): string {
  const apis = new Set(group.endpoints.map(({ address }) => upstreamApi(service, address.transport)));
  if (service.upstreamTls !== undefined) apis.add("node:tls");
  return `${group.name} (${[...apis].join(", ")})`;
}

/** What connections with clients stand on. */
function listenerApi(service: ServiceConfig, transport: Address["transport"]): string {
  if (service.tls?.engine === "deno") return "Deno.listenTls";
  const api = transport === "tcp" && adapterFor(service) === "node" ? "node:net" : "deno";
  return service.tls === undefined ? api : `${api}, node:tls`;
}

/** What upstream connections stand on, TLS aside. Deno.connect cannot choose the address it connects from. */
function upstreamApi(service: ServiceConfig, transport: Address["transport"]): string {
  const needsNode = adapterFor(service) === "node" || service.sourceAddress !== undefined;
  return transport === "tcp" && needsNode ? "node:net" : "deno";
}
