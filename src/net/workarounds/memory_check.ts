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
MIH0MIGnoAMCAQICAQEwBQYDK2VwMAwxCjAIBgNVBAMMAXgwIBcNMjYxMTI5MTA0
NjU4WhgPMjEyNjExMDUxMDQ2NThaMAwxCjAIBgNVBAMMAXgwKjAFBgMrZXADIQDz
K23g9I5k+vUcTVlzLpYZkgpoy4mUOxXgRAsFiPQW+qMsMCowCQYDVR0TBAIwADAd
BgNVHQ4EFgQU+O+nvcqlfHIPkUvOd34qih3VMDswBQYDK2VwA0EA7FhnsayWjdc2
NF2+H/6zpa54hwTSZrF6VH7OXGOewcE5FuJZvC5QWUo6e7sarEnPCMP2LtxG024l
8Bzyh8clAg==
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEILQnuNuju5leYcI0CuaMQVjiTKe6GZthzB6wbl61F0so
-----END PRIVATE KEY-----
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
  const arrived = new Uint8Array(expected.byteLength);
  for (let at = 0; at < arrived.byteLength;) {
    const count = await conn.read(arrived.subarray(at, at + 2 * PIECE));
    if (count === null) return false;
    at += count;
  }
  return Buffer.compare(arrived, expected) === 0;
}

const ADDRESS: Address = { transport: "unix", path: "" };

export function memoryPipe(): [Conn, Conn] {
  const [one, other] = [new Channel(), new Channel()];
  return [memoryConn(one, other), memoryConn(other, one)];
}

function memoryConn(incoming: Channel, outgoing: Channel): Conn {
  const close = () => {
    incoming.push(null);
    outgoing.push(null);
  };
  return {
    localAddress: ADDRESS,
    remoteAddress: ADDRESS,
    read: (buffer) => incoming.read(buffer),
    // A copy, as the kernel makes one; `slice()` of a Buffer makes none.
    write: (bytes) => Promise.resolve(outgoing.push(new Uint8Array(bytes))).then(() => bytes.byteLength),
    closeWrite: () => Promise.resolve(outgoing.push(null)),
    close,
    reset: close,
    setOptions() {},
    [Symbol.dispose]: close,
  };
}

class Channel {
  /** Chunks that are not read yet. `null` is a FIN. */
  readonly #chunks: (Uint8Array | null)[] = [];
  #onPush: (() => void) | undefined;

  push(chunk: Uint8Array | null): void {
    this.#chunks.push(chunk);
    this.#onPush?.();
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    while (this.#chunks.length === 0) await new Promise<void>((resolve) => this.#onPush = resolve);
    const next = this.#chunks[0]!;
    if (next === null) return null;
    const count = Math.min(next.byteLength, buffer.byteLength);
    buffer.set(next.subarray(0, count));
    if (count < next.byteLength) this.#chunks[0] = next.subarray(count);
    else this.#chunks.shift();
    return count;
  }
}
