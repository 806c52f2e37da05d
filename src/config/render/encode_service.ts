/** Writes services as a file has them. */

import { formatBandwidth } from "../values/bandwidth.ts";
import type { AcceptProxyProtocolConfig, LimitsConfig, RouteConfig, ServiceConfig } from "../config.ts";
import { formatDuration } from "../values/duration.ts";
import { type Complete, type ServiceInput, unlessEmpty, unlessOff } from "./encode_document.ts";
import { encodeListen } from "./encode_listen.ts";
import { encodeTls, encodeUpstreamTls } from "./encode_tls.ts";
import type { UpstreamEncoder } from "./encode_upstreams.ts";
import { formatPortRange } from "../values/port_range.ts";
import { formatSize } from "../values/size.ts";
import { formatUnixMode } from "../values/unix_mode.ts";

type Part<Key extends keyof ServiceInput> = Complete<NonNullable<ServiceInput[Key]>>;
type RouteInput = NonNullable<ServiceInput["routes"]>[number];

/** A service with all that `defaults` said for it. */
export function encodeService(service: ServiceConfig, upstreams: UpstreamEncoder): Complete<ServiceInput> {
  const { unixMode, acceptProxyProtocol, tls, upstreamTls, upstream, keepalive } = service;
  return {
    name: service.name,
    listen: encodeListen(service.listen),
    unix_mode: unixMode === undefined ? undefined : formatUnixMode(unixMode),
    accept_proxy_protocol: acceptProxyProtocol && encodeAcceptProxyProtocol(acceptProxyProtocol),
    allow: unlessEmpty(service.allow),
    deny: unlessEmpty(service.deny),
    limits: encodeLimits(service.limits),
    tls: tls && encodeTls(tls),
    peek: encodePeek(service),
    routes: service.routes.length === 0
      ? undefined
      : service.routes.map((route) => encodeRoute(route, upstreams)),
    upstream: upstream && upstreams.encode(upstream),
    send_proxy_protocol: service.sendProxyProtocol,
    upstream_tls: upstreamTls && encodeUpstreamTls(upstreamTls),
    source_address: service.sourceAddress,
    connect_timeout: formatDuration(service.connectTimeout),
    idle_timeout: formatDuration(service.idleTimeout),
    half_close_timeout: formatDuration(service.halfCloseTimeout),
    buffer_size: formatSize(service.bufferSize),
    nodelay: service.nodelay,
    keepalive: typeof keepalive === "number" ? formatDuration(keepalive) : keepalive,
    reset: service.reset,
  };
}

function encodeAcceptProxyProtocol(
  { from, timeout }: AcceptProxyProtocolConfig,
): Part<"accept_proxy_protocol"> {
  return { from, timeout: formatDuration(timeout) };
}

function encodeLimits(limits: LimitsConfig): Part<"limits"> {
  const { upload, download, lifetime } = limits;
  return {
    connections: unlessOff(limits.connections),
    connections_per_client: unlessOff(limits.connectionsPerClient),
    connects_per_second: limits.connectsPerSecond,
    connects_per_second_per_client: limits.connectsPerSecondPerClient,
    upload: upload === 0 ? undefined : formatBandwidth(upload),
    download: download === 0 ? undefined : formatBandwidth(download),
    when_full: limits.whenFull,
    lifetime: lifetime === 0 ? undefined : formatDuration(lifetime),
  };
}

/** A file may set it only where a route needs it and no TLS of the service's own reads the ClientHello. */
function encodePeek({ peek, routes, tls }: ServiceConfig): Part<"peek"> | undefined {
  const isPeeking = tls === undefined &&
    routes.some(({ serverNames, alpn }) => serverNames !== undefined || alpn !== undefined);
  if (!isPeeking) return undefined;
  return { timeout: formatDuration(peek.timeout), max_bytes: formatSize(peek.maxBytes) };
}

function encodeRoute(route: RouteConfig, upstreams: UpstreamEncoder): Complete<RouteInput> {
  return {
    source_port: route.sourcePorts?.map(formatPortRange),
    source_ip: route.sourceAddresses,
    listen_port: route.listenPorts?.map(formatPortRange),
    sni: route.serverNames,
    alpn: route.alpn,
    upstream: upstreams.encode(route.upstream),
  };
}
