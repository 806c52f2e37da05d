/** Connecting to an upstream. */

import { connect as connectNode } from "node:net";
import type { Address, TcpAddress } from "./address.ts";
import type { Adapter, Conn } from "./conn.ts";
import { DenoConn } from "./deno_conn.ts";
import { ProxyError, proxyErrorOf } from "./errors.ts";
import { connectFirst } from "./happy_eyeballs.ts";
import { isIpLiteral, NameLookup } from "./lookup.ts";
import { NodeConn } from "./node_conn.ts";

export interface DialOptions {
  readonly adapter: Adapter;
  /** Aborting it gives the dial up and throws its reason. */
  readonly signal: AbortSignal;
  /** Where host names are looked up; unless given, one that all dials share. */
  readonly names?: NameLookup;
}

/** Shared, so that what one service learned of a name serves the others. */
const NAMES = new NameLookup();

/**
 * Connects to `address`. A host name is looked up each time and all its addresses are tried (happy eyeballs); when
 * the lookup fails, those of the last one that went well.
 *
 * @throws {ProxyError} of side `upstream`, or `proxy` when this machine lacks what it takes; or the reason of `signal`.
 */
export async function dial(address: Address, options: DialOptions): Promise<Conn> {
  const { adapter, signal } = options;
  try {
    if (address.transport === "unix") return await dialUnix(address.path);
    return isIpLiteral(address.hostname)
      ? await dialHost(address.hostname, address.port, adapter, signal)
      : await dialName(address, options);
  } catch (cause) {
    throw proxyErrorOf(signal.aborted ? signal.reason : cause, "upstream");
  }
}

async function dialName({ hostname, port }: TcpAddress, options: DialOptions): Promise<Conn> {
  const { adapter, signal, names = NAMES } = options;
  const connect = (host: string, attempt: AbortSignal) => dialHost(host, port, adapter, attempt);
  try {
    const addresses = await names.addresses(hostname, signal);
    return addresses.length === 1
      ? await connect(addresses[0]!, signal)
      : await connectFirst(addresses, { connect, signal });
  } catch (cause) {
    // Where --allow-net grants the name and not its addresses, Deno connects when it does the lookup itself.
    if (signal.aborted || proxyErrorOf(cause, "upstream").code !== "permission_denied") throw cause;
    return await connect(hostname, signal);
  }
}

function dialHost(hostname: string, port: number, adapter: Adapter, signal: AbortSignal): Promise<Conn> {
  return adapter === "node" ? dialNode(hostname, port, signal) : dialDeno(hostname, port, signal);
}

async function dialDeno(hostname: string, port: number, signal: AbortSignal): Promise<Conn> {
  const conn = await Deno.connect({ hostname, port, signal });
  const { localAddr: local, remoteAddr: remote } = conn;
  if (local.port !== remote.port || local.hostname !== remote.hostname) return new DenoConn(conn);
  conn.close();
  throw metItself();
}

/**
 * A socket may be given the very port it connects to, where nobody listens, and TCP then connects it to itself
 * (simultaneous open, RFC 9293 section 3.5): a dead local port in the ephemeral range would now and then look alive.
 */
function metItself(): ProxyError {
  return new ProxyError("connection_refused", "upstream");
}

/** Unix sockets have neither resets nor keepalive: one adapter does. */
async function dialUnix(path: string): Promise<Conn> {
  return new DenoConn(await Deno.connect({ transport: "unix", path }));
}

function dialNode(host: string, port: number, signal: AbortSignal): Promise<Conn> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connectNode({ host, port, allowHalfOpen: true, autoSelectFamily: false });
    const onAbort = () => socket.destroy(signal.reason);
    const onError = (error: Error) => {
      signal.removeEventListener("abort", onAbort);
      reject(error);
    };
    signal.addEventListener("abort", onAbort, { once: true });
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
