/** Connecting to an upstream. */

import { connect as connectNode } from "node:net";
import type { Address } from "./address.ts";
import type { Adapter, Conn } from "./conn.ts";
import { DenoConn } from "./deno_conn.ts";
import { proxyErrorOf } from "./errors.ts";
import { NodeConn } from "./node_conn.ts";

export interface DialOptions {
  readonly adapter: Adapter;
  /** Aborting it gives the dial up and throws its reason. */
  readonly signal: AbortSignal;
}

/**
 * Connects to `address`. A host name is looked up each time and all its addresses are tried (happy eyeballs).
 *
 * @throws {ProxyError} of side `upstream`, or the reason of `signal`.
 */
export async function dial(address: Address, options: DialOptions): Promise<Conn> {
  const { adapter, signal } = options;
  try {
    // Unix sockets have neither resets nor keepalive: one adapter does.
    return address.transport === "tcp" && adapter === "node"
      ? await dialNode(address.hostname, address.port, signal)
      : await dialDeno(address, signal);
  } catch (cause) {
    throw proxyErrorOf(signal.aborted ? signal.reason : cause, "upstream");
  }
}

async function dialDeno(address: Address, signal: AbortSignal): Promise<Conn> {
  if (address.transport === "tcp") {
    return new DenoConn(await Deno.connect({ hostname: address.hostname, port: address.port, signal }));
  }
  return new DenoConn(await Deno.connect({ transport: "unix", path: address.path }));
}

function dialNode(host: string, port: number, signal: AbortSignal): Promise<Conn> {
  return new Promise((resolve, reject) => {
    const socket = connectNode({ host, port, allowHalfOpen: true });
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
      resolve(new NodeConn(socket));
    });
  });
}
