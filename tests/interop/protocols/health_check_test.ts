/** Health checks of servers that accept only TLS, or only connections with a PROXY header. */

import assert from "node:assert/strict";
import type { UpstreamView } from "../../../src/admin/views.ts";
import { Admin } from "../../support/program/admin.ts";
import { eventually } from "../../support/eventually.ts";
import { Sluice } from "../../support/program/program.ts";
import { connect, readText, writeText } from "../../support/peers/sockets.ts";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { HAPROXY, startHaproxy, TELL_ADDRESSES } from "../servers/haproxy.ts";
import { interopTest } from "../../support/interop.ts";
import { OpensslServer } from "../servers/openssl_server.ts";

const NAME = "db.internal.test";
const BOTH = { needs: [...HAPROXY.needs, ...OPENSSL.needs], install: "apt-get install haproxy openssl" };
const HTTP = 'health_check: { interval: 50ms, send: "GET / HTTP/1.0\\r\\n\\r\\n", expect: "HTTP/1.1 200" }';

interopTest(
  "health checks use the TLS of the service, with its certificate and current authorities",
  OPENSSL,
  async (stack) => {
    const authority = stack.use(await CertificateAuthority.create());
    const clients = stack.use(await CertificateAuthority.create("Clients"));
    const server = stack.use(
      await OpensslServer.start(await authority.issue({ name: NAME }), [
        "-rev",
        ...["-Verify", "1", "-CAfile", clients.cert, "-verify_return_error"],
      ]),
    );
    const own = await clients.issue({ name: "proxy", usage: "clientAuth" });
    const ca = await authority.file("upstream-ca.pem", await Deno.readTextFile(clients.cert));
    const sluice = stack.use(
      await start(
        `127.0.0.1:${server.port}`,
        'health_check: { interval: 50ms, rise: 1, fall: 1, send: "hello\\n", expect: "olleh" }',
        `upstream_tls: { ca: "${ca}", cert: "${own.cert}", key: "${own.key}", server_name: ${NAME} }`,
      ),
    );
    const [down] = await sluice.loggedEvents("endpoint_down", 1);
    assert.match(String(down!.cause), /TLS certificate rejected/);
    await Deno.writeTextFile(ca, await Deno.readTextFile(authority.cert));
    await sluice.loggedEvents("endpoint_up", 1);
    using client = await connect(sluice.port());
    await writeText(client, "traffic\n");
    assert.equal(await readText(client, 8), "ciffart\n");
  },
);

interopTest(
  "health checks on another host verify that its certificate is for this host",
  OPENSSL,
  async (stack) => {
    const authority = stack.use(await CertificateAuthority.create());
    const agent = stack.use(
      await OpensslServer.start(await authority.issue({ name: "localhost" }), ["-www"]),
    );
    const of = async (check: string, service: string) => {
      const sluice = await start(
        "127.0.0.1:1",
        `health_check: { interval: 50ms, port: ${agent.port}, http: { path: "/" }, ${check} }`,
        `upstream_tls: { ca: "${authority.cert}", ${service} }`,
      );
      return await stateOf(stack.use(sluice));
    };
    assert.equal(await of("tls: true, address: localhost", "alpn: [postgresql], starttls: postgres"), "up");
    assert.equal(await of("tls: true, address: 127.0.0.1", ""), "down");
    assert.equal(await of("tls: true", "server_name: localhost"), "up");
    assert.equal(await of("tls: true, address: localhost", `server_name: ${NAME}`), "down");
    assert.equal(await of("address: localhost", "server_name: localhost"), "down", "no TLS by default");
  },
);

for (const version of ["v1", "v2"]) {
  for (const inside of ["", " inside TLS"]) {
    interopTest(
      `haproxy with accept-proxy accepts health checks with a header of ${version}${inside}`,
      BOTH,
      async (stack) => {
        const authority = stack.use(await CertificateAuthority.create());
        const { cert, key } = await authority.issue({ name: NAME });
        const both = await Deno.readTextFile(cert) + await Deno.readTextFile(key);
        const ssl = inside === "" ? "" : " ssl crt both.pem";
        const { port } = await startHaproxy(
          stack,
          (port) => `\n  bind 127.0.0.1:${port} accept-proxy${ssl}${TELL_ADDRESSES}`,
          { "both.pem": both },
        );
        const tls = inside === "" ? [] : [`upstream_tls: { ca: "${authority.cert}", server_name: ${NAME} }`];
        const sluice = stack.use(
          await start(`127.0.0.1:${port}`, HTTP, `send_proxy_protocol: ${version}`, ...tls),
        );
        assert.equal(await stateOf(sluice), "up");
        // A group can override this.
        for (const said of ["proxy_protocol: none", ...inside === "" ? [] : ["tls: false"]]) {
          const other = stack.use(
            await start(
              `127.0.0.1:${port}`,
              HTTP.replace("{", `{ ${said},`),
              `send_proxy_protocol: ${version}`,
              ...tls,
            ),
          );
          assert.equal(await stateOf(other), "down", said);
        }
      },
    );
  }
}

function start(endpoint: string, check: string, ...service: string[]): Promise<Sluice> {
  return Sluice.withConfig(`
log: { format: json }
admin: { listen: "127.0.0.1:0" }
upstreams: { group: { endpoints: ["${endpoint}"], ${check} } }
services: [{ ${["name: test", "listen: 0", "upstream: group", ...service].join(", ")} }]
`);
}

/** The result of the first check. */
async function stateOf(sluice: Sluice): Promise<string> {
  const admin = new Admin(sluice);
  const read = async () => (await admin.view<UpstreamView[]>("upstreams"))[0]!.endpoints[0]!.state;
  return await eventually("a result", read, (state) => state !== "unknown");
}
