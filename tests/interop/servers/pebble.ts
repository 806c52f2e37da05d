/** Pebble, the ACME server for tests: https://github.com/letsencrypt/pebble */

import { join } from "node:path";
import type { CertificateAuthority } from "../../support/certificates.ts";
import { DnsServer } from "../../support/servers/dns_server.ts";
import { freePort, Home } from "../../support/servers/server_home.ts";

export const PEBBLE = {
  needs: ["pebble", "dnsmasq", "openssl"],
  install:
    "go install github.com/letsencrypt/pebble/v2/cmd/pebble@latest; apt-get install dnsmasq-base openssl",
};

export interface PebbleOptions {
  /** Of the server's own certificate. */
  readonly authority: CertificateAuthority;
  /** Names that lead to this machine. */
  readonly names: readonly string[];
  /** Where it connects to for checks over TLS and HTTP. */
  readonly tlsPort?: number;
  readonly httpPort?: number;
}

export class Pebble {
  /** The URL of its directory. */
  readonly directory: string;
  readonly #management: number;
  readonly #client: Deno.HttpClient;

  private constructor(port: number, management: number, client: Deno.HttpClient) {
    this.directory = `https://127.0.0.1:${port}/dir`;
    this.#management = management;
    this.#client = client;
  }

  static async start(
    stack: AsyncDisposableStack,
    { authority, names, tlsPort = 1, httpPort = 1 }: PebbleOptions,
  ): Promise<Pebble> {
    const hosts = Object.fromEntries(names.map((name) => [name, ["127.0.0.1"]]));
    const dns = await DnsServer.start(stack, { hosts, ttl: 0 });
    const own = await authority.issue({ name: "127.0.0.1", names: ["IP:127.0.0.1"] });
    const home = stack.use(await Home.make("nobody"));
    const [certificate, privateKey] = [
      await home.copy(own.cert, "own.pem"),
      await home.copy(own.key, "own.key"),
    ];
    const management = freePort();
    const running = await home.start((port) => {
      const config = {
        listenAddress: `127.0.0.1:${port}`,
        managementListenAddress: `127.0.0.1:${management}`,
        certificate,
        privateKey,
        httpPort,
        tlsPort,
        retryAfter: { authz: 1, order: 1 },
        keyAlgorithm: "ecdsa",
        profiles: { default: { description: "ninety days", validityPeriod: 7_776_000 } },
      };
      const file = join(home.path, "pebble.json");
      Deno.writeTextFileSync(file, JSON.stringify({ pebble: config }));
      return {
        // Without pauses before checks, and with a check for each order.
        program: "env",
        args: [
          "PEBBLE_VA_NOSLEEP=1",
          "PEBBLE_AUTHZREUSE=0",
          "pebble",
          "-config",
          file,
          "-dnsserver",
          `127.0.0.1:${dns.address.port}`,
        ],
        port,
        ready: /ACME directory available/,
        stop: "SIGTERM",
      };
    });
    stack.use(running);
    const client = Deno.createHttpClient({ caCerts: [await Deno.readTextFile(authority.cert)] });
    stack.defer(() => client.close());
    return new Pebble(running.port, management, client);
  }

  /** The authority of its certificates, as PEM: a new one with each start. */
  async root(): Promise<string> {
    const url = `https://127.0.0.1:${this.#management}/roots/0`;
    const response = await fetch(url, { client: this.#client });
    return await response.text();
  }
}
