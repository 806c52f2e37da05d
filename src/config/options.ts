// deno-fmt-ignore-file
/**
 * What a program can say about a proxy. Written by `deno task schema` from the schema of a configuration file:
 * edit that, not this.
 */

import type { FilterFactory } from "./filter.ts";

/**
 * What a program can say about a proxy: everything that a configuration file can, in camelCase. Durations
 * may be numbers of milliseconds. Environment variables are not expanded.
 *
 * @example Two endpoints, of which the second is for when the first is down
 * ```ts
 * import { type ProxyOptions, startProxy } from "@sluice/sluice";
 *
 * const options: ProxyOptions = {
 *   defaults: { idleTimeout: 60_000 },
 *   services: [{
 *     name: "db",
 *     listen: 0,
 *     upstream: {
 *       endpoints: ["127.0.0.1:5432", { address: "127.0.0.1:5433", backup: true }],
 *       healthCheck: { interval: "1s" },
 *     },
 *   }],
 * };
 * await using proxy = await startProxy(options);
 * ```
 */
export interface ProxyOptions {
  /**
   * How many threads accept and relay, 1 to 256, each on a core of its own. auto is one for each CPU. A
   * change needs a restart. Default: `1`.
   */
  readonly workers?: number | "auto" | string | undefined;
  /** What is logged, and how. */
  readonly log?: LogOptions | undefined;
  /** How the program stops. */
  readonly shutdown?: ShutdownOptions | undefined;
  /** Limits of all services together. */
  readonly limits?: LimitsOptions | undefined;
  /** Values for all services that do not set these keys. */
  readonly defaults?: DefaultsOptions | undefined;
  /** Groups of endpoints by name, for any number of services to use. */
  readonly upstreams?: Readonly<Record<string, GroupOptions>> | undefined;
  /** The HTTP interface for operators. Left out, there is none. A change needs a restart. */
  readonly admin?: AdminOptions | undefined;
  /** What to listen on, and where to connect to. */
  readonly services: readonly ServiceOptions[];
}

/** What to listen on, and where connections go. */
export interface ServiceOptions {
  /** The name of the service in logs and metrics. No two services have the same. */
  readonly name: string;
  /**
   * Where clients connect, one address or a list: host:port, port (127.0.0.1), :port (all addresses),
   * [v6]:port or unix:/path. A port may be a range such as 7000-7010. Port 0 takes a free one.
   */
  readonly listen: number | string | readonly (number | string)[];
  /** Permissions of the unix sockets in listen, in octal such as "0660". Left out, the umask decides. */
  readonly unixMode?: string | number | undefined;
  /**
   * Takes the client's address from the PROXY protocol header (v1 or v2) that each connection must begin
   * with. Left out, no header is read.
   */
  readonly acceptProxyProtocol?: AcceptProxyProtocolOptions | undefined;
  /**
   * Addresses of clients to accept: one, a block such as "10.0.0.0/8", or a list. An empty list accepts
   * all.
   */
  readonly allow?: string | readonly string[] | undefined;
  /** Addresses of clients to refuse, even if allow has them, written the same way. */
  readonly deny?: string | readonly string[] | undefined;
  /** Limits of the service and of each client. */
  readonly limits?: ServiceLimitsOptions | undefined;
  /** How to wait for the ClientHello, which routes with sni or alpn need. */
  readonly peek?: PeekOptions | undefined;
  /** TLS with clients. Left out, bytes are relayed as they are, TLS included. */
  readonly tls?: TlsOptions | undefined;
  /** Upstreams for some clients. The first route whose conditions a client meets decides. */
  readonly routes?: readonly RouteOptions[] | undefined;
  /**
   * Where connections go: host:port, [v6]:port or unix:/path, the name of a group, a list of endpoints, or
   * a group written in place. With routes, it is for clients that match none; left out, these are refused.
   */
  readonly upstream?: UpstreamOptions | undefined;
  /** Begins each upstream connection with a PROXY protocol header of this version. Left out, with none. */
  readonly sendProxyProtocol?: "v1" | "v2" | undefined;
  /**
   * TLS with upstreams; {} is enough. Left out, sluice starts no TLS, and passes TLS of clients through.
   */
  readonly upstreamTls?: UpstreamTlsOptions | undefined;
  /** The local address of upstream connections. Left out, the system chooses it. */
  readonly sourceAddress?: string | undefined;
  /** How long one attempt to reach the upstream may take, name lookup included. 0 is no limit. */
  readonly connectTimeout?: string | number | undefined;
  /** Closes a connection after this time without a byte from either side. 0 is no limit. */
  readonly idleTimeout?: string | number | undefined;
  /** The idle timeout once one side has finished sending. Left out or 0, idle_timeout. */
  readonly halfCloseTimeout?: string | number | undefined;
  /**
   * The largest buffer for each direction of a connection, 4KiB to 16MiB. Buffers start small and grow up
   * to this; beyond 256KiB only while buffers of that size take less than 64MiB in a thread.
   */
  readonly bufferSize?: string | number | undefined;
  /** Send small packets at once (TCP_NODELAY). */
  readonly nodelay?: boolean | undefined;
  /** Probe silent connections: after the kernel's time (true), or after a duration of at least 1s. */
  readonly keepalive?: boolean | string | number | undefined;
  /**
   * What the other side sees when one side resets its connection: an orderly close, or a reset as well
   * (pass).
   */
  readonly reset?: "close" | "pass" | undefined;
  /** What the bytes of each connection pass through. It needs `workers: 1`, the default. */
  readonly filter?: FilterFactory | undefined;
}

/**
 * TLS with upstreams; {} is enough. Left out, sluice starts no TLS, and passes TLS of clients through.
 */
export interface UpstreamTlsOptions {
  /**
   * A PEM file with the authorities that issue certificates of upstreams. Left out, those that Deno trusts.
   */
  readonly ca?: string | undefined;
  /** A PEM file with a certificate, for upstreams that ask for one. */
  readonly cert?: string | undefined;
  /** A PEM file with its private key. */
  readonly key?: string | undefined;
  /**
   * The name or IP address that upstreams' certificates must be for; a name is also sent (SNI). Left out,
   * the host of the endpoint.
   */
  readonly serverName?: string | undefined;
  /** false accepts any certificate: anyone can pose as the upstream. Default: `true`. */
  readonly verify?: boolean | undefined;
  /**
   * Protocols offered to upstreams (ALPN), the preferred ones first. Left out, none are offered. Default:
   * `[]`.
   */
  readonly alpn?: string | readonly string[] | undefined;
}

/** Where some clients of a service go: those that meet all conditions. */
export interface RouteOptions {
  /** Ports of the client: one, a range such as "40000-40999", or a list. Left out, any. */
  readonly sourcePort?: number | string | readonly (number | string)[] | undefined;
  /** Addresses of the client: one, a block such as "10.1.0.0/16", or a list. Left out, any. */
  readonly sourceIp?: string | readonly string[] | undefined;
  /** Ports of the service that the client connected to: one, a range, or a list. Left out, any. */
  readonly listenPort?: number | string | readonly (number | string)[] | undefined;
  /**
   * Server names in the TLS ClientHello: one, a pattern such as "*.example.com", which stands for one
   * label, or a list. Left out, any, and connections without TLS too.
   */
  readonly sni?: string | readonly string[] | undefined;
  /**
   * Protocols that the TLS ClientHello offers at least one of: "h2", or a list. Left out, any, and
   * connections without TLS too.
   */
  readonly alpn?: string | readonly string[] | undefined;
  /** The upstream of clients that meet all conditions, written like that of a service. */
  readonly upstream: UpstreamOptions;
}

/** Where connections go: an address, the name of a group, a list of endpoints, or a group. */
export type UpstreamOptions = string | readonly (string | EndpointOptions)[] | GroupOptions;

/** TLS with clients. Left out, bytes are relayed as they are, TLS included. */
export interface TlsOptions {
  /**
   * Certificates with their keys. The name that a client asks for decides; the first serves all other
   * clients.
   */
  readonly certificates?: readonly CertificateOptions[] | undefined;
  /**
   * In place of certificates, for one certificate: a PEM file with the certificate, then those of its
   * issuers.
   */
  readonly cert?: string | undefined;
  /** A PEM file with its private key. */
  readonly key?: string | undefined;
  /** A PEM file with the authorities that issue certificates of clients. */
  readonly clientCa?: string | undefined;
  /**
   * Certificates of clients: required (require), optional but valid (request), or not asked for (none).
   * Left out, require with client_ca, else none.
   */
  readonly clientAuth?: "require" | "request" | "none" | undefined;
  /**
   * Protocols offered to clients (ALPN), the preferred ones first. Clients that offer only others are
   * refused. Left out, none are offered. Default: `[]`.
   */
  readonly alpn?: string | readonly string[] | undefined;
  /** The oldest version of TLS that clients may speak. Default: `1.2`. */
  readonly minVersion?: "1.2" | "1.3" | 1.2 | 1.3 | undefined;
  /**
   * Which TLS implementation serves clients. node (node:tls): new certificates lose no handshake, and
   * silent clients are closed. deno (Deno.listenTls): cheaper handshakes, for one certificate and nothing
   * else of the above but alpn. Default: `node`.
   */
  readonly engine?: "node" | "deno" | undefined;
  /**
   * The former name of engine: true is node, false is deno. This release is the last that reads it.
   * @deprecated
   */
  readonly seamless?: boolean | undefined;
  /** How long the handshake with a client may take. Default: `10s`. */
  readonly handshakeTimeout?: string | number | undefined;
}

/** A certificate and its key. */
export interface CertificateOptions {
  /** A PEM file: the certificate, then those of its issuers. */
  readonly cert: string;
  /** A PEM file: the private key of the certificate. */
  readonly key: string;
}

/** How to wait for the ClientHello, which routes with sni or alpn need. */
export interface PeekOptions {
  /**
   * How long to wait for a ClientHello. After that, the client counts as one without TLS. Default: `3s`.
   */
  readonly timeout?: string | number | undefined;
  /** The longest ClientHello to wait for, 1KiB to 64KiB. Default: `16KiB`. */
  readonly maxBytes?: string | number | undefined;
}

/** Limits of the service and of each client. */
export interface ServiceLimitsOptions {
  /** Connections of the service at the same time. 0 is no limit. */
  readonly connections?: number | string | undefined;
  /** Connections of one client address at the same time; an IPv6 /64 is one client. 0 is no limit. */
  readonly connectionsPerClient?: number | string | undefined;
  /** New connections a second: a number, or rate and burst. Left out, no limit. */
  readonly connectsPerSecond?: number | string | ConnectsPerSecondOptions | undefined;
  /** New connections a second of one client address, written the same way. Left out, no limit. */
  readonly connectsPerSecondPerClient?: number | string | ConnectsPerSecondOptions | undefined;
  /** Bytes a second from the client, for each connection, such as "10MB/s". 0 is no limit. */
  readonly upload?: string | number | undefined;
  /** Bytes a second from the upstream, for each connection. 0 is no limit. */
  readonly download?: string | number | undefined;
  /**
   * What happens to a new client at the limit of connections: it is closed (refuse), or waits. Default:
   * `refuse`.
   */
  readonly whenFull?: "refuse" | "wait" | undefined;
  /** Closes a connection at this age, even while it is in use. 0 is no limit. */
  readonly lifetime?: string | number | undefined;
}

/** A rate and a burst. */
export interface ConnectsPerSecondOptions {
  /** The average per second. 0.5 is one in two seconds. */
  readonly rate: number | string;
  /** How many are allowed at once after a pause. Left out, the rate, at least 1. */
  readonly burst?: number | string | undefined;
}

/**
 * Takes the client's address from the PROXY protocol header (v1 or v2) that each connection must begin
 * with. Left out, no header is read.
 */
export interface AcceptProxyProtocolOptions {
  /**
   * The load balancers that send the header: addresses, blocks, or unix for peers on the service's unix
   * sockets. Connections from anywhere else are closed.
   */
  readonly from: string | "unix" | readonly (string | "unix")[];
  /** How long the whole header may take. Default: `3s`. */
  readonly timeout?: string | number | undefined;
}

/** The HTTP interface for operators. Left out, there is none. A change needs a restart. */
export interface AdminOptions {
  /** Where it listens: host:port, port (127.0.0.1), :port (all addresses), [v6]:port or unix:/path. */
  readonly listen: number | string;
  /**
   * The token that requests send as Authorization: Bearer, at least 8 characters. Required where other
   * machines can reach listen.
   */
  readonly token?: string | undefined;
  /**
   * Host names of the interface, one or a list, besides IP addresses and localhost. Requests for other
   * hosts are refused. Default: `[]`.
   */
  readonly hosts?: string | readonly string[] | undefined;
  /**
   * Connections at the same time, event streams included. At the limit, a new connection replaces the one
   * that has been idle for longest. Default: `64`.
   */
  readonly maxConnections?: number | string | undefined;
  /** Permissions of the unix socket in listen, in octal such as "0660". Left out, the umask decides. */
  readonly unixMode?: string | number | undefined;
}

/** Endpoints that provide the same service. */
export interface GroupOptions {
  /** Where connections go: servers of the same service. With discovery, the names to look up. */
  readonly endpoints: readonly (string | EndpointOptions)[];
  /** Which endpoint the next connection goes to. Default: `round_robin`. */
  readonly balance?: "round_robin" | "least_connections" | "random_two" | "source_hash" | undefined;
  /** How to try other endpoints before the client's connection fails. */
  readonly retry?: RetryOptions | undefined;
  /** Connects to each endpoint at intervals. Left out, there are no checks. */
  readonly healthCheck?: HealthCheckOptions | undefined;
  /** Takes an endpoint out when connections of clients to it fail. Left out, it stays. */
  readonly passive?: PassiveOptions | undefined;
  /** What happens to the open connections of an endpoint that goes down. Default: `keep`. */
  readonly onDown?: "keep" | "close" | undefined;
  /** Opens connections before clients need them. Left out, none are. */
  readonly pool?: PoolOptions | undefined;
  /** Finds endpoints in DNS. Left out, a name is looked up for each connection. */
  readonly discovery?: DiscoveryOptions | undefined;
}

/** Finds endpoints in DNS. Left out, a name is looked up for each connection. */
export interface DiscoveryOptions {
  /**
   * a: addresses of the endpoints' names, looked up again when their TTL has passed. srv: SRV records of
   * the endpoints' names, which bring ports, priorities and weights.
   */
  readonly dns: "a" | "srv";
  /** How often SRV records are looked up. Default: `10s`. */
  readonly interval?: string | number | undefined;
  /**
   * The name server to ask, an IP address with a port or without one (53). Left out, those of the system.
   */
  readonly server?: string | undefined;
}

/** Opens connections before clients need them. Left out, none are. */
export interface PoolOptions {
  /**
   * warm hands out connections that were never used. reuse also takes used ones back, which is for
   * protocols without session state only. Default: `warm`.
   */
  readonly mode?: "warm" | "reuse" | undefined;
  /** Connections that wait for each endpoint, in all threads together. Default: `8`. */
  readonly maxIdle?: number | string | undefined;
  /** How long a waiting connection stays open. Default: `5s`. */
  readonly maxIdleTime?: string | number | undefined;
  /**
   * For reuse: how long the upstream must be silent before another client gets the connection. Default:
   * `50ms`.
   */
  readonly quiet?: string | number | undefined;
  /** For reuse: how many clients one connection may serve. Default: `1000`. */
  readonly maxUses?: number | string | undefined;
}

/** Takes an endpoint out when connections of clients to it fail. Left out, it stays. */
export interface PassiveOptions {
  /**
   * Failed connections of clients (not connected, or reset at once) that take an endpoint out. Default:
   * `5`.
   */
  readonly failures?: number | string | undefined;
  /** The time window in which failures are counted. Default: `10s`. */
  readonly window?: string | number | undefined;
  /** How long the endpoint stays out. Default: `30s`. */
  readonly eject?: string | number | undefined;
}

/** Connects to each endpoint at intervals. Left out, there are no checks. */
export interface HealthCheckOptions {
  /** How often each endpoint is checked, give or take 10 %. Default: `5s`. */
  readonly interval?: string | number | undefined;
  /** How long one check may take, connecting and answer included. Default: `2s`. */
  readonly timeout?: string | number | undefined;
  /** Good checks in a row that bring an endpoint up. Default: `2`. */
  readonly rise?: number | string | undefined;
  /** Bad checks in a row that take an endpoint down. Default: `3`. */
  readonly fall?: number | string | undefined;
  /**
   * What to send once connected: text such as "PING\r\n", or bytes such as "hex:0d0a". Left out, nothing.
   */
  readonly send?: string | Uint8Array | undefined;
  /** What the answer must begin with, written the same way. Left out, an open connection is enough. */
  readonly expect?: string | Uint8Array | undefined;
  /**
   * Whether checks use TLS, with the upstream_tls of the first service that has it. Left out, they do as
   * the services that use the group; required where these differ.
   */
  readonly tls?: boolean | undefined;
  /**
   * The PROXY header that a check begins with: that of a connection of the proxy itself (LOCAL, or UNKNOWN
   * in v1). Left out, the version of the services that use the group; required where these differ.
   */
  readonly proxyProtocol?: "none" | "v1" | "v2" | undefined;
}

/** How to try other endpoints before the client's connection fails. */
export interface RetryOptions {
  /** How many endpoints are tried for one client. Default: `3`. */
  readonly attempts?: number | string | undefined;
  /** How long all attempts together may take. 0 is no limit. Default: `10s`. */
  readonly timeout?: string | number | undefined;
}

/** An address that connections can go to. */
export interface EndpointOptions {
  /** host:port, [v6]:port or unix:/path; with discovery by SRV records, a name without a port. */
  readonly address: string;
  /** The endpoint's share of the connections, in proportion to the others' weights. Default: `1`. */
  readonly weight?: number | string | undefined;
  /** Connections to the endpoint at the same time, of all services together. 0 is no limit. */
  readonly maxConnections?: number | string | undefined;
  /** Use this endpoint only while no other endpoint can be used. */
  readonly backup?: boolean | undefined;
}

/** Values for all services that do not set these keys. */
export interface DefaultsOptions {
  /**
   * Addresses of clients to accept: one, a block such as "10.0.0.0/8", or a list. An empty list accepts
   * all. Default: `[]`.
   */
  readonly allow?: string | readonly string[] | undefined;
  /** Addresses of clients to refuse, even if allow has them, written the same way. Default: `[]`. */
  readonly deny?: string | readonly string[] | undefined;
  /**
   * How long one attempt to reach the upstream may take, name lookup included. 0 is no limit. Default:
   * `5s`.
   */
  readonly connectTimeout?: string | number | undefined;
  /** Closes a connection after this time without a byte from either side. 0 is no limit. Default: `10m`. */
  readonly idleTimeout?: string | number | undefined;
  /** The idle timeout once one side has finished sending. Left out or 0, idle_timeout. */
  readonly halfCloseTimeout?: string | number | undefined;
  /**
   * The largest buffer for each direction of a connection, 4KiB to 16MiB. Buffers start small and grow up
   * to this; beyond 256KiB only while buffers of that size take less than 64MiB in a thread. Default:
   * `1MiB`.
   */
  readonly bufferSize?: string | number | undefined;
  /** Send small packets at once (TCP_NODELAY). Default: `true`. */
  readonly nodelay?: boolean | undefined;
  /** Probe silent connections: after the kernel's time (true), or after a duration of at least 1s. */
  readonly keepalive?: boolean | string | number | undefined;
  /**
   * What the other side sees when one side resets its connection: an orderly close, or a reset as well
   * (pass). Default: `close`.
   */
  readonly reset?: "close" | "pass" | undefined;
}

/** Limits of all services together. */
export interface LimitsOptions {
  /** Connections of all services at the same time. Each takes two descriptors. 0 is no limit. */
  readonly connections?: number | string | undefined;
}

/** How the program stops. */
export interface ShutdownOptions {
  /**
   * How long a stop waits for open connections before it closes them. 0 closes them at once. Default:
   * `30s`.
   */
  readonly drain?: string | number | undefined;
  /**
   * How long a stop still accepts connections before that, while readiness checks already fail, so that
   * load balancers notice. 0 is no delay.
   */
  readonly delay?: string | number | undefined;
}

/** What is logged, and how. */
export interface LogOptions {
  /** The lowest level to log. Default: `info`. */
  readonly level?: "debug" | "info" | "warn" | "error" | undefined;
  /** text is for people; json is one object per line. Default: `text`. */
  readonly format?: "text" | "json" | undefined;
  /** The line that each connection leaves when it ends. */
  readonly access?: AccessOptions | undefined;
}

/** The line that each connection leaves when it ends. */
export interface AccessOptions {
  /** The file to append lines to. Left out, they go to stderr. */
  readonly path?: string | undefined;
  /** The format of lines in the file. Left out, that of log. */
  readonly format?: "text" | "json" | undefined;
  /**
   * The share of connections to log, 0.1 for one in ten. Connections that failed or were refused are always
   * logged. Default: `1`.
   */
  readonly sample?: number | string | undefined;
}
