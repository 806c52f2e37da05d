// deno-fmt-ignore-file
/**
 * What a program can say about a proxy. Written by `deno task schema` from the schema of a configuration file:
 * edit that, not this.
 */

import type { FilterFactory } from "./filter.ts";

/**
 * What a program can say about a proxy: everything that a configuration file can, in camelCase. Durations may be
 * numbers of milliseconds. Environment variables are not expanded.
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
   * How many threads accept and relay, 1 to 256, each on a core of its own. auto is one for each CPU. A change needs a
   * restart. Default: `1`.
   */
  readonly workers?: number | "auto" | string | undefined;
  /** Whether faults can be added to services while the program runs. Left out, only if some service has faults here. */
  readonly faults?: boolean | undefined;
  /**
   * What random decisions of faults follow from: the same seed, the same decisions. A number or a text. Left out, that
   * of --seed or SLUICE_SEED, or a random one. A change needs a restart.
   */
  readonly seed?: number | string | undefined;
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
export interface ServiceOptions extends DefaultsOptions {
  /** The name of the service in logs and metrics. No two services have the same. */
  readonly name: string;
  /**
   * Where clients connect, one address or a list: host:port, port (127.0.0.1), :port (all addresses), [v6]:port,
   * unix:/path, or systemd:name for a socket that systemd holds. A port may be a range such as 7000-7010. Port 0 takes
   * a free one.
   */
  readonly listen: number | string | readonly (number | string)[];
  /** Permissions of the unix sockets in listen, in octal such as "0660". Left out, the umask decides. */
  readonly unixMode?: string | number | undefined;
  /**
   * Takes the client's address from the PROXY protocol header (v1 or v2) that each connection must begin with. Left
   * out, no header is read.
   */
  readonly acceptProxyProtocol?: AcceptProxyProtocolOptions | undefined;
  /**
   * Which certificates of clients to accept: all that is said here must apply. Left out, any, and clients without one.
   */
  readonly allowClients?: AllowClientsOptions | undefined;
  /** Limits of the service and of each client. */
  readonly limits?: ServiceLimitsOptions | undefined;
  /**
   * How to wait for what clients send first, where routes need it: for protocol, starts_with, silent, sni and alpn; and
   * for an upstream "{sni}:443".
   */
  readonly peek?: PeekOptions | undefined;
  /** TLS with clients. Left out, bytes are relayed as they are, TLS included. */
  readonly tls?: TlsOptions | undefined;
  /** Upstreams for some clients. The first route whose conditions a client meets decides. */
  readonly routes?: readonly RouteOptions[] | undefined;
  /**
   * Where connections go: host:port, [v6]:port or unix:/path, the name of a group, a list of endpoints, or a group
   * written in place. A range of ports, host:7000-7010, is for as many ports of listen, one for each. "{sni}:443" is
   * the server name that each client asks for in its TLS ClientHello, see allow_names. With routes, it is for clients
   * that match none; left out, these are refused.
   */
  readonly upstream?: UpstreamOptions | undefined;
  /**
   * With an upstream "{sni}:443": the server names that clients may be sent to: one, a pattern such as "*.example.com",
   * a file, or a list. "*" is every name: any client can then connect to any host with a public address.
   */
  readonly allowNames?: string | "*" | ListFileOptions | readonly (string | "*" | ListFileOptions)[] | undefined;
  /**
   * With an upstream "{sni}:443": whether names may lead to addresses that are not public, such as those of this
   * machine and its networks. true, or blocks of those that may be reached.
   */
  readonly allowPrivate?: boolean | string | readonly (boolean | string)[] | undefined;
  /** Copies what clients send to another upstream, whose answers are dropped. It never slows or breaks a connection. */
  readonly mirror?: MirrorOptions | undefined;
  /**
   * Modules whose default export makes the filter of a connection, in the order in which bytes pass them. An executable
   * cannot import modules: run sluice with deno. Left out, none.
   */
  readonly filters?: readonly string[] | undefined;
  /** Begins each upstream connection with a PROXY protocol header of this version. Left out, with none. */
  readonly sendProxyProtocol?: "v1" | "v2" | undefined;
  /** TLS with upstreams; {} is enough. Left out, sluice starts no TLS, and passes TLS of clients through. */
  readonly upstreamTls?: UpstreamTlsOptions | undefined;
  /** The local address of upstream connections. Left out, the system chooses it. */
  readonly sourceAddress?: string | undefined;
  /** What goes wrong on its connections on purpose, for tests. */
  readonly faults?: readonly FaultOptions[] | undefined;
  /** What the bytes of each connection pass through. It needs `workers: 1`, the default. */
  readonly filter?: FilterFactory | undefined;
}

/** Does nothing. Clients of toxiproxy have it. */
export interface NoopFaultOptions extends ByteFaultOptions {
  /** Does nothing. Clients of toxiproxy have it. */
  readonly type: "noop";
}

/** Replaces bytes. Holds what may be their beginning until more comes. */
export interface ReplaceFaultOptions extends ByteFaultOptions {
  /** Replaces bytes. Holds what may be their beginning until more comes. */
  readonly type: "replace";
  /** What is replaced: text, or bytes such as `hex:0d0a`. */
  readonly find: string | Uint8Array;
  /** What comes in its place: text, or bytes such as `hex:0d0a`. By default, nothing. */
  readonly replacement?: string | Uint8Array | undefined;
}

/** Flips a random bit in some of the bytes. The choice does not depend on the chunks. */
export interface CorruptFaultOptions extends ByteFaultOptions {
  /** Flips a random bit in some of the bytes. The choice does not depend on the chunks. */
  readonly type: "corrupt";
  /** The share of bytes in which a bit is flipped. */
  readonly rate: number | string;
}

/** Lets nothing pass until it is removed: nothing is read meanwhile, and nothing is lost. */
export interface FreezeFaultOptions extends ByteFaultOptions {
  /** Lets nothing pass until it is removed: nothing is read meanwhile, and nothing is lost. */
  readonly type: "freeze";
  /** Whose bytes it acts on: the client's (upload), the upstream's (download), or both. Default: `both`. */
  readonly direction?: "upload" | "download" | "both" | undefined;
}

/** Lets nothing pass for a while, then everything: nothing is read meanwhile, and nothing is lost. */
export interface StallFaultOptions extends ByteFaultOptions {
  /** Lets nothing pass for a while, then everything: nothing is read meanwhile, and nothing is lost. */
  readonly type: "stall";
  /** How long nothing passes, from when the fault begins. */
  readonly duration: string | number;
}

/** Lets one byte at a time pass. */
export interface DripFaultOptions extends ByteFaultOptions {
  /** Lets one byte at a time pass. */
  readonly type: "drip";
  /** The time between two bytes. Default: `100ms`. */
  readonly delay?: string | number | undefined;
}

/** Ends the direction (FIN) after some bytes, and discards the rest. */
export interface TruncateFaultOptions extends ByteFaultOptions {
  /** Ends the direction (FIN) after some bytes, and discards the rest. */
  readonly type: "truncate";
  /** How many bytes pass before the end. Default: `0B`. */
  readonly bytes?: string | number | undefined;
}

/** Swallows the end of the direction (FIN); bytes pass. */
export interface HalfOpenFaultOptions extends ByteFaultOptions {
  /** Swallows the end of the direction (FIN); bytes pass. */
  readonly type: "half_open";
  /** Whose bytes it acts on: the client's (upload), the upstream's (download), or both. Default: `both`. */
  readonly direction?: "upload" | "download" | "both" | undefined;
}

/** Swallows all bytes and the end of the direction (FIN). If it stops acting after that, closes the connection. */
export interface BlackholeFaultOptions extends ByteFaultOptions {
  /** Swallows all bytes and the end of the direction (FIN). If it stops acting after that, closes the connection. */
  readonly type: "blackhole";
}

/** Delays the connection to the upstream. */
export interface DelayConnectFaultOptions extends ConnectionFaultOptions {
  /** Delays the connection to the upstream. */
  readonly type: "delay_connect";
  /** How long to wait before connecting to the upstream. */
  readonly delay: string | number;
  /**
   * Only connections whose ClientHello asks for one of these names: one, a pattern such as "*.example.com", or a list.
   */
  readonly sni?: string | readonly string[] | undefined;
}

/** Leaves clients alone for a while after they were accepted. */
export interface DelayAcceptFaultOptions extends ConnectionFaultOptions {
  /** Leaves clients alone for a while after they were accepted. */
  readonly type: "delay_accept";
  /** How long an accepted client waits. */
  readonly delay: string | number;
}

/** Resets clients as soon as they are accepted. */
export interface RefuseFaultOptions extends ConnectionFaultOptions {
  /** Resets clients as soon as they are accepted. */
  readonly type: "refuse";
}

/** Stops listening and cuts all connections. The service keeps its port for when the fault is removed. */
export interface DownFaultOptions extends AnyFaultOptions {
  /** Stops listening and cuts all connections. The service keeps its port for when the fault is removed. */
  readonly type: "down";
}

/** Drops some of the chunks that were read at once: the bytes are missing, and what follows passes. */
export interface PacketLossFaultOptions extends ByteFaultOptions {
  /** Drops some of the chunks that were read at once: the bytes are missing, and what follows passes. */
  readonly type: "packet_loss";
  /** The share of chunks that are dropped. Default: `0.1`. */
  readonly lossRate?: number | string | undefined;
  /** Added to `loss_rate` for the chunk after a dropped one, so that losses come in bursts. */
  readonly correlation?: number | string | undefined;
}

/** Closes the connection once this many bytes have passed. */
export interface LimitDataFaultOptions extends ByteFaultOptions {
  /** Closes the connection once this many bytes have passed. */
  readonly type: "limit_data";
  /** How many bytes pass. With 0, the first one closes the connection. */
  readonly bytes: string | number;
}

/** Divides what passes into small pieces. */
export interface SlicerFaultOptions extends ByteFaultOptions {
  /** Divides what passes into small pieces. */
  readonly type: "slicer";
  /** The average size of a piece. */
  readonly averageSize: string | number;
  /** By how much a piece is larger or smaller at most. The seed determines the sizes. Default: `0B`. */
  readonly sizeVariation?: string | number | undefined;
  /** The time between two pieces. */
  readonly delay?: string | number | undefined;
}

/** Resets both sides (RST). */
export interface ResetPeerFaultOptions extends ByteFaultOptions {
  /** Resets both sides (RST). */
  readonly type: "reset_peer";
  /** The time from the beginning of the fault to the reset. Until then, bytes pass. */
  readonly timeout?: string | number | undefined;
  /** Whose bytes it acts on: the client's (upload), the upstream's (download), or both. Default: `both`. */
  readonly direction?: "upload" | "download" | "both" | undefined;
}

/** Swallows all bytes, and closes the connection after a while, or when it stops acting. */
export interface TimeoutFaultOptions extends ByteFaultOptions {
  /** Swallows all bytes, and closes the connection after a while, or when it stops acting. */
  readonly type: "timeout";
  /** The time from the beginning of the fault to the close of the connection. 0: when the fault stops acting. */
  readonly timeout: string | number;
}

/** Delays the end of the direction (FIN). */
export interface SlowCloseFaultOptions extends ByteFaultOptions {
  /** Delays the end of the direction (FIN). */
  readonly type: "slow_close";
  /** How long the end is delayed. */
  readonly delay: string | number;
}

/** Limits the rate. */
export interface BandwidthFaultOptions extends ByteFaultOptions {
  /** Limits the rate. */
  readonly type: "bandwidth";
  /** How many bytes pass per second. 0: none. */
  readonly rate: string | number;
}

/** Delays what passes, without limiting the rate. */
export interface LatencyFaultOptions extends ByteFaultOptions {
  /** Delays what passes, without limiting the rate. */
  readonly type: "latency";
  /** How long bytes and the end of the direction are delayed. */
  readonly latency: string | number;
  /** By how much the delay of a chunk differs from `latency`. Bytes stay in order. */
  readonly jitter?: string | number | undefined;
  /**
   * With `uniform`, up to `jitter` more or less; with `normal`, `jitter` is the standard deviation. Default: `uniform`.
   */
  readonly distribution?: "uniform" | "normal" | undefined;
  /** How many bytes each direction of a connection holds before it stops reading. Default: `256MiB`. */
  readonly buffer?: string | number | undefined;
}

/** What a fault of bytes can say. */
export interface ByteFaultOptions extends ConnectionFaultOptions {
  /** Whose bytes it acts on: the client's (upload), the upstream's (download), or both. Default: `download`. */
  readonly direction?: "upload" | "download" | "both" | undefined;
  /**
   * Only connections whose ClientHello asks for one of these names: one, a pattern such as "*.example.com", or a list.
   */
  readonly sni?: string | readonly string[] | undefined;
  /** Begins once this many bytes have passed in its direction. */
  readonly afterBytes?: string | number | undefined;
  /** Begins this long after the upstream was connected. */
  readonly after?: string | number | undefined;
  /** Begins behind these bytes in its direction: text such as "SELECT", or bytes such as "hex:0d0a". */
  readonly match?: string | Uint8Array | undefined;
  /** How long it acts on a connection. After that, bytes pass again. */
  readonly for?: string | number | undefined;
}

/** What a fault of connections can say. */
export interface ConnectionFaultOptions extends AnyFaultOptions {
  /** Only every nth connection of the service, counted from when the fault was added. */
  readonly every?: number | string | undefined;
  /** Only the first n connections of the service, counted from when the fault was added. */
  readonly first?: number | string | undefined;
  /** The share of connections, 0 to 1. The seed decides which. */
  readonly probability?: number | string | undefined;
  /** Acts on this many connections at most. */
  readonly times?: number | string | undefined;
  /** Only clients with these addresses: one, a block such as "10.1.0.0/16", or a list. */
  readonly client?: string | readonly string[] | undefined;
}

/** What every fault can say. */
export interface AnyFaultOptions {
  /** The name of the fault in logs and metrics. Left out, its type and direction: latency_download. */
  readonly name?: string | undefined;
  /** false: it does nothing until it is enabled. Default: `true`. */
  readonly enabled?: boolean | undefined;
}

/**
 * What goes wrong on connections of a service, and when.
 *
 * @example Every third connection ends its answers late
 * ```ts
 * import { type FaultOptions, startProxy } from "@sluice/sluice";
 *
 * const late: FaultOptions = { type: "slow_close", delay: 200, every: 3 };
 * await using proxy = await startProxy({
 *   services: [{ name: "db", listen: 0, upstream: "127.0.0.1:5432", faults: [late] }],
 * });
 * ```
 */
export type FaultOptions =
  | LatencyFaultOptions
  | BandwidthFaultOptions
  | SlowCloseFaultOptions
  | TimeoutFaultOptions
  | ResetPeerFaultOptions
  | SlicerFaultOptions
  | LimitDataFaultOptions
  | PacketLossFaultOptions
  | DownFaultOptions
  | RefuseFaultOptions
  | DelayAcceptFaultOptions
  | DelayConnectFaultOptions
  | BlackholeFaultOptions
  | HalfOpenFaultOptions
  | TruncateFaultOptions
  | DripFaultOptions
  | StallFaultOptions
  | FreezeFaultOptions
  | CorruptFaultOptions
  | ReplaceFaultOptions
  | NoopFaultOptions;

/** TLS with upstreams; {} is enough. Left out, sluice starts no TLS, and passes TLS of clients through. */
export interface UpstreamTlsOptions {
  /** A PEM file with the authorities that issue certificates of upstreams. Left out, those that Deno trusts. */
  readonly ca?: string | undefined;
  /** A PEM file with a certificate, for upstreams that ask for one. */
  readonly cert?: string | undefined;
  /** A PEM file with its private key. */
  readonly key?: string | undefined;
  /**
   * The name or IP address that upstreams' certificates must be for; a name is also sent (SNI). Left out, the host of
   * the endpoint.
   */
  readonly serverName?: string | undefined;
  /** false accepts any certificate: any server can pose as the upstream. Default: `true`. */
  readonly verify?: boolean | undefined;
  /**
   * Protocols offered to upstreams (ALPN), the preferred ones first. Left out, none are offered; with starttls:
   * postgres, postgresql. Default: `[]`.
   */
  readonly alpn?: string | readonly string[] | undefined;
  /**
   * For upstreams that begin in plain text and are asked for TLS inside this protocol. Left out, they begin with TLS.
   */
  readonly starttls?: "postgres" | "smtp" | "imap" | undefined;
}

/** Copies what clients send to another upstream, whose answers are dropped. It never slows or breaks a connection. */
export interface MirrorOptions {
  /**
   * Where copies go, written as the upstream of a service: an address, a list, the name of a group or a group written
   * in place. Connections to it have no TLS and no PROXY header.
   */
  readonly upstream: UpstreamOptions;
  /** The share of connections to copy, 0.1 or 10% for one in ten. Default: `1`. */
  readonly share?: number | string | undefined;
  /**
   * How much of a connection may wait for its copy, 64KiB to 64MiB. With more than that, the copy is given up. Default:
   * `1MiB`.
   */
  readonly buffer?: string | number | undefined;
}

/** Where some clients of a service go: those that meet all conditions. */
export interface RouteOptions {
  /** Ports of the client: one, a range such as "40000-40999", or a list. Left out, any. */
  readonly sourcePort?: number | string | readonly (number | string)[] | undefined;
  /** Addresses of the client: one, a block such as "10.1.0.0/16", a file, or a list. Left out, any. */
  readonly sourceIp?: string | ListFileOptions | readonly (string | ListFileOptions)[] | undefined;
  /** Ports of the service that the client connected to: one, a range, or a list. Left out, any. */
  readonly listenPort?: number | string | readonly (number | string)[] | undefined;
  /**
   * Names in the client's certificate: DNS, mail or URI, or its common name if it has none of these. One, a pattern
   * such as "*.devices.example", "*@example.com" or "spiffe://example.com/*", or a list. Left out, clients with any
   * certificate or none match.
   */
  readonly clientName?: string | readonly string[] | undefined;
  /**
   * Subjects of the client's certificate, as the log shows them: one such as "O=Acme, CN=alice", a pattern such as
   * "O=Acme, CN=*" or "O=Acme, *", or a list. Left out, clients with any certificate or none match.
   */
  readonly clientSubject?: string | readonly string[] | undefined;
  /**
   * Issuers of the client's certificate, written the same way. Left out, clients with any certificate or none match.
   */
  readonly clientIssuer?: string | readonly string[] | undefined;
  /** The protocol that the client's first bytes begin: one, or a list. Left out, any. */
  readonly protocol?: "tls" | "http" | "http2" | "ssh" | "postgres" | "redis" | "mongodb" | "mssql" | "mqtt" | "amqp" | "rdp" | "ldap" | "dns" | "xmpp" | "rtsp" | "stun" | "socks4" | "socks5" | "proxy" | readonly ("tls" | "http" | "http2" | "ssh" | "postgres" | "redis" | "mongodb" | "mssql" | "mqtt" | "amqp" | "rdp" | "ldap" | "dns" | "xmpp" | "rtsp" | "stun" | "socks4" | "socks5" | "proxy")[] | undefined;
  /**
   * What the client sends first: text such as "HELO", bytes such as "hex:160301", or a list of these. Left out,
   * anything.
   */
  readonly startsWith?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  /**
   * true: clients that send nothing for peek.timeout, because they wait for the server's greeting. false: clients that
   * send something. Left out, both.
   */
  readonly silent?: boolean | undefined;
  /**
   * Server names in the TLS ClientHello: one, a pattern such as "*.example.com", which stands for one label, or
   * "**.example.com" for one or more, a file, or a list. Left out, any, and connections without TLS too.
   */
  readonly sni?: string | ListFileOptions | readonly (string | ListFileOptions)[] | undefined;
  /**
   * Protocols that the TLS ClientHello offers at least one of: "h2", or a list. Left out, any, and connections without
   * TLS too.
   */
  readonly alpn?: string | readonly string[] | undefined;
  /**
   * TLS with the clients of this route; false passes theirs through. Where a route has it, routes are chosen before TLS
   * begins. Left out, the tls of the service.
   */
  readonly tls?: false | "false" | RouteTlsOptions | undefined;
  /** The upstream of clients that meet all conditions, written like that of a service. */
  readonly upstream: UpstreamOptions;
}

/** Where connections go: an address, the name of a group, a list of endpoints, or a group. */
export type UpstreamOptions = string | readonly (string | EndpointOptions)[] | GroupOptions;

/** TLS with clients. Left out, bytes are relayed as they are, TLS included. */
export interface TlsOptions extends RouteTlsOptions {
  /**
   * Which TLS implementation serves clients. node (node:tls): new certificates lose no handshake, and silent clients
   * are closed. deno (Deno.listenTls): cheaper handshakes, but of the keys above only one certificate and alpn.
   * Default: `node`.
   */
  readonly engine?: "node" | "deno" | undefined;
  /** The former name of engine: true is node, false is deno. This release is the last that reads it. @deprecated */
  readonly seamless?: boolean | undefined;
}

/** TLS with the clients of a route, on node:tls. */
export interface RouteTlsOptions {
  /** Certificates with their keys. The name that a client asks for decides; the first serves all other clients. */
  readonly certificates?: readonly CertificateOptions[] | undefined;
  /** In place of certificates, for one certificate: a PEM file with the certificate, then those of its issuers. */
  readonly cert?: string | undefined;
  /** A PEM file with its private key. */
  readonly key?: string | undefined;
  /** In place of certificates, to order one from Let's Encrypt or another ACME server, and renew it. */
  readonly acme?: AcmeOptions | undefined;
  /** A PEM file with the authorities that issue certificates of clients. */
  readonly clientCa?: string | undefined;
  /**
   * A file with the revocation lists of these authorities, PEM or DER. Certificates that they revoke are refused, and
   * all where a list is missing or has expired.
   */
  readonly crl?: string | undefined;
  /**
   * Certificates of clients: required (require), optional but valid (request), or not asked for (none). Left out,
   * require with client_ca, else none.
   */
  readonly clientAuth?: "require" | "request" | "none" | undefined;
  /**
   * Protocols offered to clients (ALPN), the preferred ones first. Clients that offer only others are refused. Left
   * out, none are offered; with starttls: postgres, postgresql. Default: `[]`.
   */
  readonly alpn?: string | readonly string[] | undefined;
  /** For clients that begin in plain text and ask for TLS inside this protocol. Left out, they begin with TLS. */
  readonly starttls?: "postgres" | "smtp" | "imap" | undefined;
  /** With starttls: postgres, false lets in clients that do not ask for TLS. Left out, true. */
  readonly required?: boolean | undefined;
  /** The oldest version of TLS that clients may speak. Default: `1.2`. */
  readonly minVersion?: "1.2" | "1.3" | 1.2 | 1.3 | undefined;
  /** How long the handshake with a client may take. Default: `10s`. */
  readonly handshakeTimeout?: string | number | undefined;
}

/** In place of certificates, to order one from Let's Encrypt or another ACME server, and renew it. */
export interface AcmeOptions {
  /** The DNS names of the certificate, one or a list. The first one names its file, so keep it first. */
  readonly names: string | readonly string[];
  /** Must be true: you agree to the terms of service of the directory, which its operator publishes. */
  readonly agreeToTerms: boolean;
  /**
   * The folder for account key, certificates and keys. Several proxies may share one: then one of them orders, for all.
   */
  readonly storage: string;
  /**
   * The URL of the ACME server. Left out, Let's Encrypt; to try it out,
   * https://acme-staging-v02.api.letsencrypt.org/directory. Default: `https://acme-v02.api.letsencrypt.org/directory`.
   */
  readonly directory?: string | undefined;
  /** The address that the server may write to. Left out, none. */
  readonly email?: string | undefined;
  /**
   * Where to answer checks over HTTP (http-01), which come to port 80 of the names: 0.0.0.0:80. Left out, they are
   * answered over TLS (tls-alpn-01) where the service listens, to which port 443 of the names must lead.
   */
  readonly http?: number | string | undefined;
  /** A PEM file with the authorities that the server itself is verified with. Left out, those that Deno trusts. */
  readonly ca?: string | undefined;
  /** The kind of certificate, of those that the server offers, such as shortlived. Left out, the server's default. */
  readonly profile?: string | undefined;
  /** An account at the server's operator, where the server asks for one. Left out, none. */
  readonly externalAccount?: ExternalAccountOptions | undefined;
}

/** An account at the server's operator, where the server asks for one. Left out, none. */
export interface ExternalAccountOptions {
  /** The ID of the account. */
  readonly keyId: string;
  /** The key for it, as base64url. */
  readonly hmacKey: string;
}

/** A certificate and its key. */
export interface CertificateOptions {
  /** A PEM file: the certificate, then those of its issuers. */
  readonly cert: string;
  /** A PEM file: the private key of the certificate. */
  readonly key: string;
}

/**
 * How to wait for what clients send first, where routes need it: for protocol, starts_with, silent, sni and alpn; and
 * for an upstream "{sni}:443".
 */
export interface PeekOptions {
  /**
   * How long to wait for what a client sends first. After that, it meets no condition that needs more of it, and counts
   * as one without TLS. Default: `3s`.
   */
  readonly timeout?: string | number | undefined;
  /**
   * For clients that ask for TLS inside this protocol: sluice lets them begin it before it chooses their route, so that
   * their server name can decide. Where TLS passes through, sluice then asks the upstream for it.
   */
  readonly starttls?: "postgres" | undefined;
  /**
   * How much of what a client sends first to look at, such as the longest ClientHello, 1KiB to 64KiB. Default: `16KiB`.
   */
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
  /** What happens to a new client at the limit of connections: it is closed (refuse), or waits. Default: `refuse`. */
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
 * Which certificates of clients to accept: all that is said here must apply. Left out, any, and clients without one.
 */
export interface AllowClientsOptions {
  /**
   * Names in the client's certificate: DNS, mail or URI, or its common name if it has none of these. One, a pattern
   * such as "*.devices.example", "*@example.com" or "spiffe://example.com/*", or a list. Left out, clients with any
   * certificate or none match.
   */
  readonly clientName?: string | readonly string[] | undefined;
  /**
   * Subjects of the client's certificate, as the log shows them: one such as "O=Acme, CN=alice", a pattern such as
   * "O=Acme, CN=*" or "O=Acme, *", or a list. Left out, clients with any certificate or none match.
   */
  readonly clientSubject?: string | readonly string[] | undefined;
  /**
   * Issuers of the client's certificate, written the same way. Left out, clients with any certificate or none match.
   */
  readonly clientIssuer?: string | readonly string[] | undefined;
}

/**
 * Takes the client's address from the PROXY protocol header (v1 or v2) that each connection must begin with. Left out,
 * no header is read.
 */
export interface AcceptProxyProtocolOptions {
  /**
   * The load balancers that send the header: addresses, blocks, files with these, or unix for peers on the service's
   * unix sockets. Connections from anywhere else are closed.
   */
  readonly from: string | ListFileOptions | "unix" | readonly (string | ListFileOptions | "unix")[];
  /** How long the whole header may take. Default: `3s`. */
  readonly timeout?: string | number | undefined;
}

/** The HTTP interface for operators. Left out, there is none. A change needs a restart. */
export interface AdminOptions {
  /** Where it listens: host:port, port (127.0.0.1), :port (all addresses), [v6]:port or unix:/path. */
  readonly listen: number | string;
  /**
   * The token that requests send as Authorization: Bearer, at least 8 characters. Required where other machines can
   * reach listen.
   */
  readonly token?: string | undefined;
  /**
   * Host names of the interface, one or a list, besides IP addresses and localhost. Requests for other hosts are
   * refused. Default: `[]`.
   */
  readonly hosts?: string | readonly string[] | undefined;
  /**
   * Connections at the same time, event streams included. At the limit, a new connection replaces the one that has been
   * idle for longest. Default: `64`.
   */
  readonly maxConnections?: number | string | undefined;
  /** Where clients of toxiproxy find its HTTP API, such as 127.0.0.1:8474. It has no token. Left out, nowhere. */
  readonly toxiproxy?: number | string | undefined;
  /** Permissions of the unix socket in listen, in octal such as "0660". Left out, the umask decides. */
  readonly unixMode?: string | number | undefined;
}

/** Endpoints that provide the same service. */
export interface GroupOptions {
  /**
   * Where connections go: servers of the same service. With discovery by dns, the names to look up; with any other
   * source, left out.
   */
  readonly endpoints?: readonly (string | EndpointOptions)[] | undefined;
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
  /**
   * What happens to the open connections of higher tiers when an endpoint of a lower tier is usable again. Left out,
   * they stay.
   */
  readonly onRecover?: "keep" | "close" | OnRecoverOptions | undefined;
  /** endpoint: all new connections go to the endpoint where the last one went, until it fails. Left out, none. */
  readonly stick?: "none" | "endpoint" | undefined;
  /**
   * After an endpoint comes up, its share of new connections grows over this time to that of its weight. 0 gives it the
   * whole share at once.
   */
  readonly slowStart?: string | number | undefined;
  /**
   * Closes idle connections of endpoints that have more than their share, so that clients connect again. Left out,
   * none.
   */
  readonly rebalance?: RebalanceOptions | undefined;
  /**
   * Closes connections of an endpoint that an operator drains once no byte has come from either side for this long. 0
   * closes none.
   */
  readonly drainIdle?: string | number | undefined;
  /**
   * What happens to clients while no endpoint is up. try: they get one that is down. refuse: they are refused at once.
   * wait: they wait, for retry.timeout at most, and failed connects are tried again in this time. Default: `try`.
   */
  readonly onAllDown?: "try" | "refuse" | "wait" | undefined;
  /**
   * While every usable endpoint has its max_connections, clients wait for a place, first come, first served. Left out,
   * they are refused.
   */
  readonly queue?: string | number | QueueOptions | undefined;
  /** Opens connections before clients need them. Left out, none are. */
  readonly pool?: PoolOptions | undefined;
  /**
   * Finds endpoints elsewhere: in DNS, a file, Consul or Kubernetes. Left out, a name is looked up for each connection.
   */
  readonly discovery?: DiscoveryOptions | undefined;
}

/**
 * Finds endpoints elsewhere: in DNS, a file, Consul or Kubernetes. Left out, a name is looked up for each connection.
 */
export interface DiscoveryOptions {
  /**
   * a: addresses of the endpoints' names, looked up again when their TTL has passed. srv: SRV records of the endpoints'
   * names, which bring ports, priorities and weights.
   */
  readonly dns?: "a" | "srv" | undefined;
  /** A file with the endpoints, JSON or YAML as Prometheus reads it (file_sd), read again when it changes. */
  readonly file?: string | undefined;
  /** The healthy instances of a service in Consul, which says when they change. */
  readonly consul?: ConsulOptions | undefined;
  /** The endpoints of a Service in Kubernetes, from its EndpointSlices, as they change. */
  readonly kubernetes?: KubernetesOptions | undefined;
  /** With dns: how often SRV records are looked up. Left out, 10s. */
  readonly interval?: string | number | undefined;
  /** With dns: the name server to ask, an IP address with a port or without one (53). Left out, those of the system. */
  readonly server?: string | undefined;
  /**
   * With any other source: connections to each endpoint at the same time, of all services together, where the source
   * says nothing else. 0 or left out, no limit.
   */
  readonly maxConnections?: number | string | undefined;
}

/** The endpoints of a Service in Kubernetes, from its EndpointSlices, as they change. */
export interface KubernetesOptions {
  /** The name of the Service. */
  readonly service: string;
  /** The namespace of the Service. Left out, that of the pod. */
  readonly namespace?: string | undefined;
  /** The name of a port in the Service, or its number in the pods. Left out, the only TCP port. */
  readonly port?: number | string | undefined;
  /** The zone of this proxy, whose endpoints are tier 0; others are tier 1. Left out or empty, all are tier 0. */
  readonly zone?: string | undefined;
  /** The API server, https, or http without a token (kubectl proxy). Left out, that of the pod's cluster. */
  readonly server?: string | undefined;
  /** A file with a token for the API server, read before each request. Left out, that of the pod's service account. */
  readonly tokenFile?: string | undefined;
  /**
   * A PEM file with authorities to trust besides those that Deno trusts. Left out, that of the pod's service account.
   */
  readonly ca?: string | undefined;
}

/** The healthy instances of a service in Consul, which says when they change. */
export interface ConsulOptions {
  /** The name of the service. */
  readonly service: string;
  /** Where Consul's HTTP API is: http or https, a host and a port. Default: `http://127.0.0.1:8500`. */
  readonly address?: string | undefined;
  /** Tags that an instance must have, one or a list: all of them. Default: `[]`. */
  readonly tag?: string | readonly string[] | undefined;
  /** The datacenter to ask for. Left out, that of the agent. */
  readonly datacenter?: string | undefined;
  /** true leaves out instances with a check that warns. Those with a critical one are left out in any case. */
  readonly passingOnly?: boolean | undefined;
  /** The token for X-Consul-Token, with service:read and node:read. */
  readonly token?: string | undefined;
  /** A file with the token, read before each request. */
  readonly tokenFile?: string | undefined;
  /** A PEM file with authorities to trust besides those that Deno trusts, for https. */
  readonly ca?: string | undefined;
  /** How long Consul may hold a request until something changes, at most 10m. Default: `5m`. */
  readonly wait?: string | number | undefined;
}

/** Opens connections before clients need them. Left out, none are. */
export interface PoolOptions {
  /**
   * warm hands out connections that were never used. reuse also takes used ones back, which is for protocols without
   * session state only. Default: `warm`.
   */
  readonly mode?: "warm" | "reuse" | undefined;
  /** Connections that wait for each endpoint, in all threads together. Default: `8`. */
  readonly maxIdle?: number | string | undefined;
  /** How long a waiting connection stays open. Default: `5s`. */
  readonly maxIdleTime?: string | number | undefined;
  /** For reuse: how long the upstream must be silent before another client gets the connection. Default: `50ms`. */
  readonly quiet?: string | number | undefined;
  /** For reuse: how many clients one connection may serve. Default: `1000`. */
  readonly maxUses?: number | string | undefined;
}

/** How clients wait for a place. */
export interface QueueOptions {
  /** How long a client waits. Then it is refused. */
  readonly timeout: string | number;
  /** How many clients may wait, in all threads together. Others are refused. Default: `1000`. */
  readonly length?: number | string | undefined;
}

/**
 * Closes idle connections of endpoints that have more than their share, so that clients connect again. Left out, none.
 */
export interface RebalanceOptions {
  /** The largest part of an endpoint's connections to close each time. Default: `5%`. */
  readonly share?: number | string | undefined;
  /** How often connections are closed. Default: `1m`. */
  readonly every?: string | number | undefined;
  /** Closes only connections on which no byte has come from either side for this long. Default: `2s`. */
  readonly quiet?: string | number | undefined;
}

/** What happens to open connections of higher tiers, and how fast. */
export interface OnRecoverOptions {
  /** keep leaves them open, close ends them. */
  readonly action: "keep" | "close";
  /** How long closing them takes, those that have been idle for longest first. 0 closes them at once. */
  readonly spread?: string | number | undefined;
}

/** Takes an endpoint out when connections of clients to it fail. Left out, it stays. */
export interface PassiveOptions {
  /** Failed connections of clients (not connected, or reset at once) that take an endpoint out. Default: `5`. */
  readonly failures?: number | string | undefined;
  /** The time window in which failures are counted. Default: `10s`. */
  readonly window?: string | number | undefined;
  /** How long the endpoint stays out. Default: `30s`. */
  readonly eject?: string | number | undefined;
}

/** Connects to each endpoint at intervals. Left out, there are no checks. */
export interface HealthCheckOptions {
  /** A check that is built in, in place of http, script, send and expect; `sluice check` shows what it does. */
  readonly type?: "redis" | "redis_primary" | "redis_replica" | "postgres" | "postgres_primary" | "postgres_replica" | "patroni_primary" | "patroni_replica" | "mysql" | "clustercheck" | "smtp" | "imap" | "ftp" | "mqtt" | undefined;
  /** How often each endpoint is checked, give or take 10 %. Default: `5s`. */
  readonly interval?: string | number | undefined;
  /**
   * The interval while results differ from the state of the endpoint, so that rise and fall are counted sooner. Left
   * out, interval.
   */
  readonly fastInterval?: string | number | undefined;
  /** How long one check may take, connecting and answers included. Default: `2s`. */
  readonly timeout?: string | number | undefined;
  /** Good checks in a row that bring an endpoint up. Default: `2`. */
  readonly rise?: number | string | undefined;
  /** Bad checks in a row that take an endpoint down. Default: `3`. */
  readonly fall?: number | string | undefined;
  /** The host to check in place of the endpoint's: a name or an IP address. */
  readonly address?: string | undefined;
  /** The port to check in place of the endpoint's. */
  readonly port?: number | string | undefined;
  /** Sends an HTTP request and judges the answer. Left out, none. */
  readonly http?: HttpOptions | undefined;
  /** What to send and to expect, in turn. Left out, nothing. */
  readonly script?: readonly ScriptOptions[] | undefined;
  /** What to send once connected: text such as "PING\r\n", or bytes such as "hex:0d0a". Left out, nothing. */
  readonly send?: string | Uint8Array | undefined;
  /**
   * What the answer must begin with, written the same way, or a mapping with begins, contains or regex. Left out, an
   * open connection is enough.
   */
  readonly expect?: string | Uint8Array | BodyOptions | undefined;
  /**
   * Whether checks use TLS, with the upstream_tls of the first service that has it. Left out, as the services that use
   * the group do, but none with address or port; required where these services differ.
   */
  readonly tls?: boolean | undefined;
  /**
   * The PROXY header that a check begins with: that of a connection of the proxy itself (LOCAL, or UNKNOWN in v1). Left
   * out, the version of the services that use the group, or none with address or port; required where these services
   * differ.
   */
  readonly proxyProtocol?: "none" | "v1" | "v2" | undefined;
}

/** One step: send or expect. */
export interface ScriptOptions {
  /** What to send. */
  readonly send?: string | Uint8Array | undefined;
  /** What must come next, after what the last expect has read: what it begins with, or a mapping. */
  readonly expect?: string | Uint8Array | BodyOptions | undefined;
}

/** Sends an HTTP request and judges the answer. Left out, none. */
export interface HttpOptions {
  /** The method of the request. Default: `GET`. */
  readonly method?: "GET" | "HEAD" | "OPTIONS" | undefined;
  /** What to ask for, with a query if there is one. Default: `/`. */
  readonly path?: string | undefined;
  /** The Host header. Left out, where the check connects. */
  readonly host?: string | undefined;
  /** The status codes of a healthy endpoint: 200, 2xx, 200-399 or a list of these. Default: `["2xx"]`. */
  readonly status?: number | string | readonly (number | string)[] | undefined;
  /** What the body must be like: begins, contains or regex. Left out, anything. */
  readonly body?: BodyOptions | undefined;
}

/** What the body must be like: begins, contains or regex. Left out, anything. */
export interface BodyOptions {
  /** What it must begin with: text, or bytes such as `hex:0d0a`. */
  readonly begins?: string | Uint8Array | undefined;
  /** What must be somewhere in it, written the same way. */
  readonly contains?: string | Uint8Array | undefined;
  /**
   * A regular expression (JavaScript) that must match somewhere in it. ^ and $ are the ends of a line, and each byte is
   * one character.
   */
  readonly regex?: string | undefined;
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
  /** Endpoints of the lowest tier that has a usable one get the connections. Left out, 0, or 1 with backup. */
  readonly tier?: number | string | undefined;
  /** Use this endpoint only while none of tier 0 can be used: tier 1. */
  readonly backup?: boolean | undefined;
}

/** Values for all services that do not set these keys. */
export interface DefaultsOptions {
  /**
   * Addresses of clients to accept: one, a block such as "10.0.0.0/8", a mapping such as "file: office.txt", or a list.
   * An empty list accepts all. Default: `[]`.
   */
  readonly allow?: string | ListFileOptions | readonly (string | ListFileOptions)[] | undefined;
  /** Addresses of clients to refuse, even if allow has them, written the same way. Default: `[]`. */
  readonly deny?: string | ListFileOptions | readonly (string | ListFileOptions)[] | undefined;
  /** How long one attempt to reach the upstream may take, name lookup included. 0 is no limit. Default: `5s`. */
  readonly connectTimeout?: string | number | undefined;
  /** Closes a connection after this time without a byte from either side. 0 is no limit. Default: `10m`. */
  readonly idleTimeout?: string | number | undefined;
  /** The idle timeout once one side has finished sending. Left out or 0, idle_timeout. */
  readonly halfCloseTimeout?: string | number | undefined;
  /**
   * The largest buffer for each direction of a connection, 4KiB to 16MiB. Buffers start small and grow up to this;
   * beyond 256KiB only while buffers of that size take less than 64MiB in a thread. Default: `1MiB`.
   */
  readonly bufferSize?: string | number | undefined;
  /** Send small packets at once (TCP_NODELAY). Default: `true`. */
  readonly nodelay?: boolean | undefined;
  /** Probe silent connections: after the kernel's time (true), or after a duration of at least 1s. */
  readonly keepalive?: boolean | string | number | undefined;
  /**
   * What the other side sees when one side resets its connection: an orderly close, or a reset as well (pass). Default:
   * `close`.
   */
  readonly reset?: "close" | "pass" | undefined;
}

/** A file with entries of a list. */
export interface ListFileOptions {
  /** A text file with one entry on each line, and comments after a #. */
  readonly file: string;
}

/** Limits of all services together. */
export interface LimitsOptions {
  /** Connections of all services at the same time. Each takes two descriptors. 0 is no limit. */
  readonly connections?: number | string | undefined;
}

/** How the program stops. */
export interface ShutdownOptions {
  /** How long a stop waits for open connections before it closes them. 0 closes them at once. Default: `30s`. */
  readonly drain?: string | number | undefined;
  /**
   * Meanwhile, closes connections once no byte has come from either side for this long. 0 closes none before the end.
   */
  readonly drainIdle?: string | number | undefined;
  /**
   * How long a stop still accepts connections before that, while readiness checks already fail, so that load balancers
   * notice. 0 is no delay.
   */
  readonly delay?: string | number | undefined;
}

/** What is logged, and how. */
export interface LogOptions {
  /** The lowest level to log. Default: `info`. */
  readonly level?: "debug" | "info" | "warn" | "error" | undefined;
  /** text is for people; json is one object per line. Default: `text`. */
  readonly format?: "text" | "json" | undefined;
  /** The lines that each connection leaves. */
  readonly access?: AccessOptions | undefined;
}

/** The lines that each connection leaves. */
export interface AccessOptions {
  /** The file to append lines to. Left out, they go to stderr. */
  readonly path?: string | undefined;
  /** The format of lines in the file. Left out, that of log. */
  readonly format?: "text" | "json" | undefined;
  /**
   * The share of connections to log, 0.1 for one in ten. Connections that failed or were refused are always logged.
   * Default: `1`.
   */
  readonly sample?: number | string | undefined;
  /**
   * When a connection leaves a line: when it was accepted (open), when its upstream is connected, and when it ends
   * (closed). Moments that are not in the list have a line only at level debug of log. Default: `["closed"]`.
   */
  readonly at?: readonly ("open" | "connected" | "closed")[] | undefined;
  /**
   * Connections that leave no line, unless they failed: those that the client ended before either side sent a byte
   * (empty), or before the client sent one (silent), as health checks do. Left out, none.
   */
  readonly skip?: readonly ("empty" | "silent")[] | undefined;
}
