/** Connecting to an upstream. */

import { connect as connectNode } from "node:net";
import { type Address, isIpLiteral, systemPath, type TcpAddress, type UnixAddress } from "../address.ts";
import type { Adapter, Conn } from "./conn.ts";
import { DenoConn } from "./deno_socket.ts";
import { ProxyError, proxyErrorOf } from "../errors.ts";
import { connectFirst } from "./happy_eyeballs.ts";
import { NameLookup, type Names } from "./lookup.ts";
import { NodeConn } from "./node_conn.ts";
import { notCapable } from "../net_permission.ts";
import { sleep } from "../timers/sleep.ts";

/** First and longest pause before a unix socket whose backlog is full is tried again, in milliseconds. */
const FIRST_PAUSE = 2;
const LONGEST_PAUSE = 100;

export interface DialOptions {
  readonly adapter: Adapter;
  /**
   * The local IP address to connect from; undefined lets the kernel choose. Only node:net can set it, so a TCP
   * connection then uses node:net, whatever `adapter` says. Unix sockets ignore it.
   */
  readonly localAddress?: string | undefined;
  /** When it aborts, the dial ends and throws its reason. */
  readonly signal: AbortSignal;
  /** Looks up host names; by default, one that all dials share. */
  readonly names?: Names | undefined;
}

/** Shared, so that all services use the same last answer for a name. */
const NAMES: Names = new NameLookup();

/**
 * Connects to `address`. Looks a host name up each time and tries all its addresses (happy eyeballs); when the lookup
 * fails, those of the last successful one.
 *
 * @throws {ProxyError} of side `upstream`, or `proxy` when this machine lacks a resource; or the reason of `signal`.
 */
export function dial(address: Address, options: DialOptions): Promise<Conn> {
  const { signal } = options;
  const fail = (cause: unknown): never => {
    throw proxyErrorOf(signal.aborted ? signal.reason : cause, "upstream");
  };
  if (
    address.transport === "tcp" && options.adapter === "deno" && options.localAddress === undefined &&
    !signal.aborted && isIpLiteral(address.hostname)
  ) {
    // Most dials take this path. It saves promises, each of which slows short connections down.
    return connectDeno(address.hostname, address.port, signal, false).then(notItself, fail);
  }
  return dialAny(address, options).catch(fail);
}

async function dialAny(address: Address, options: DialOptions): Promise<Conn> {
  const { localAddress, signal } = options;
  signal.throwIfAborted();
  if (address.transport === "unix") return await dialUnix(address, signal);
  const { hostname, port } = address;
  if (!isIpLiteral(hostname)) return await dialName(address, options);
  if (!isReachable(hostname, localAddress)) throw otherFamily(hostname, localAddress);
  return await dialHost(hostname, port, options, signal);
}

async function dialName({ hostname, port }: TcpAddress, options: DialOptions): Promise<Conn> {
  const { localAddress, signal, names = NAMES } = options;
  const connect = (host: string, attempt: AbortSignal) => dialHost(host, port, options, attempt);
  try {
    const found = await names.addresses(hostname, signal);
    const addresses = found.filter((each) => isReachable(each, localAddress));
    if (addresses.length === 0) throw otherFamily(hostname, localAddress);
    return addresses.length === 1
      ? await connect(addresses[0]!, signal)
      : await connectFirst(addresses, { connect, signal });
  } catch (cause) {
    // If --allow-net grants the name but not its addresses, only Deno's own lookup can connect.
    if (signal.aborted || names.isBinding === true) throw cause;
    if (proxyErrorOf(cause, "upstream").code !== "permission_denied") throw cause;
    return await connect(hostname, signal);
  }
}

function dialHost(
  host: string,
  port: number,
  { adapter, localAddress }: DialOptions,
  signal: AbortSignal,
): Promise<Conn> {
  return adapter === "node" || localAddress !== undefined
    ? dialNode(host, port, localAddress, signal)
    : dialDeno(host, port, signal);
}

/** Both ends of a connection are in the same address family. */
function isReachable(address: string, from: string | undefined): boolean {
  return from === undefined || address.includes(":") === from.includes(":");
}

function otherFamily(hostname: string, from: string | undefined): ProxyError {
  const family = from?.includes(":") ? "IPv6" : "IPv4";
  return new ProxyError("address_not_available", "proxy", {
    detail: `Cannot connect to ${hostname} from the source address ${from}: it has no ${family} address`,
  });
}

function dialDeno(hostname: string, port: number, signal: AbortSignal): Promise<Conn> {
  return connectDeno(hostname, port, signal, !isIpLiteral(hostname)).then(notItself);
}

/** @param autoSelectFamily Deno's own happy eyeballs, which cost time even for a single address. */
function connectDeno(
  hostname: string,
  port: number,
  signal: AbortSignal,
  autoSelectFamily: boolean,
): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname, port, signal, autoSelectFamily });
}

function notItself(conn: Deno.TcpConn): Conn {
  const { localAddr: local, remoteAddr: remote } = conn;
  if (portOf(local) !== portOf(remote) || local.hostname !== remote.hostname) return new DenoConn(conn);
  conn.close();
  throw metItself();
}

/** Deno makes its addresses so that `address.port` misses V8's inline cache each time: 2 us a connection. */
function portOf(address: Deno.NetAddr): unknown {
  return Reflect.get(address, "port");
}

/**
 * The kernel may choose the destination port as the source port if no socket listens there, and TCP then connects the
 * socket to itself (simultaneous open, RFC 9293 section 3.5): a local port of the ephemeral range on which nothing
 * listens would sometimes look alive.
 */
function metItself(): ProxyError {
  return new ProxyError("connection_refused", "upstream");
}

/**
 * Unix sockets have neither resets nor keepalive, so one adapter is enough. TCP resends its SYN when a
 * backlog is full; a unix socket returns EAGAIN at once, so this code retries.
 */
async function dialUnix(address: UnixAddress, signal: AbortSignal): Promise<Conn> {
  const path = systemPath(address);
  for (let pause = FIRST_PAUSE;; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    signal.throwIfAborted();
    try {
      return new DenoConn(await Deno.connect({ transport: "unix", path }));
    } catch (cause) {
      if (!(cause instanceof Deno.errors.WouldBlock)) throw cause;
    }
    await sleep(pause, signal);
  }
}

function dialNode(
  host: string,
  port: number,
  localAddress: string | undefined,
  signal: AbortSignal,
): Promise<Conn> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connectNode({
      host,
      port,
      ...localAddress === undefined ? {} : { localAddress },
      allowHalfOpen: true,
      autoSelectFamily: false,
    });
    const onAbort = () => socket.destroy(signal.reason);
    const onError = (error: NodeJS.ErrnoException) => {
      signal.removeEventListener("abort", onAbort);
      if (error.syscall === "bind") reject(bindError(localAddress, error));
      else reject(isRefusedLookup(error) ? notCapable(`${host}:${port}`) : error);
    };
    signal.addEventListener("abort", onAbort);
    socket.once("error", onError);
    socket.once("connect", () => {
      signal.removeEventListener("abort", onAbort);
      socket.off("error", onError);
      if (socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress) {
        socket.destroy();
        reject(metItself());
      } else resolve(new NodeConn(socket));
    });
  });
}

/** Deno's own lookup for node:net gives this code and no name for a missing permission; that of the system never does. */
function isRefusedLookup({ syscall, code }: NodeJS.ErrnoException): boolean {
  return syscall === "getaddrinfo" && code === "EPERM";
}

/** Deno 2.9.6 reports EINVAL where the kernel returns EADDRNOTAVAIL. Other errors stay as they are. */
function bindError(localAddress: string | undefined, cause: NodeJS.ErrnoException): Error {
  const why = {
    EADDRINUSE: `No port is left to connect from at the source address ${localAddress}`,
    EADDRNOTAVAIL: `Cannot connect from the source address ${localAddress}: this machine does not have it`,
  }[cause.code === "EINVAL" ? "EADDRNOTAVAIL" : String(cause.code)];
  return why === undefined ? cause : new ProxyError("address_not_available", "proxy", { cause, detail: why });
}
