/** `sluice gateway` as a program, on a loopback address of its own, beside a cluster of this process. */

import { FakeCluster } from "../../support/kubernetes/fake_cluster.ts";
import { gatewayClass, service, slice } from "../../support/kubernetes/gateway_objects.ts";
import { eventually } from "../../support/eventually.ts";
import { askName } from "../../support/peers/named_server.ts";
import { ownAddress } from "../../support/peers/own_address.ts";
import { askTls } from "../../support/peers/tls_server.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { Sluice, type StartOptions } from "../../support/program/program.ts";
import type { JsonObject } from "../../../src/upstream/discovery/kubernetes/endpoint_slice.ts";

export class GatewayFixture implements AsyncDisposable {
  readonly host = ownAddress();
  readonly cluster: FakeCluster;
  #sluice: Sluice | undefined;
  #folder: Awaited<ReturnType<typeof temporaryDirectory>> | undefined;

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
    // Its files outlive a program that is killed.
    this.#folder = await temporaryDirectory();
    this.#sluice = await Sluice.start(own, {
      ...options,
      env: { TMPDIR: this.#folder.path, ...options.env },
    });
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
  askTls(port: number, hostname: string, caCert: string): Promise<string> {
    return askTls({ hostname: this.host, port }, hostname, caCert);
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
    await this.#folder?.[Symbol.asyncDispose]();
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

/** A test with a loopback address of its own, which only Linux has by default. */
export function gatewayTest(name: string, fn: (stack: AsyncDisposableStack) => Promise<void>): void {
  Deno.test({
    name,
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      await using stack = new AsyncDisposableStack();
      await fn(stack);
    },
  });
}
