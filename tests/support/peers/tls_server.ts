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

/** A server for TLS that answers with a letter, and waits for the end. */
export function tlsServer(letter: string, pair: CertificateAndKey, hostname = "127.0.0.1"): LetterServer {
  return letterServer(letter, Deno.listenTls({ hostname, port: 0, ...pair }));
}

export interface LetterServer extends AsyncDisposable {
  readonly letter: string;
  /** With its port. */
  readonly address: string;
}

/** The same on a listener, which it closes. */
export function letterServer(letter: string, listener: Deno.TcpListener | Deno.TlsListener): LetterServer {
  const serving = serve(listener, letter);
  const { hostname, port } = listener.addr as Deno.NetAddr;
  return {
    letter,
    address: `${hostname}:${port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
    },
  };
}

async function serve(listener: Deno.TcpListener | Deno.TlsListener, letter: string): Promise<void> {
  const all: Promise<void>[] = [];
  try {
    for (;;) all.push(answer(await listener.accept(), letter));
  } catch {
    // It is closed.
  }
  await Promise.all(all);
}

async function answer(conn: Deno.Conn, letter: string): Promise<void> {
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
