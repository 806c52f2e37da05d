/** Who may come in to a service, and how much they get, in words. */

import { formatBandwidth } from "../../config/values/bandwidth.ts";
import type { AcceptProxyProtocolConfig, LimitsConfig, PeekConfig, RateConfig } from "../../config/config.ts";
import { formatDuration } from "../../config/values/duration.ts";
import { formatSize } from "../../config/values/size.ts";
import { firstOf } from "./describe_lines.ts";

/** Who is in front of it. */
export function describeTrust({ from, timeout }: AcceptProxyProtocolConfig): string[] {
  return [`from ${firstOf(from).join(", ")}`, `timeout ${formatDuration(timeout)}`];
}

/** Those that are on. */
export function describeLimits(limits: LimitsConfig): string[] {
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

/** How a ClientHello is waited for. */
export function describePeek({ timeout, maxBytes }: PeekConfig): string[] {
  return [`timeout ${formatDuration(timeout)}`, `max_bytes ${formatSize(maxBytes)}`];
}
