/** Connecting to a service as its clients do: PROXY header, TLS, and what of them there is. */

import { binaryHeader, bytesOf, ipv4Block, PROXY, TCP4 } from "../../support/bytes/proxy_headers.ts";
import type { ServiceRow } from "../services.ts";
import { shuttle } from "./shuttle.ts";

export interface ClientOptions {
  readonly row: ServiceRow;
  /** As the ready line has it. */
  readonly address: string;
  /** In PEM. */
  readonly authority: string;
  /** Makes the address that a PROXY header says different from all others. */
  readonly number: number;
}

export interface Client {
  readonly conn: Deno.Conn;
  /** The address that the access log has; undefined for a unix socket. */
  readonly name: string | undefined;
}

/** The socket alone. */
export async function dialService(address: string): Promise<Deno.TcpConn | Deno.UnixConn> {
  if (address.startsWith("unix:")) {
    return await Deno.connect({ transport: "unix", path: address.slice("unix:".length) });
  }
  const [, hostname, port] = /^(.+):(\d+)$/.exec(address)!;
  return await Deno.connect({ hostname: hostname!, port: Number(port) });
}

/** As far as a client gets without its upstream. */
export async function connectClient({ row, address, authority, number }: ClientOptions): Promise<Client> {
  const raw = await dialService(address);
  try {
    const said = row.proxyIn === "none" ? undefined : clientAddress(number);
    if (said !== undefined) await writeAll(raw, headerOf(row.proxyIn, said));
    const name = said?.join(":") ?? nameOf(raw);
    if (row.tlsIn === "none") return { conn: raw, name };
    return { conn: await secure(raw, authority), name };
  } catch (error) {
    close(raw);
    throw error;
  }
}

/** Of the documentation's block (RFC 5737), and another port each time. */
function clientAddress(number: number): [string, number] {
  return [`198.51.100.${1 + number % 200}`, 1024 + Math.floor(number / 200) % 60_000];
}

function headerOf(version: string, [host, port]: [string, number]): Uint8Array {
  return bytesOf(
    version === "v1"
      ? `PROXY TCP4 ${host} 192.0.2.1 ${port} 443\r\n`
      : binaryHeader(PROXY, TCP4, ipv4Block(host, "192.0.2.1", [port, 443])),
  );
}

function nameOf({ localAddr }: Deno.Conn): string | undefined {
  return localAddr.transport === "tcp" ? `${localAddr.hostname}:${localAddr.port}` : undefined;
}

/** Deno speaks TLS over TCP alone: a unix socket is carried over. */
async function secure(raw: Deno.TcpConn | Deno.UnixConn, authority: string): Promise<Deno.TlsConn> {
  const tcp = "setNoDelay" in raw ? raw : await bridged(raw);
  const conn = await Deno.startTls(tcp as Deno.TcpConn, { hostname: "fuzz.test", caCerts: [authority] });
  await conn.handshake();
  return conn;
}

async function bridged(raw: Deno.Conn): Promise<Deno.TcpConn> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [near, far] = await Promise.all([
    Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
    listener.accept(),
  ]);
  void shuttle(far, raw);
  return near;
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength;) at += await conn.write(bytes.subarray(at));
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
}
