/** Checks whether the memory tricks are safe in this version of Deno. */

import { Buffer } from "node:buffer";
import { type Conn, writeAll } from "../socket/conn.ts";
import { TlsClient } from "../tls/client.ts";
import { PendingHandshakes } from "../tls/pending.ts";
import { TlsServer } from "../tls/server.ts";
import { memoryTricks } from "./memory.ts";
import type { Address } from "../address.ts";

/** The versions of Deno that all tests passed with. */
const TESTED: readonly string[] = ["2.9.6"];
/** The bytes sent in each direction: more than any buffer on the path, so that all of them are reused. */
const BULK = 1024 * 1024;
const PIECE = 48 * 1024;
/** The limit of one crypto.getRandomValues call. */
const RANDOM = 65_536;
/** Milliseconds; it takes about ten. */
const PATIENCE = 5000;
/** Made for this check only: its key is public, so it must not be trusted. */
const IDENTITY = {
  names: [],
  cert: `-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUUBQQywU/Mlhagi4aKMVsgmjCckYwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJc2VsZi10ZXN0MCAXDTI2MTEyOTAwNTM0MloYDzIxMjYxMTA1
MDA1MzQyWjAUMRIwEAYDVQQDDAlzZWxmLXRlc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATDGZSLlV34M6zq0zNsKoPrYt3Lg3RYvuNpJp4VVMklEZVMCLfNEm0+
4zLWICuQlXct123tX2tF9FrL2osVqxrCo1MwUTAdBgNVHQ4EFgQUWH/0+MFRLKBM
yablb4TSVy4YIt4wHwYDVR0jBBgwFoAUWH/0+MFRLKBMyablb4TSVy4YIt4wDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEA8kwGWPoEcnSsuEB0sswq
K2gR32R62QnHpVRskkmRlzgCICgGG1yDa4fAJWnBryt0DW/kA7qQitng9BypzJHZ
CNvh
-----END CERTIFICATE-----
`,
  key: `-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIGzG21FQvljiFswET4HRekWa3X5AtLKTFi7JOApsjheFoAoGCCqGSM49
AwEHoUQDQgAEwxmUi5Vd+DOs6tMzbCqD62Ldy4N0WL7jaSaeFVTJJRGVTAi3zRJt
PuMy1iArkJV3Lddt7V9rRfRay9qLFasawg==
-----END EC PRIVATE KEY-----
`,
};

/**
 * Disables the memory tricks if they are unsafe: with an untested version of Deno, it sends 1 MiB through TLS
 * in both directions, in memory. Call it before the first connection.
 *
 * @param version Of Deno.
 * @returns The warning to log, if any.
 */
export async function checkMemoryTricks(version = Deno.version.deno): Promise<string | undefined> {
  if (TESTED.includes(version) || await isUnharmed()) return undefined;
  memoryTricks.areOn = false;
  const which = "Deno " + version;
  return await isUnharmed()
    ? `${which} treats memory in another way than those tested: TLS and node:net take more CPU time`
    : `TLS does not work with ${which}: a test of 1 MiB failed`;
}

async function isUnharmed(): Promise<boolean> {
  const tooLong = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => tooLong.resolve(false), PATIENCE);
  const [client, server] = memoryPipe();
  try {
    return await Promise.race([exchange(client, server), tooLong.promise]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    client.close();
    server.close();
  }
}

/** Whether the data sent in both directions arrived unchanged. */
async function exchange(client: Conn, server: Conn): Promise<boolean> {
  const { signal } = new AbortController();
  const tlsServer = new TlsServer(
    { certificates: [IDENTITY], clientAuthorities: [], clientAuth: "none", alpn: [], minVersion: "1.2" },
    new PendingHandshakes(1),
  );
  const tlsClient = new TlsClient({
    authorities: undefined,
    credentials: undefined,
    verify: false,
    alpn: [],
  });
  const [near, { conn: far }] = await Promise.all([
    tlsClient.startTls(client, "self-test", signal),
    tlsServer.terminate(server, signal),
  ]);
  const sent = new Uint8Array(BULK);
  for (let at = 0; at < BULK; at += RANDOM) crypto.getRandomValues(sent.subarray(at, at + RANDOM));
  const arrived = await Promise.all([
    send(near, sent).then(() => arrivesOn(near, sent)),
    send(far, sent).then(() => arrivesOn(far, sent)),
  ]);
  near.close();
  far.close();
  return !arrived.includes(false);
}

async function send(conn: Conn, bytes: Uint8Array): Promise<void> {
  // Copies, because a sent buffer may be freed.
  for (let at = 0; at < bytes.byteLength; at += PIECE) await writeAll(conn, bytes.slice(at, at + PIECE));
}

async function arrivesOn(conn: Conn, expected: Uint8Array): Promise<boolean> {
  const buffer = new Uint8Array(2 * PIECE);
  for (let at = 0; at < expected.byteLength;) {
    const count = await conn.read(buffer);
    if (count === null) return false;
    if (Buffer.compare(buffer.subarray(0, count), expected.subarray(at, at + count)) !== 0) return false;
    at += count;
  }
  return true;
}

const ADDRESS: Address = { transport: "unix", path: "" };

export function memoryPipe(): [Conn, Conn] {
  const [a, b] = [new MemoryConn(), new MemoryConn()];
  a.peer = b;
  b.peer = a;
  return [a, b];
}

class MemoryConn implements Conn {
  readonly localAddress = ADDRESS;
  readonly remoteAddress = ADDRESS;
  peer: MemoryConn | undefined;
  /** Chunks that the peer has sent and that are not read yet. `null` is its FIN. */
  readonly #sent: (Uint8Array | null)[] = [];
  #onSent: (() => void) | undefined;

  async read(buffer: Uint8Array): Promise<number | null> {
    while (this.#sent.length === 0) await new Promise<void>((resolve) => this.#onSent = resolve);
    const next = this.#sent[0]!;
    if (next === null) return null;
    const count = Math.min(next.byteLength, buffer.byteLength);
    buffer.set(next.subarray(0, count));
    if (count < next.byteLength) this.#sent[0] = next.subarray(count);
    else this.#sent.shift();
    return count;
  }

  /** Takes a copy, as the kernel does; `slice()` of a Buffer makes none. */
  write(bytes: Uint8Array): Promise<number> {
    this.peer?.arrive(new Uint8Array(bytes));
    return Promise.resolve(bytes.byteLength);
  }

  closeWrite(): Promise<void> {
    this.peer?.arrive(null);
    return Promise.resolve();
  }

  close(): void {
    this.peer?.arrive(null);
    this.arrive(null);
  }

  reset(): void {
    this.close();
  }

  setNoDelay(): void {}

  setKeepAlive(): void {}

  [Symbol.dispose](): void {
    this.close();
  }

  arrive(bytes: Uint8Array | null): void {
    this.#sent.push(bytes);
    this.#onSent?.();
  }
}
