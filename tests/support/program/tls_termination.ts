/** A sluice that terminates TLS, with certificates of an authority of its own. */

import { Sluice, type StartOptions } from "./program.ts";
import { echo, type Upstream, upstream } from "../peers/sockets.ts";
import { CertificateAuthority, type KeyPair } from "../certificates.ts";

/** The name that the default certificate is for. */
export const NAME = "db.internal.test";

export interface Terminating {
  readonly authority: CertificateAuthority;
  readonly pair: KeyPair;
  readonly server: Upstream;
  readonly sluice: Sluice;
}

export interface TerminatingOptions {
  /** More YAML flow entries of `tls`, made when the authority is there. */
  readonly tls?: (authority: CertificateAuthority) => string[] | Promise<string[]>;
  /** Certificates for others names, beside the default one. */
  readonly names?: readonly (readonly string[])[];
  /** More YAML flow entries of the service. */
  readonly service?: readonly string[];
  readonly handle?: (conn: Deno.TcpConn) => Promise<void> | void;
  /** Where the proxy connects to; that server unless given. */
  readonly upstream?: string;
  readonly start?: StartOptions;
}

/** Starts it before a server that sends back what it gets. It logs JSON. */
export async function terminating(
  stack: AsyncDisposableStack,
  { tls = () => [], names = [], service = [], handle = echo, upstream: address, start = {} }:
    TerminatingOptions = {},
): Promise<Terminating> {
  const authority = stack.use(await CertificateAuthority.create());
  const pair = await authority.issue({ name: NAME });
  const others = await Promise.all(
    names.map((all) => authority.issue({ name: all[0]!, names: all.map((name) => `DNS:${name}`) })),
  );
  const server = stack.use(upstream(handle));
  const certificates = [pair, ...others].map(({ cert, key }) => `{ cert: "${cert}", key: "${key}" }`);
  const entries = [`certificates: [${certificates.join(", ")}]`, ...await tls(authority)];
  const keys = [`upstream: "${address ?? server.address}"`, `tls: { ${entries.join(", ")} }`, ...service];
  const yaml = `log: { format: json }\nservices: [{ name: test, listen: "127.0.0.1:0", ${
    keys.join(", ")
  } }]\n`;
  const sluice = stack.use(await Sluice.withConfig(yaml, [], start));
  return { authority, pair, server, sluice };
}

/** A client that trusts this authority only. */
export async function tlsClient(
  port: number,
  authority: CertificateAuthority,
  options: { alpn?: string[]; hostname?: string } = {},
): Promise<Deno.TlsConn> {
  const { hostname = NAME, alpn } = options;
  const secured = await Deno.startTls(await Deno.connect({ hostname: "127.0.0.1", port }), {
    hostname,
    caCerts: [await Deno.readTextFile(authority.cert)],
    ...alpn === undefined ? {} : { alpnProtocols: alpn },
  });
  try {
    await secured.handshake();
    return secured;
  } catch (error) {
    secured.close();
    throw error;
  }
}
