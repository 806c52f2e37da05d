/** Connects to a service in the way of its clients: with a PROXY header and TLS, if it has them. */

import { binaryHeader, bytesOf, ipv4Block, PROXY, TCP4 } from "../../support/bytes/proxy_headers.ts";
import type { Premises } from "../fixture.ts";
import { SSL_REQUEST } from "../wire/samples.ts";
import type { ServiceRow } from "../services.ts";
import { shuttle } from "./shuttle.ts";
import { tryClose } from "../../support/peers/sockets.ts";

export interface ClientOptions {
  readonly row: ServiceRow;
  /** Its address, from the ready line. */
  readonly address: string;
  readonly premises: Pick<Premises, "authorityText" | "client">;
  /** Makes the address in a PROXY header unique. */
  readonly number: number;
}

export interface Client {
  readonly conn: Deno.Conn;
  /** Its address in the access log; undefined for a unix socket. */
  readonly name: string | undefined;
}

/** Opens the socket alone. */
export async function dialService(address: string): Promise<Deno.TcpConn | Deno.UnixConn> {
  if (address.startsWith("unix:")) {
    return await Deno.connect({ transport: "unix", path: address.slice("unix:".length) });
  }
  const [, hostname, port] = /^(.+):(\d+)$/.exec(address)!;
  return await Deno.connect({ hostname: hostname!, port: Number(port) });
}

/** Connects as far as possible without an upstream. */
export async function connectClient({ row, address, premises, number }: ClientOptions): Promise<Client> {
  if (row.tlsIn === "named") return await connectNamed(address, premises);
  const raw = await dialService(address);
  try {
    const said = row.proxyIn === "none" ? undefined : clientAddress(number);
    if (said !== undefined) await writeAll(raw, headerOf(row.proxyIn, said));
    const name = said?.join(":") ?? nameOf(raw);
    if (row.tlsIn === "none") return { conn: raw, name };
    if (row.tlsIn === "starttls") await askForTls(raw);
    return { conn: await secure(raw, premises.authorityText), name };
  } catch (error) {
    tryClose(raw);
    throw error;
  }
}

/** With its own certificate, which `Deno.startTls` cannot show. */
async function connectNamed(
  address: string,
  { authorityText, client }: ClientOptions["premises"],
): Promise<Client> {
  const [, hostname, port] = /^(.+):(\d+)$/.exec(address)!;
  const conn = await Deno.connectTls(
    {
      hostname: hostname!,
      port: Number(port),
      caCerts: [authorityText],
      cert: await Deno.readTextFile(client.cert),
      key: await Deno.readTextFile(client.key),
      [Symbol.for("unstableServerName")]: "fuzz.test",
    } as Deno.ConnectTlsOptions & Deno.TlsCertifiedKeyPem,
  );
  await conn.handshake();
  return { conn, name: nameOf(conn) };
}

/** An address of the block for documentation (RFC 5737), with another port each time. */
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
  // Addresses of TLS connections have no transport in Deno 2.9.6.
  return "hostname" in localAddr ? `${localAddr.hostname}:${localAddr.port}` : undefined;
}

/** The SSLRequest of PostgreSQL, which is answered with an S. */
async function askForTls(raw: Deno.Conn): Promise<void> {
  await writeAll(raw, SSL_REQUEST);
  const answer = new Uint8Array(2);
  if (await raw.read(answer) !== 1 || answer[0] !== 0x53) throw new Error(`SSLRequest: ${answer}`);
}

/** Deno speaks TLS only over TCP, so the bytes of a unix socket are carried over. */
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
