/** Who may come in to a service, and how much they get, in words. */

import { formatBandwidth } from "../config/bandwidth.ts";
import type {
  AcceptProxyProtocolConfig,
  LimitsConfig,
  PeekConfig,
  RateConfig,
  ServiceConfig,
} from "../config/config.ts";
import { formatDuration } from "../config/duration.ts";
import { formatSize } from "../config/size.ts";
import { firstOf, wrap } from "./describe_lines.ts";

/** A line, or a few, for each of a service's settings that is not off, in the order in which they matter. */
export function describeAdmission(service: ServiceConfig): string[] {
  const { acceptProxyProtocol, allow, deny, sendProxyProtocol } = service;
  const isPeeking = service.routes.some(({ serverNames, alpn }) => (serverNames ?? alpn) !== undefined);
  const settings: [label: string, pieces: readonly string[]][] = [
    ["accept_proxy_protocol", acceptProxyProtocol ? describeTrust(acceptProxyProtocol) : []],
    ["allow", firstOf(allow)],
    ["deny", firstOf(deny)],
    ["limits", describeLimits(service.limits)],
    ["peek", isPeeking ? describePeek(service.peek) : []],
    ["send_proxy_protocol", sendProxyProtocol === undefined ? [] : [sendProxyProtocol]],
  ];
  const shown = settings.filter(([, pieces]) => pieces.length > 0);
  const width = Math.max(...shown.map(([label]) => label.length));
  return shown.flatMap(([label, pieces]) => {
    const title = `  ${label.padEnd(width)} `;
    return wrap(title, pieces, { indent: " ".repeat(title.length) });
  });
}

function describeTrust({ from, timeout }: AcceptProxyProtocolConfig): string[] {
  return [`from ${firstOf(from).join(", ")}`, `timeout ${formatDuration(timeout)}`];
}

function describeLimits(limits: LimitsConfig): string[] {
  return [
    setting("connections", limits.connections, (count) => `${count} (when_full ${limits.whenFull})`),
    setting("connections_per_client", limits.connectionsPerClient, String),
    setting("connects_per_second", limits.connectsPerSecond, describeRate),
    setting("connects_per_second_per_client", limits.connectsPerSecondPerClient, describeRate),
    setting("upload", limits.upload, formatBandwidth),
    setting("download", limits.download, formatBandwidth),
    setting("lifetime", limits.lifetime, formatDuration),
  ].filter((piece) => piece !== undefined);
}

/** A limit that is 0 or undefined is off. */
function setting<Value>(key: string, value: Value | 0 | undefined, format: (value: Value) => string) {
  return value === undefined || value === 0 ? undefined : `${key} ${format(value)}`;
}

function describeRate({ rate, burst }: RateConfig): string {
  return `${rate} (burst ${burst})`;
}

function describePeek({ timeout, maxBytes }: PeekConfig): string[] {
  return [`timeout ${formatDuration(timeout)}`, `max_bytes ${formatSize(maxBytes)}`];
}
