/** Whole TLS sessions in memory, with the certificates of both sides. */

import assert from "node:assert/strict";
import type { Conn } from "../../../../src/net/socket/conn.ts";
import { TlsClient, type TlsClientOptions } from "../../../../src/net/tls/client.ts";
import { PendingHandshakes } from "../../../../src/net/tls/pending.ts";
import { type TlsFacts, TlsServer, type TlsServerOptions } from "../../../../src/net/tls/server.ts";
import { memoryPipe } from "../../../../src/net/workarounds/memory_check.ts";
import {
  alternativeNames,
  authority,
  CLIENT_AUTH,
  type Contents,
  dnsName,
  issue,
  type Issued,
  usableFor,
} from "../../../support/bytes/certificate_bytes.ts";

/** The authority that both sides trust. */
export const root = authority();
const NEVER = new AbortController().signal;

/** With its key, and the certificates between it and an authority. */
export function credentialsOf({ pem, keys }: Issued, names: string[] = [], ...middle: Issued[]) {
  const key = keys.privateKey.export({ type: "sec1", format: "pem" }) as string;
  return { cert: [pem, ...middle.map((each) => each.pem)].join(""), key, names };
}

/** Of a server with this name. */
export function identity(name: string, extensions = [alternativeNames(dnsName(name))]) {
  return credentialsOf(issue({ subject: name, extensions }, root), [name]);
}

/** Of a client. */
export function clientIdentity(subject: Contents["subject"], issuer = root, ...middle: Issued[]) {
  return credentialsOf(issue({ subject, extensions: [usableFor(CLIENT_AUTH)] }, issuer), [], ...middle);
}

export interface Session {
  readonly client: Conn;
  readonly server: Conn;
  readonly facts: TlsFacts;
  /** Under TLS, the client's end and the server's. */
  readonly wires: readonly [Conn, Conn];
}

export interface SessionParameters extends Partial<TlsClientOptions> {
  /** Of the server. */
  readonly options?: Partial<TlsServerOptions>;
  /** The name that the client asks for. */
  readonly name?: string;
}

export function serverOptions(options: Partial<TlsServerOptions> = {}): TlsServerOptions {
  return {
    certificates: [identity("a.test")],
    clientAuthorities: [root.pem],
    clientAuth: "none",
    alpn: [],
    minVersion: "1.2",
    ...options,
  };
}

/** Shakes hands; rejects with the error of the side that refuses. */
export async function session(
  { options = {}, name = "a.test", ...parameters }: SessionParameters = {},
): Promise<Session> {
  const pending = new PendingHandshakes(1);
  const server = new TlsServer(serverOptions(options), pending);
  const client = new TlsClient({
    authorities: [root.pem],
    credentials: undefined,
    verify: true,
    alpn: [],
    ...parameters,
  });
  const wires = memoryPipe();
  const [shaken, terminated] = await Promise.allSettled([
    client.startTls(wires[0], name, NEVER),
    server.terminate(wires[1], NEVER),
  ]);
  assert.equal(pending.size, 0);
  if (shaken.status === "fulfilled" && terminated.status === "fulfilled") {
    return { client: shaken.value, server: terminated.value.conn, facts: terminated.value.facts, wires };
  }
  if (shaken.status === "fulfilled") shaken.value.close();
  if (terminated.status === "fulfilled") terminated.value.conn.close();
  // The side that refuses has the reason; the other side only sees the connection end.
  const reasons = [shaken, terminated].flatMap((each) => each.status === "rejected" ? [each.reason] : []);
  throw reasons.find(({ message }) => !/closed during the handshake/.test(message)) ?? reasons[0];
}

/** The facts about the client after the handshake; then closes the session. */
export async function factsOf(parameters: SessionParameters): Promise<TlsFacts> {
  const { client, server, facts } = await session(parameters);
  client.close();
  server.close();
  return facts;
}
