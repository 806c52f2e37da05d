/** TLS between the proxy and its upstreams, with `openssl s_server` there. */

import assert from "node:assert/strict";
import { Sluice } from "../../support/program/program.ts";
import { connect, endOf, readText, writeText } from "../../support/peers/sockets.ts";
import { CertificateAuthority, type CertificateRequest, OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { OpensslServer } from "../servers/openssl_server.ts";

const NAME = "db.internal.test";

/** `-rev` makes it send each line back reversed. */
async function before(
  stack: AsyncDisposableStack,
  { request = {}, server: args = [], tls }: {
    request?: Partial<CertificateRequest>;
    server?: string[];
    tls: (authority: CertificateAuthority) => Promise<string[]> | string[];
  },
) {
  const authority = stack.use(await CertificateAuthority.create());
  const pair = await authority.issue({ name: NAME, ...request });
  const server = stack.use(await OpensslServer.start(pair, ["-rev", ...args]));
  const sluice = stack.use(
    await Sluice.withConfig(`
log: { format: json }
upstreams: { group: { endpoints: ["127.0.0.1:${server.port}"], retry: { attempts: 1 } } }
services: [{ name: test, listen: "127.0.0.1:0", upstream: group, upstream_tls: { ${
      (await tls(authority)).join(", ")
    } } }]
`),
  );
  return { authority, server, sluice };
}

async function turnedRound(sluice: Sluice): Promise<string> {
  using client = await connect(sluice.port());
  await writeText(client, "hello\n");
  return await readText(client, 6);
}

interopTest(
  "plain clients reach an upstream that speaks TLS, by name and with a certificate",
  OPENSSL,
  async (stack) => {
    for (const version of ["-tls1_2", "-tls1_3"]) {
      const own = await CertificateAuthority.create("Clients");
      stack.use(own);
      const { sluice } = await before(stack, {
        server: [version, "-Verify", "1", "-CAfile", own.cert, "-verify_return_error"],
        tls: async (authority) => {
          const pair = await own.issue({ name: "proxy", usage: "clientAuth" });
          return [
            `ca: "${authority.cert}", cert: "${pair.cert}", key: "${pair.key}", server_name: ${NAME}`,
          ];
        },
      });
      assert.equal(await turnedRound(sluice), "olleh\n");
    }
  },
);

const FAILURES: [what: string, request: Partial<CertificateRequest>, tls: string[], detail: RegExp][] = [
  ["an authority that is not trusted", {}, [`server_name: ${NAME}`], /issuer.*not trusted/],
  [
    "another name",
    {},
    ["CA", "server_name: other.test"],
    /not for "other\.test" but for DNS:db\.internal\.test/,
  ],
  ["the endpoint's address, unless a name is given", {}, ["CA"], /not for "127\.0\.0\.1"/],
  ["a date that is over", { from: -10, until: -1 }, ["CA", `server_name: ${NAME}`], /it expired on/],
  ["a use that it does not allow", { usage: "clientAuth" }, ["CA", `server_name: ${NAME}`], /key usage/],
];

for (const [what, request, tls, detail] of FAILURES) {
  interopTest(`a certificate fails for ${what}, and the log says so`, OPENSSL, async (stack) => {
    const { sluice } = await before(stack, {
      request,
      tls: (authority) => tls.map((entry) => entry === "CA" ? `ca: "${authority.cert}"` : entry),
    });
    using client = await connect(sluice.port());
    assert.equal(await endOf(client), "fin");
    const [line] = await sluice.loggedEvents("connection_failed", 1);
    assert.equal(line!.code, "tls_certificate_rejected");
    assert.match(`${line!.detail}`, detail);
  });
}

interopTest("verify: false accepts any certificate, and the log warns", OPENSSL, async (stack) => {
  const { sluice } = await before(stack, { request: { until: -1, from: -5 }, tls: () => ["verify: false"] });
  assert.equal(await turnedRound(sluice), "olleh\n");
  assert.match(await sluice.logged("certificate is not checked"), /"level":"warn"/);
});

interopTest("an upstream that does not speak TLS, or hangs, fails in time", OPENSSL, async (stack) => {
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = (silent.addr as Deno.NetAddr).port;
  const sluice = stack.use(
    await Sluice.withConfig(`
log: { format: json }
services:
  - { name: test, listen: "127.0.0.1:0", connect_timeout: 300ms, upstream_tls: { verify: false }, upstream: { endpoints: ["127.0.0.1:${port}"], retry: { attempts: 1 } } }
`),
  );
  using client = await connect(sluice.port());
  using _accepted = await silent.accept();
  assert.equal(await endOf(client), "fin");
  const [line] = await sluice.loggedEvents("connection_failed", 1);
  assert.match(`${line!.code}`, /^(connect_timeout|tls_handshake_timeout)$/);
});
