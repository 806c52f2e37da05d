/** `sluice gateway` as a program, on a loopback address of its own, beside a cluster of this process. */

import { FakeCluster } from "../../support/kubernetes/fake_cluster.ts";
import { gatewayClass, service, slice } from "../../support/kubernetes/gateway_objects.ts";
import { alternativeNames, dnsName, issue } from "../../support/bytes/certificate_bytes.ts";
import { eventually } from "../../support/eventually.ts";
import { askName } from "../../support/peers/named_server.ts";
import { Sluice, type StartOptions } from "../../support/program/program.ts";
import type { JsonObject } from "../../../src/upstream/discovery/kubernetes/endpoint_slice.ts";

/** Listeners of Gateways have the numbers of ports, so tests that run at the same time have other addresses. */
function ownAddress(): string {
  const [a, b, c] = crypto.getRandomValues(new Uint8Array(3));
  return `127.${1 + a! % 254}.${b}.${1 + c! % 254}`;
}

export class GatewayFixture implements AsyncDisposable {
  readonly host = ownAddress();
  readonly cluster: FakeCluster;
  #sluice: Sluice | undefined;

  constructor(...objects: readonly JsonObject[]) {
    this.cluster = new FakeCluster([gatewayClass(), ...objects]);
  }

  get sluice(): Sluice {
    return this.#sluice!;
  }

  /** Starts the program, and resolves when it is ready. */
  async start(args: readonly string[] = [], options: StartOptions = {}): Promise<void> {
    const own = [
      "gateway",
      "--server",
      this.cluster.url,
      "--listen",
      this.host,
      "--log-format",
      "json",
      ...args,
    ];
    this.#sluice = await Sluice.start(own, options);
  }

  connect(port: number): Promise<Deno.TcpConn> {
    return Deno.connect({ hostname: this.host, port });
  }

  /** Which server a client of a port reaches; empty when it is refused. */
  async ask(port: number): Promise<string> {
    try {
      using conn = await this.connect(port);
      return await askName(conn);
    } catch {
      return "";
    }
  }

  /** The same for a client of TLS that trusts one certificate. */
  async askTls(port: number, hostname: string, caCert: string): Promise<string> {
    try {
      const plain = await this.connect(port);
      using conn = await Deno.startTls(plain, { hostname, caCerts: [caCert] });
      return await askName(conn);
    } catch {
      return "";
    }
  }

  /** Waits until nothing listens on a port. It does not connect: a listener closes once no client comes any more. */
  async closed(port: number): Promise<void> {
    const isClosed = () => {
      try {
        Deno.listen({ hostname: this.host, port }).close();
        return true;
      } catch {
        return false;
      }
    };
    await eventually(`port ${port} to be closed`, isClosed, (found) => found);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sluice?.[Symbol.asyncDispose]();
    await this.cluster[Symbol.asyncDispose]();
  }
}

/** A Service on port 80 whose pods are at these addresses. */
export function pods(name: string, ...addresses: readonly string[]): JsonObject[] {
  return [service(name, 80), slice(name, addresses)];
}

/** Clients go to port 80 of these Services. */
export function to(...names: readonly string[]) {
  return names.map((name) => ({ name, port: 80 }));
}

/** A certificate and its key, both in PEM. */
export function certificate(name: string): { readonly cert: string; readonly key: string } {
  const { pem, keys } = issue({ subject: name, extensions: [alternativeNames(dnsName(name))] });
  return { cert: pem, key: String(keys.privateKey.export({ type: "pkcs8", format: "pem" })) };
}

/** A server for TLS that answers with a letter, and echoes from then on. */
export function tlsServer(letter: string, pair: { readonly cert: string; readonly key: string }) {
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
