/** Connects to a service in the way of its clients. */

import { connect as connectSocket, type Socket } from "node:net";
import { ConnWire, SocketWire, type Wire } from "./wire.ts";

/** How a service can be reached. */
export interface ServiceTarget {
  readonly service: string;
  /** `127.0.0.1:5000` or `unix:/path`. */
  readonly address: string;
  /** The certificate of the authority of the service, in PEM; undefined without TLS. */
  readonly authority: string | undefined;
}

export interface Entered {
  readonly wire: Wire;
  /** The client's address in sluice; undefined on a unix socket. */
  readonly client: string | undefined;
}

/** Connects, with TLS if the target has it. @param from The address of this machine to connect from. */
export async function enter(target: ServiceTarget, from: string): Promise<Entered> {
  if (target.authority !== undefined) return await enterTls(target, target.authority);
  const { wire, socket } = await enterRaw(target, from);
  return { wire, client: clientOf(socket) };
}

/** Connects without TLS. */
export async function enterRaw(
  { address }: ServiceTarget,
  from = "127.0.0.1",
): Promise<{ readonly wire: Wire; readonly socket: Socket }> {
  const options = address.startsWith("unix:")
    ? { path: address.slice("unix:".length) }
    : { ...hostAndPort(address), localAddress: from };
  const socket = connectSocket({ ...options, allowHalfOpen: true });
  const connected = Promise.withResolvers<void>();
  socket.once("connect", () => connected.resolve());
  socket.once("error", connected.reject);
  await connected.promise;
  socket.setNoDelay(true);
  return { wire: new SocketWire(socket), socket };
}

async function enterTls({ address }: ServiceTarget, authority: string): Promise<Entered> {
  const { host: hostname, port } = hostAndPort(address);
  const conn = await Deno.connectTls({ hostname, port, caCerts: [authority] });
  const { hostname: host, port: ownPort } = conn.localAddr as Deno.NetAddr;
  const wire = new ConnWire(conn);
  return { wire, client: `${host}:${ownPort}` };
}

function clientOf({ localAddress, localPort }: Socket): string | undefined {
  return localPort === undefined ? undefined : `${localAddress}:${localPort}`;
}

function hostAndPort(address: string): { host: string; port: number } {
  const { hostname, port } = new URL(`tcp://${address}`);
  return { host: hostname, port: Number(port) };
}
