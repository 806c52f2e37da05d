/** Servers for TLS with certificates of their own, and the clients that trust one. */

import { alternativeNames, dnsName, issue } from "../bytes/certificate_bytes.ts";
import { askName } from "./named_server.ts";

/** Both in PEM. */
export interface CertificateAndKey {
  readonly cert: string;
  readonly key: string;
}

/** A certificate for one name, signed by itself. */
export function certificate(name: string): CertificateAndKey {
  const { pem, keys } = issue({ subject: name, extensions: [alternativeNames(dnsName(name))] });
  return { cert: pem, key: String(keys.privateKey.export({ type: "pkcs8", format: "pem" })) };
}

/** A server for TLS that answers with a letter, and echoes from then on. */
export function tlsServer(letter: string, pair: CertificateAndKey) {
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, ...pair });
  const serving = serve(listener, letter);
  return {
    address: `127.0.0.1:${(listener.addr as Deno.NetAddr).port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
    },
  };
}

async function serve(listener: Deno.TlsListener, letter: string): Promise<void> {
  const all: Promise<void>[] = [];
  try {
    for (;;) all.push(answer(await listener.accept(), letter));
  } catch {
    // It is closed.
  }
  await Promise.all(all);
}

async function answer(conn: Deno.TlsConn, letter: string): Promise<void> {
  try {
    await conn.read(new Uint8Array(4));
    await conn.write(new TextEncoder().encode(letter));
    while (await conn.read(new Uint8Array(64)) !== null);
  } catch {
    // The client has left.
  } finally {
    conn.close();
  }
}

/** Which server a client reaches that asks for a name, and trusts one certificate; empty when it is refused. */
export async function askTls(
  address: Deno.ConnectOptions,
  hostname: string,
  caCert: string,
): Promise<string> {
  try {
    const plain = await Deno.connect(address);
    using conn = await Deno.startTls(plain, { hostname, caCerts: [caCert] });
    return await askName(conn);
  } catch {
    return "";
  }
}
