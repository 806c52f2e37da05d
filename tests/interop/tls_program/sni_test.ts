/** Real TLS sessions through routes by SNI and ALPN: the client shakes hands with the server it asked for. */

import assert from "node:assert/strict";
import { Sluice } from "../../support/program/program.ts";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { HAPROXY, startHaproxy } from "../servers/haproxy.ts";
import { interopTest } from "../../support/interop.ts";
import { OpensslServer } from "../servers/openssl_server.ts";
import { curl, openssl } from "../servers/tls_clients.ts";

const CURL = { needs: ["openssl", "curl"], install: "apt-get install openssl curl" };
const NAMES = ["shop.example.com", "api.example.com", "other.test"] as const;
const REQUEST = "GET / HTTP/1.0\r\n\r\n";

interface Fixture {
  readonly authority: CertificateAuthority;
  readonly port: number;
  readonly sluice: Sluice;
}

interopTest("openssl s_client gets the certificate of the server it names", OPENSSL, async (stack) => {
  const { authority, port, sluice } = await start(stack);
  for (const version of ["-tls1_2", "-tls1_3"]) {
    for (const name of NAMES) {
      const verify = ["-CAfile", authority.cert, "-verify_return_error", "-verify_hostname", name];
      const { received, report } = await openssl(port, ["-servername", name, version, ...verify], REQUEST);
      assert.match(report, new RegExp(`^Peer certificate: O = Test, CN = ${name}$`, "m"));
      assert.match(received, /^HTTP\/1\.0 200 ok/);
    }
  }
  // The default has no name of its own.
  const { report } = await openssl(port, ["-noservername"], REQUEST);
  assert.match(report, /CN = other\.test$/m);
  const line = JSON.parse(await sluice.logged(`"sni":"api.example.com"`));
  assert.equal(line.event, "connection_closed");
});

interopTest("curl is routed by name and by protocol", CURL, async (stack) => {
  const { authority, port } = await start(stack);
  const get = (name: string, ...args: string[]) =>
    curl([
      "--cacert",
      authority.cert,
      "--resolve",
      `${name}:${port}:127.0.0.1`,
      ...args,
      `https://${name}:${port}/`,
    ]);
  // curl verifies the certificate, so an answer proves that the right server gave it.
  for (const name of NAMES) assert.match(await get(name, "--http1.1"), /Ciphers supported in s_server/);
  assert.match(await get("shop.example.com", "--no-alpn"), /Ciphers supported in s_server/);
  assert.match(await get("shop.example.com", "--http1.1", "--tlsv1.3"), /Ciphers supported in s_server/);
});

interopTest("ALPN decides where the name does not", OPENSSL, async (stack) => {
  const { port } = await start(stack);
  const cnOf = async (...args: string[]) => {
    const { report } = await openssl(port, ["-servername", "unknown.test", ...args], REQUEST);
    return /CN = (\S+)$/m.exec(report)?.[1];
  };
  assert.equal(await cnOf("-alpn", "imap"), "api.example.com");
  assert.equal(await cnOf("-alpn", "h2,imap"), "api.example.com");
  assert.equal(await cnOf("-alpn", "h2,http/1.1"), "other.test");
});

interopTest("haproxy gets the server name in the authority TLV of version 2", {
  needs: [...HAPROXY.needs, ...CURL.needs],
  install: "apt-get install haproxy openssl curl",
}, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const { cert, key } = await authority.issue({ name: "shop.example.com" });
  const both = await Deno.readTextFile(cert) + await Deno.readTextFile(key);
  const haproxy = await startHaproxy(
    stack,
    (port) => `
  mode http
  bind 127.0.0.1:${port} accept-proxy ssl crt both.pem
  http-request return status 200 content-type text/plain lf-string "%[src_port] %[fc_pp_authority] %[ssl_fc_sni]"`,
    { "both.pem": both },
  );
  const sluice = stack.use(
    await Sluice.withConfig(`
services:
  - name: test
    listen: 0
    send_proxy_protocol: v2
    routes: [{ sni: "*.example.com", upstream: "127.0.0.1:${haproxy.port}" }]
`),
  );
  const name = "shop.example.com";
  const to = ["--cacert", authority.cert, "--resolve", `${name}:${sluice.port()}:127.0.0.1`];
  const answer = await curl([...to, "-w", " %{local_port}", `https://${name}:${sluice.port()}/`]);
  const [port, authorityTlv, sni, ownPort] = answer.split(" ");
  assert.deepEqual([port, authorityTlv, sni], [ownPort, name, name]);
});

/** A server for each name behind one sluice; the last one is the default. */
async function start(stack: AsyncDisposableStack): Promise<Fixture> {
  const authority = stack.use(await CertificateAuthority.create());
  const addresses: string[] = [];
  for (const name of NAMES) {
    const server = stack.use(await OpensslServer.start(await authority.issue({ name }), ["-www"]));
    addresses.push(`127.0.0.1:${server.port}`);
  }
  const [shop, api, other] = addresses;
  const sluice = stack.use(
    await Sluice.withConfig(`
log: { format: json }
services:
  - name: test
    listen: 0
    routes:
      - { sni: shop.example.com, upstream: "${shop}" }
      - { sni: "*.example.com", upstream: "${api}" }
      - { alpn: [imap, pop3], upstream: "${api}" }
    upstream: "${other}"
`),
  );
  return { authority, port: sluice.port(), sluice };
}
