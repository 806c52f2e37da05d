/** Writes upstream groups as a file has them. */

import { formatAddress } from "../../net/address.ts";
import type {
  DiscoveryConfig,
  EndpointConfig,
  GroupConfig,
  HealthCheckConfig,
  PoolConfig,
} from "../config.ts";
import { formatDuration } from "../values/duration.ts";
import { type Complete, type GroupInput, unlessOff } from "./encode_document.ts";
import type { SecretFormat } from "./encode_secret.ts";

type Part<Key extends keyof GroupInput> = Complete<NonNullable<GroupInput[Key]>>;
type EndpointInput = Exclude<GroupInput["endpoints"][number], string>;

/** A group with settings of its own, defaults included. */
export function encodeGroup(group: GroupConfig, secrets: SecretFormat): Complete<GroupInput> {
  const { balance, endpoints, retry, healthCheck, passive, onDown, pool, discovery } = group;
  return {
    balance,
    endpoints: endpoints.map(encodeEndpoint),
    retry: { attempts: retry.attempts, timeout: formatDuration(retry.timeout) } satisfies Part<"retry">,
    health_check: healthCheck && encodeHealthCheck(healthCheck, secrets),
    passive: passive && {
      failures: passive.failures,
      window: formatDuration(passive.window),
      eject: formatDuration(passive.eject),
    } satisfies Part<"passive">,
    on_down: onDown,
    pool: pool && encodePool(pool),
    discovery: discovery && encodeDiscovery(discovery),
  };
}

function encodeEndpoint(endpoint: EndpointConfig): Complete<EndpointInput> {
  const { address, weight, maxConnections, backup } = endpoint;
  // SRV records bring the port.
  const isServiceName = address.transport === "tcp" && address.port === 0;
  return {
    address: isServiceName ? address.hostname : formatAddress(address),
    weight,
    max_connections: unlessOff(maxConnections),
    backup,
  };
}

function encodeHealthCheck(check: HealthCheckConfig, secrets: SecretFormat): Part<"health_check"> {
  const { interval, timeout, rise, fall, send, expect, tls, proxyProtocol } = check;
  return {
    interval: formatDuration(interval),
    timeout: formatDuration(timeout),
    rise,
    fall,
    send: send && secrets.payload(send),
    expect: expect && secrets.payload(expect),
    tls,
    proxy_protocol: proxyProtocol,
  };
}

function encodePool({ mode, maxIdle, maxIdleTime, quiet, maxUses }: PoolConfig): Part<"pool"> {
  // A file may not say how connections are taken back where none are.
  const takesBack = mode === "reuse";
  return {
    mode,
    max_idle: maxIdle,
    max_idle_time: formatDuration(maxIdleTime),
    quiet: takesBack ? formatDuration(quiet) : undefined,
    max_uses: takesBack ? maxUses : undefined,
  };
}

function encodeDiscovery({ dns, interval, server }: DiscoveryConfig): Part<"discovery"> {
  return { dns, interval: formatDuration(interval), server: server && formatAddress(server) };
}
