/** The configuration as the rest of the program sees it: complete, readonly, in plain units. */

import type { Address, TcpAddress } from "../net/address.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFormat = "text" | "json";

/** How many threads accept and relay; `auto` is one for each CPU. */
export type Workers = number | "auto";

export interface Config {
  readonly workers: Workers;
  readonly log: { readonly level: LogLevel; readonly format: LogFormat; readonly access: AccessLogConfig };
  /**
   * `drain`: how long a stop waits for open connections; `delay`: how long it goes on accepting before that, no longer
   * ready. In milliseconds.
   */
  readonly shutdown: { readonly drain: number; readonly delay: number };
  /** `watch`: whether the configuration is read again when its file changes. */
  readonly reload: { readonly watch: boolean };
  /** Connections at the same time over all services; 0 is no limit. */
  readonly limits: { readonly connections: number };
  /** Every upstream group, whether it has a name of its own or was written in place; names are unique. */
  readonly upstreams: readonly GroupConfig[];
  readonly services: readonly ServiceConfig[];
  /** Undefined: there is no admin interface. */
  readonly admin: AdminConfig | undefined;
}

/** Where each connection leaves a line when it ends. */
export interface AccessLogConfig {
  /** Undefined: with the program's own log, on stderr. */
  readonly path: string | undefined;
  readonly format: LogFormat;
  /** The share of connections that are logged, above 0 up to 1; those that failed or were refused always are. */
  readonly sample: number;
}

/** The HTTP interface for operators. */
export interface AdminConfig {
  readonly listen: Address;
  /** What requests must bring as `Authorization: Bearer`; undefined lets everyone in who reaches the address. */
  readonly token: string | undefined;
  /** Names that may stand in the Host header, besides IP addresses and localhost; in lower case. */
  readonly hosts: readonly string[];
  /** The most concurrent connections, event streams included. */
  readonly maxConnections: number;
  /** Mode bits for its unix socket file; undefined leaves them to the umask. */
  readonly unixMode: number | undefined;
}

export type BalancePolicy = "round_robin" | "least_connections" | "random_two" | "source_hash";

/** Where connections go: endpoints that can stand in for each other. */
export interface GroupConfig {
  /** As logs and metrics show it. A lone address is called by itself. */
  readonly name: string;
  readonly balance: BalancePolicy;
  /** With discovery, the names to look up. */
  readonly endpoints: readonly EndpointConfig[];
  /** `attempts`: how many endpoints are tried for one client; `timeout`: for all of them, in milliseconds, 0 is no limit. */
  readonly retry: { readonly attempts: number; readonly timeout: number };
  readonly healthCheck: HealthCheckConfig | undefined;
  readonly passive: PassiveConfig | undefined;
  /** What happens to open connections of an endpoint that goes down. */
  readonly onDown: "keep" | "close";
  readonly pool: PoolConfig | undefined;
  readonly discovery: DiscoveryConfig | undefined;
}

export interface EndpointConfig {
  /** The port is 0 where SRV records bring it. */
  readonly address: Address;
  /** Share of the connections, in proportion to the others' weights; 1-1000. */
  readonly weight: number;
  /** Connections at the same time; 0 is no limit. */
  readonly maxConnections: number;
  /** Used only while no other endpoint can be. */
  readonly backup: boolean;
}

/** Connects now and then to see whether an endpoint works. Times in milliseconds. */
export interface HealthCheckConfig {
  readonly interval: number;
  /** For one check, connecting and answering included. */
  readonly timeout: number;
  /** So many good checks in a row bring an endpoint up, so many bad ones take it down. */
  readonly rise: number;
  readonly fall: number;
  /** Bytes to send once connected, and bytes the answer must begin with. */
  readonly send: Uint8Array | undefined;
  readonly expect: Uint8Array | undefined;
  /** Whether checks use TLS; undefined means as in the services of the group. */
  readonly tls: boolean | undefined;
  /** The PROXY header of a check; undefined means as in the services of the group. */
  readonly proxyProtocol: "none" | "v1" | "v2" | undefined;
}

/** So many failures of real connections within `window` take an endpoint out for `eject`. In milliseconds. */
export interface PassiveConfig {
  readonly failures: number;
  readonly window: number;
  readonly eject: number;
}

/** Upstream connections kept open ahead of their use. Times in milliseconds. */
export interface PoolConfig {
  /** `warm` hands out connections that were never used; `reuse` takes used ones back. */
  readonly mode: "warm" | "reuse";
  /** Connections waiting per endpoint. */
  readonly maxIdle: number;
  readonly maxIdleTime: number;
  /** `reuse`: how long the upstream must be silent after its last byte before another client gets the connection. */
  readonly quiet: number;
  /** `reuse`: how many clients one connection may serve. */
  readonly maxUses: number;
}

/** Endpoints that come and go in DNS. */
export interface DiscoveryConfig {
  /** `a`: addresses of the names, asked again when their TTL has passed; `srv`: SRV records, asked every `interval`. */
  readonly dns: "a" | "srv";
  /** Milliseconds. */
  readonly interval: number;
  /** The name server to ask; undefined for the system's. */
  readonly server: TcpAddress | undefined;
}

/** Inclusive. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Who may send a PROXY header, and must: a connection from anywhere else is closed before a byte is read. */
export interface AcceptProxyProtocolConfig {
  /** Addresses, CIDR blocks, and `unix` for peers on unix sockets, who have no address. */
  readonly from: readonly string[];
  /** Milliseconds until the whole header must be there. */
  readonly timeout: number;
}

/** So many a second on average, and so many at once after a pause. */
export interface RateConfig {
  readonly rate: number;
  readonly burst: number;
}

/** Every limit that is 0 or undefined is off. */
export interface LimitsConfig {
  /** Connections at the same time: of the service, and of one client address (an IPv6 /64 is one client). */
  readonly connections: number;
  readonly connectionsPerClient: number;
  readonly connectsPerSecond: RateConfig | undefined;
  readonly connectsPerSecondPerClient: RateConfig | undefined;
  /** Bytes a second, for each connection: from the client, and from the upstream. */
  readonly upload: number;
  readonly download: number;
  /** What happens at `connections`: the client is closed, or waits and nobody else is accepted meanwhile. */
  readonly whenFull: "refuse" | "wait";
  /** Milliseconds after which a connection is closed whatever it does. */
  readonly lifetime: number;
}

/** How a ClientHello is waited for, where a route asks for what it says. */
export interface PeekConfig {
  /** Milliseconds. */
  readonly timeout: number;
  readonly maxBytes: number;
}

/** PEM files: a certificate with its issuers behind it, and its key. */
export interface CertificateConfig {
  readonly cert: string;
  readonly key: string;
}

/** TLS with clients. */
export interface TlsConfig {
  /** At least one. Which one a client gets depends on the name it asks for; the first is for all others. */
  readonly certificates: readonly CertificateConfig[];
  /** A PEM file: who issues certificates of clients. */
  readonly clientCa: string | undefined;
  /** `require`: a client needs a certificate; `request`: it may have none, but not a bad one; `none`: not asked for. */
  readonly clientAuth: "require" | "request" | "none";
  /** Protocols offered (RFC 7301), the preferred ones first. */
  readonly alpn: readonly string[];
  readonly minVersion: "1.2" | "1.3";
  /**
   * `true`: node:tls, where new certificates lose no handshake and silent clients are disposed of; `false`:
   * Deno.listenTls, which takes less CPU.
   */
  readonly seamless: boolean;
  /** Milliseconds. */
  readonly handshakeTimeout: number;
}

/** TLS with upstreams. */
export interface UpstreamTlsConfig {
  /** A PEM file: who issues certificates of upstreams; undefined is whom Deno trusts. */
  readonly ca: string | undefined;
  /** For upstreams that ask for one. */
  readonly certificate: CertificateConfig | undefined;
  /** Whom the upstream's certificate must be for; undefined is the host of the endpoint. */
  readonly serverName: string | undefined;
  /** `false` accepts whatever certificate. */
  readonly verify: boolean;
  /** Protocols offered, the preferred ones first. */
  readonly alpn: readonly string[];
}

/** Where clients go that meet all conditions; a condition left out is met by everyone. */
export interface RouteConfig {
  readonly sourcePorts: readonly PortRange[] | undefined;
  /** Addresses and CIDR blocks. */
  readonly sourceAddresses: readonly string[] | undefined;
  readonly listenPorts: readonly PortRange[] | undefined;
  /** Names of the TLS ClientHello (SNI), in lower case; `*.` in front stands for one label. */
  readonly serverNames: readonly string[] | undefined;
  /** Any of these is among the protocols that the ClientHello offers. */
  readonly alpn: readonly string[] | undefined;
  readonly upstream: GroupConfig;
}

/** What happens on the other side when one side's connection is reset. */
export type ResetPolicy = "close" | "pass";

export interface ServiceConfig {
  readonly name: string;
  readonly listen: readonly Address[];
  /** Mode bits of unix socket files, or undefined to leave them to the umask. */
  readonly unixMode: number | undefined;
  readonly acceptProxyProtocol: AcceptProxyProtocolConfig | undefined;
  /** The header that each upstream connection begins with. */
  readonly sendProxyProtocol: "v1" | "v2" | undefined;
  /** Addresses and CIDR blocks; an empty `allow` is everyone, and `deny` wins. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly limits: LimitsConfig;
  readonly tls: TlsConfig | undefined;
  readonly upstreamTls: UpstreamTlsConfig | undefined;
  /** The local IP address of upstream connections; undefined leaves it to the kernel. */
  readonly sourceAddress: string | undefined;
  readonly peek: PeekConfig;
  /** The first that matches decides. */
  readonly routes: readonly RouteConfig[];
  /** For clients no route matches; without it, they are refused. */
  readonly upstream: GroupConfig | undefined;
  /** Milliseconds for one dial, DNS included; 0 is no limit. */
  readonly connectTimeout: number;
  /** Milliseconds without a byte from either side; 0 is no limit. */
  readonly idleTimeout: number;
  /** Milliseconds without a byte after one side has finished sending; 0 is no limit. */
  readonly halfCloseTimeout: number;
  /** Largest relay buffer, in bytes. */
  readonly bufferSize: number;
  readonly nodelay: boolean;
  /** `true`: the kernel's own times; a number: probe after that many milliseconds of silence. */
  readonly keepalive: boolean | number;
  readonly reset: ResetPolicy;
}
