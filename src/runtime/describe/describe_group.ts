/** What an upstream group would do, in words. */

import type { CheckLegConfig } from "../../config/rules/check_leg.ts";
import type {
  DiscoveryConfig,
  EndpointConfig,
  GroupConfig,
  HealthCheckConfig,
  PassiveConfig,
  PoolConfig,
} from "../../config/config.ts";
import { formatDuration } from "../../config/values/duration.ts";
import { type Address, formatAddress } from "../../net/address.ts";

/** How far to the right the settings of endpoints are aligned. */
const MAX_LABEL = 40;

/** Whether a group is just an address that a service names, of which there is no more to say. */
export function isLone({ name, endpoints }: GroupConfig): boolean {
  return endpoints[0] !== undefined && formatAddress(endpoints[0].address) === name;
}

/** A title, a line for each endpoint, and one for each kind of check. @param leg How its checks start. */
export function describeGroup(
  group: GroupConfig,
  isUsed: boolean,
  leg: CheckLegConfig | undefined,
): string[] {
  const { attempts, timeout } = group.retry;
  const tries = attempts === 1 ? "1 attempt" : `up to ${attempts} attempts`;
  const settings = [group.balance, timeout === 0 ? tries : `${tries} in ${formatDuration(timeout)}`];
  const isWatched = group.healthCheck !== undefined || group.passive !== undefined;
  if (isWatched) settings.push(`on_down ${group.onDown}`);
  const rows = [
    ...group.endpoints.map((endpoint) => [nameOf(endpoint.address), describeEndpoint(endpoint)] as const),
    ...describeWatch(group, leg),
  ];
  const width = Math.min(MAX_LABEL, Math.max(...rows.map(([label]) => label.length)));
  return [
    `group ${group.name}${isUsed ? "" : " (unused)"}: ${settings.join(", ")}`,
    ...rows.map(([label, text]) => `  ${label.padEnd(width)}  ${text}`.trimEnd()),
  ];
}

function nameOf(address: Address): string {
  // SRV records bring the port.
  return address.transport === "tcp" && address.port === 0 ? address.hostname : formatAddress(address);
}

function describeEndpoint({ weight, maxConnections, backup }: EndpointConfig): string {
  const settings = [`weight ${weight}`];
  if (maxConnections > 0) settings.push(`max_connections ${maxConnections}`);
  if (backup) settings.push("backup");
  return settings.join(", ");
}

function describeWatch(group: GroupConfig, leg: CheckLegConfig | undefined): [label: string, text: string][] {
  const rows: [string, string | undefined][] = [
    ["health_check", group.healthCheck && describeCheck(group.healthCheck, leg)],
    ["passive", group.passive && describePassive(group.passive)],
    ["pool", group.pool && describePool(group.pool)],
    ["discovery", group.discovery && describeDiscovery(group.discovery)],
  ];
  return rows.flatMap(([label, text]) => text === undefined ? [] : [[label, text]]);
}

/** Of what is sent and expected only how much there is: it may be a password. */
function describeCheck(check: HealthCheckConfig, leg: CheckLegConfig | undefined): string {
  const { interval, timeout, rise, fall, send, expect } = check;
  const times = `interval ${formatDuration(interval)}, timeout ${formatDuration(timeout)}`;
  const sent = send === undefined ? "" : `, send ${send.length} B`;
  const expected = expect === undefined ? "" : `, expect ${expect.length} B`;
  const header = leg?.proxyProtocol === undefined ? "" : `, PROXY ${leg.proxyProtocol}`;
  const tls = leg?.tlsOf === undefined ? "" : `, TLS as ${leg.tlsOf.name}`;
  return `${times}, rise ${rise}, fall ${fall}${header}${tls}${sent}${expected}`;
}

function describePassive({ failures, window, eject }: PassiveConfig): string {
  return `failures ${failures}, window ${formatDuration(window)}, eject ${formatDuration(eject)}`;
}

function describePool({ mode, maxIdle, maxIdleTime, quiet, maxUses }: PoolConfig): string {
  const idle = `max_idle ${maxIdle}, max_idle_time ${formatDuration(maxIdleTime)}`;
  return mode === "warm"
    ? `warm, ${idle}`
    : `reuse, ${idle}, quiet ${formatDuration(quiet)}, max_uses ${maxUses}`;
}

function describeDiscovery({ dns, interval, server }: DiscoveryConfig): string {
  // Address records say themselves how long they hold.
  const pace = dns === "srv" ? `, interval ${formatDuration(interval)}` : "";
  return `dns ${dns}${pace}${server === undefined ? "" : `, server ${formatAddress(server)}`}`;
}
