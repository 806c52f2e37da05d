/** On one listener, TLS ends here for some names and passes through for others. */

import assert from "node:assert/strict";
import { CertificateAuthority, type KeyPair, OPENSSL } from "../../support/certificates.ts";
import { eventually } from "../../support/eventually.ts";
import { interopTest } from "../../support/interop.ts";
import { echo, readAll, readText, upstream, writeText } from "../../support/peers/sockets.ts";
import { Sluice } from "../../support/program/program.ts";
import { terminating, tlsClient } from "../../support/program/tls_termination.ts";
import { OpensslServer } from "../servers/openssl_server.ts";
import { openssl } from "../servers/tls_clients.ts";

const REQUEST = "GET / HTTP/1.0\r\n\r\n";

interface Fixture {
  readonly sluice: Sluice;
  readonly authority: CertificateAuthority;
  readonly others: CertificateAuthority;
  /** Of clients: one of each authority. */
  readonly alice: KeyPair;
  readonly bob: KeyPair;
  readonly pairs: readonly KeyPair[];
}

/** Clients of a.test need a certificate of the first authority, those of b.test one of the second. */
async function start(stack: AsyncDisposableStack): Promise<Fixture> {
  const authority = stack.use(await CertificateAuthority.create());
  const others = stack.use(await CertificateAuthority.create("Other CA"));
  const pairs = await Promise.all(
    ["a.test", "b.test", "pass.test", "rest.test"].map((name) => authority.issue({ name })),
  );
  const behind = stack.use(await OpensslServer.start(pairs[2]!, ["-www"]));
  const server = (name: string) =>
    stack.use(upstream(async (conn) => {
      await writeText(conn, `${name}: `);
      await echo(conn);
    })).address;
  const tls = ({ cert, key }: KeyPair, keys = "") => `tls: { cert: "${cert}", key: "${key}"${keys} }`;
  const sluice = stack.use(
    await Sluice.withConfig(
      `
log: { format: json }
admin: { listen: "127.0.0.1:0" }
services:
  - name: test
    listen: "127.0.0.1:0"
    ${tls(pairs[3]!)}
    routes:
      - { sni: a.test, ${tls(pairs[0]!, `, client_ca: "${authority.cert}", alpn: [one]`)}, upstream: "${
        server("a")
      }" }
      - { sni: b.test, ${tls(pairs[1]!, `, client_ca: "${others.cert}", min_version: "1.3"`)}, upstream: "${
        server("b")
      }" }
      - { sni: pass.test, tls: false, upstream: "127.0.0.1:${behind.port}" }
      - { protocol: ssh, tls: false, upstream: "${server("ssh")}" }
    upstream: "${server("rest")}"
`,
    ),
  );
  const [alice, bob] = [
    await authority.issue({ name: "alice", usage: "clientAuth" }),
    await others.issue({ name: "bob", usage: "clientAuth" }),
  ];
  return { sluice, authority, others, alice, bob, pairs };
}

const as = ({ cert, key }: KeyPair) => ["-cert", cert, "-key", key];
const named = (name: string, ...args: string[]) => ["-servername", name, ...args];

interopTest(
  "TLS ends here for some names, each with its own certificates, and passes through for others",
  OPENSSL,
  async (stack) => {
    const { sluice, alice, bob } = await start(stack);
    const port = sluice.port();
    const a = await openssl(port, named("a.test", ...as(alice), "-alpn", "two,one"), REQUEST);
    assert.match(a.report, /CN = a\.test$/m);
    assert.match(a.report, /^ALPN protocol: one$|^Verification/m);
    assert.match(a.received, /^a: GET/);
    const b = await openssl(port, named("B.test", ...as(bob)), REQUEST);
    assert.match(b.report, /CN = b\.test$/m);
    assert.match(b.received, /^b: GET/);
    const passed = await openssl(port, named("pass.test"), REQUEST);
    assert.match(passed.report, /CN = pass\.test$/m);
    assert.match(passed.received, /^HTTP\/1\.0 200 ok/);
    const rest = await openssl(port, named("other.test"), REQUEST);
    assert.match(rest.report, /CN = rest\.test$/m);
    assert.match(rest.received, /^rest: GET/);
    using ssh = await Deno.connect({ port });
    await writeText(ssh, "SSH-2.0-a\r\n");
    await ssh.closeWrite();
    assert.equal(new TextDecoder().decode(await readAll(ssh)), "ssh: SSH-2.0-a\r\n");
    const lines = await sluice.loggedEvents("connection_closed", 5);
    assert.deepEqual(
      lines.map(({ sni, route = 4, tls, alpn, client_subject }) => [route, sni, tls, alpn, client_subject])
        // Several threads write them.
        .toSorted(([a], [b]) => Number(a) - Number(b)),
      [
        [0, "a.test", "TLSv1.3", "one", "O=Test, CN=alice"],
        [1, "b.test", "TLSv1.3", undefined, "O=Test, CN=bob"],
        [2, "pass.test", undefined, undefined, undefined],
        [3, undefined, undefined, undefined, undefined],
        [4, "other.test", "TLSv1.3", undefined, undefined],
      ],
    );
  },
);

interopTest("each route has its own authorities, oldest version and protocols", OPENSSL, async (stack) => {
  const { sluice, alice, bob } = await start(stack);
  const port = sluice.port();
  const refusals: [args: string[], code: string][] = [
    [named("a.test"), "tls_certificate_rejected"],
    [named("a.test", ...as(bob)), "tls_certificate_rejected"],
    [named("b.test", ...as(alice)), "tls_certificate_rejected"],
    [named("b.test", ...as(bob), "-tls1_2"), "tls_handshake_failed"],
    [named("a.test", ...as(alice), "-alpn", "two"), "tls_handshake_failed"],
  ];
  for (const [index, [args, code]] of refusals.entries()) {
    assert.equal((await openssl(port, args, REQUEST)).received, "");
    const lines = await sluice.loggedEvents("connection_refused", index + 1);
    assert.deepEqual([lines[index]!["code"], lines[index]!["sni"]], [code, args[1]], args.join(" "));
  }
});

for (const version of ["-tls1_2", "-tls1_3"]) {
  interopTest(
    `a session with a client's certificate opens no route with other authorities (${version})`,
    OPENSSL,
    async (stack) => {
      const authority = stack.use(await CertificateAuthority.create());
      const others = stack.use(await CertificateAuthority.create("Other CA"));
      const { cert, key } = await authority.issue({ name: "a.test" });
      const alice = await authority.issue({ name: "alice", usage: "clientAuth" });
      const server = stack.use(upstream(echo)).address;
      // The name is the same: a session is not resumed for another.
      const tls = (ca: string) =>
        `tls: { cert: "${cert}", key: "${key}", client_ca: "${ca}" }, upstream: "${server}"`;
      // A session resumes only in its own thread.
      const sluice = stack.use(
        await Sluice.withConfig(
          `
log: { format: json }
services:
  - name: test
    listen: "127.0.0.1:0"
    routes: [{ alpn: one, ${tls(authority.cert)} }, { alpn: two, ${tls(others.cert)} }]
`,
          [],
          { workers: 1 },
        ),
      );
      const session = `${authority.directory}/session`;
      const ask = (...args: string[]) => openssl(sluice.port(), named("a.test", version, ...args), REQUEST);
      assert.equal((await ask("-alpn", "one", ...as(alice), "-sess_out", session)).received, REQUEST);
      // It resumes where it began, although the client sends no certificate now.
      assert.equal((await ask("-alpn", "one", "-sess_in", session)).received, REQUEST);
      assert.equal((await ask("-alpn", "two", "-sess_in", session)).received, "");
      const [refused] = await sluice.loggedEvents("connection_refused", 1);
      assert.equal(refused!["code"], "tls_certificate_rejected");
      assert.match(String(refused!["detail"]), /issuer|trusted/);
    },
  );
}

interopTest("the files of routes are read again, and shown with their ends", OPENSSL, async (stack) => {
  const { sluice, authority, pairs, alice } = await start(stack);
  const renewed = await authority.issue({ name: "a.test", until: 5 });
  const port = sluice.port();
  await Deno.copyFile(renewed.key, pairs[0]!.key);
  await Deno.copyFile(renewed.cert, pairs[0]!.cert);
  await sluice.logged("new certificates are in use");
  const serial = async () => {
    const { report } = await openssl(port, named("a.test", ...as(alice)), REQUEST);
    return report;
  };
  assert.match(await serial(), /CN = a\.test$/m);
  await sluice.logged("expires on");
  const base = `http://${sluice.ready.admin}`;
  const views = await eventually(
    "the new end",
    async () => await (await fetch(`${base}/api/v1/services`)).json(),
    (services) =>
      services[0].tls.certificates.some((each: { route: number; expires_at: string }) =>
        each.route === 0 && Date.parse(each.expires_at) < Date.now() + 6 * 86_400_000
      ),
  );
  assert.deepEqual(
    views[0].tls.certificates.map((
      { route, names }: { route: number | null; names: string[] },
    ) => [route, names]),
    [[null, ["rest.test"]], [0, ["a.test"]], [1, ["b.test"]]],
  );
  const metrics = await (await fetch(`${base}/metrics`)).text();
  for (const { cert } of [pairs[0]!, pairs[1]!, pairs[3]!]) {
    assert.ok(metrics.includes(`certificate="${cert}"`), cert);
  }
});

for (const engine of ["node", "deno"]) {
  interopTest(
    `routes look at what comes first inside TLS that ends here, with engine: ${engine}`,
    OPENSSL,
    async (stack) => {
      const server = (name: string) =>
        stack.use(upstream(async (conn) => {
          await writeText(conn, `${name}: `);
          await echo(conn);
        })).address;
      const { sluice, authority } = await terminating(stack, {
        tls: () => [`engine: ${engine}`],
        service: [
          "peek: { timeout: 300ms }",
          `routes: [{ protocol: http, upstream: "${server("http")}" }, { starts_with: "hex:00", upstream: "${
            server("zero")
          }" }, { silent: true, upstream: "${server("silent")}" }]`,
        ],
        upstream: server("other"),
      });
      const ask = async (...pieces: string[]) => {
        using client = await tlsClient(sluice.port(), authority);
        for (const piece of pieces) await writeText(client, piece);
        await client.closeWrite();
        return new TextDecoder().decode(await readAll(client));
      };
      assert.equal(await ask(REQUEST), `http: ${REQUEST}`);
      assert.equal(await ask("G", "ET / HT", "TP/1.1\r\n", "more"), "http: GET / HTTP/1.1\r\nmore");
      assert.equal(await ask("\0more"), "zero: \0more");
      assert.equal(await ask("GET"), "other: GET");
      using silent = await tlsClient(sluice.port(), authority);
      assert.equal(await readText(silent, 8), "silent: ");
      await writeText(silent, "HELO");
      assert.equal(await readText(silent, 4), "HELO");
      silent.close();
      const lines = await sluice.loggedEvents("connection_closed", 5);
      // Several threads write them.
      assert.deepEqual(lines.map(({ route }) => route ?? -1).toSorted(), [-1, 0, 0, 1, 2]);
    },
  );
}
