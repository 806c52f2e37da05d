/** Certificates of clients that their authority has revoked. */

import assert from "node:assert/strict";
import { CertificateAuthority, type KeyPair, OPENSSL } from "../../support/certificates.ts";
import { eventually } from "../../support/eventually.ts";
import { interopTest, run } from "../../support/interop.ts";
import { echo, upstream } from "../../support/peers/sockets.ts";
import { runSluice, Sluice } from "../../support/program/program.ts";
import { type Terminating, terminating } from "../../support/program/tls_termination.ts";
import { openssl } from "../servers/tls_clients.ts";

/** A sluice that asks for certificates, and refuses those of the list. */
function withList(
  stack: AsyncDisposableStack,
  options: { list?: { seconds: number }; workers?: number } = {},
) {
  return terminating(stack, {
    start: options.workers === undefined ? {} : { workers: options.workers },
    tls: async (authority) => [
      `client_ca: "${authority.cert}"`,
      `crl: "${await authority.writeList(options.list)}"`,
    ],
  });
}

/** What a client gets back for "hello": the same, or nothing if it is refused. */
async function hello({ sluice }: Terminating, { cert, key }: KeyPair, args: string[] = []): Promise<string> {
  return (await openssl(sluice.port(), ["-cert", cert, "-key", key, ...args], "hello")).received;
}

const issue = ({ authority }: Terminating, name: string) => authority.issue({ name, usage: "clientAuth" });

interopTest(
  "a client is refused once the list has its certificate, and others are not",
  OPENSSL,
  async (stack) => {
    const all = await withList(stack);
    const { authority, sluice } = all;
    const [alice, bob] = [await issue(all, "alice"), await issue(all, "bob")];
    assert.deepEqual([await hello(all, alice), await hello(all, bob)], ["hello", "hello"]);

    await authority.revoke(alice);
    await authority.writeList();
    const [line] = await sluice.loggedEvents("revocation_list_reloaded", 1);
    assert.deepEqual([line!["service"], line!["revoked"]], ["test", 1]);
    assert.deepEqual([await hello(all, alice), await hello(all, bob)], ["", "hello"]);
    const [refused] = await sluice.loggedEvents("connection_refused", 1);
    assert.deepEqual([refused!["code"], refused!["reason"], refused!["ended_by"]], [
      "tls_certificate_revoked",
      "client TLS certificate revoked",
      "proxy",
    ]);
    assert.match(
      String(refused!["detail"]),
      /^The certificate of the client was revoked: O=Test, CN=alice, serial number [0-9a-f]+$/,
    );
  },
);

for (const version of ["-tls1_2", "-tls1_3"]) {
  interopTest(
    `a session does not resume once its certificate is revoked (${version})`,
    OPENSSL,
    async (stack) => {
      const all = await withList(stack, { workers: 1 }); // a session belongs to a thread
      const { authority, sluice } = all;
      const alice = await issue(all, "alice");
      const file = `${authority.directory}/session`;
      assert.equal(await hello(all, alice, [version, "-sess_out", file]), "hello");
      // No certificate this time: it was sent in the first handshake.
      const resume = async () =>
        (await openssl(sluice.port(), [version, "-sess_in", file], "hello")).received;
      assert.equal(await resume(), "hello");
      await authority.revoke(alice);
      await authority.writeList();
      await sluice.loggedEvents("revocation_list_reloaded", 1);
      assert.equal(await resume(), "");
      const [refused] = await sluice.loggedEvents("connection_refused", 1);
      assert.equal(refused!["code"], "tls_certificate_revoked");
    },
  );
}

interopTest(
  "a list that expires refuses all clients, and a new one lets them in again",
  OPENSSL,
  async (stack) => {
    const all = await withList(stack, { list: { seconds: 8 } });
    const { authority, sluice } = all;
    const alice = await issue(all, "alice");
    assert.equal(await hello(all, alice), "hello");
    await eventually("the list to expire", () => hello(all, alice), (received) => received === "");
    const [refused] = await sluice.loggedEvents("connection_refused", 1);
    assert.equal(refused!["code"], "tls_certificate_rejected");
    assert.match(
      String(refused!["detail"]),
      /: the revocation list of its issuer, CN=Test CA, expired on \d{4}-[-\d]*T[:.\d]*Z$/,
    );
    await authority.writeList();
    await sluice.loggedEvents("revocation_list_reloaded", 1);
    assert.equal(await hello(all, alice), "hello");
  },
);

interopTest(
  "a list that is damaged, expired or of an impostor is not taken, and the old one stays",
  OPENSSL,
  async (stack) => {
    const all = await withList(stack);
    const { authority, sluice } = all;
    const [alice, bob] = [await issue(all, "alice"), await issue(all, "bob")];
    await authority.revoke(alice);
    const path = await authority.writeList();
    await sluice.loggedEvents("revocation_list_reloaded", 1);
    await Deno.writeTextFile(path, "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n");
    const [line] = await sluice.loggedEvents("certificate_rejected", 1);
    assert.match(
      String(line!["message"]),
      /^test: keeping the revocation list in use\. Cannot parse list 1 in ".*": /,
    );
    assert.deepEqual([await hello(all, alice), await hello(all, bob)], ["", "hello"]);
  },
);

interopTest(
  "check and the start refuse lists that cannot be used, with their place",
  OPENSSL,
  async (stack) => {
    const { authority, pair } = await terminating(stack);
    const { authority: impostor } = await terminating(stack);
    const der = `${authority.directory}/der.crl`;
    await run("openssl", ["crl", "-in", await authority.writeList(), "-outform", "DER", "-out", der]);
    const cases: [crl: string, message: RegExp | undefined][] = [
      [der, undefined],
      [await authority.writeList({ name: "good.crl" }), undefined],
      [
        await impostor.writeList(),
        /\.tls\.crl: Cannot use ".*": the list of CN=Test CA is not signed by the authority of that name in client_ca/,
      ],
      [
        pair.cert,
        /\.tls\.crl: Cannot find a revocation list in ".*": expected PEM, "-----BEGIN X509 CRL-----", or DER/,
      ],
      ["/no/such.crl", /\.tls\.crl: Cannot read "\/no\/such\.crl": no such file/],
    ];
    for (const [crl, message] of cases) {
      const path = await authority.file(
        "sluice.yaml",
        `services: [{ name: a, listen: 0, upstream: "db:1", tls: { cert: "${pair.cert}", key: "${pair.key}", ` +
          `client_ca: "${authority.cert}", crl: "${crl}" } }]\n`,
      );
      const { code, stderr } = await runSluice(["check", path]);
      assert.equal(code, message === undefined ? 0 : 2, `${crl}: ${stderr}`);
      if (message !== undefined) assert.match(stderr, message);
    }
  },
);

interopTest("allow_clients and routes go by the names in certificates", OPENSSL, async (stack) => {
  const all = await terminating(stack, {
    tls: (authority) => [`client_ca: "${authority.cert}"`],
    service: [
      'allow_clients: { client_name: ["*.devices.example", alice], client_issuer: CN=Test CA }',
      'routes: [{ client_subject: "O=Test, CN=b.devices.example", upstream: "127.0.0.1:1" }]',
    ],
  });
  const { authority, sluice } = all;
  const certificate = (name: string, names?: string[]) =>
    authority.issue({ name, usage: "clientAuth", ...names === undefined ? {} : { names } });
  assert.equal(await hello(all, await certificate("a.devices.example")), "hello");
  assert.equal(await hello(all, await certificate("alice", [])), "hello");
  assert.equal(await hello(all, await certificate("b.devices.example")), "");
  const [failed] = await sluice.loggedEvents("connection_failed", 1);
  assert.deepEqual([failed!["upstream"], failed!["client_subject"]], [
    "127.0.0.1:1",
    "O=Test, CN=b.devices.example",
  ]);
  // The common name does not count where there are alternative names.
  assert.equal(await hello(all, await certificate("alice", ["DNS:eve.test"])), "");
  const [refused] = await sluice.loggedEvents("connection_refused", 1);
  assert.deepEqual([refused!["code"], refused!["detail"], refused!["client_subject"]], [
    "access_denied",
    "The certificate of the client is not one of allow_clients",
    "O=Test, CN=alice",
  ]);
});

interopTest(
  "each route has the list of its own authority, allow_clients applies to the clients of all",
  OPENSSL,
  async (stack) => {
    const first = stack.use(await CertificateAuthority.create());
    const second = stack.use(await CertificateAuthority.create("Other CA"));
    const server = stack.use(upstream(echo)).address;
    const route = async (name: string, authority: CertificateAuthority) => {
      const { cert, key } = await authority.issue({ name });
      const crl = await authority.writeList();
      return `{ sni: ${name}, upstream: "${server}", ` +
        `tls: { cert: "${cert}", key: "${key}", client_ca: "${authority.cert}", crl: "${crl}" } }`;
    };
    const { cert, key } = await first.issue({ name: "rest.test" });
    const sluice = stack.use(
      await Sluice.withConfig(`
log: { format: json }
services:
  - name: test
    listen: "127.0.0.1:0"
    tls: { cert: "${cert}", key: "${key}" }
    allow_clients: { client_name: [alice, bob] }
    routes: [${await route("a.test", first)}, ${await route("b.test", second)}]
    upstream: "${server}"
`),
    );
    let refused = 0;
    /** What comes back through the route of a name, and why nothing does. */
    const through = async (name: string, pair?: KeyPair) => {
      const own = pair === undefined ? [] : ["-cert", pair.cert, "-key", pair.key];
      const { received } = await openssl(sluice.port(), ["-servername", name, ...own], "hello");
      if (received !== "") return received;
      return (await sluice.loggedEvents("connection_refused", refused += 1)).at(-1)!["code"];
    };
    const client = (authority: CertificateAuthority, name: string) =>
      authority.issue({ name, usage: "clientAuth" });
    const [alice, bob, eve] = [
      await client(first, "alice"),
      await client(second, "bob"),
      await client(first, "eve"),
    ];
    assert.deepEqual([await through("a.test", alice), await through("b.test", bob)], ["hello", "hello"]);
    assert.equal(await through("a.test", eve), "access_denied");
    assert.equal(await through("a.test", bob), "tls_certificate_rejected");
    // The TLS of the service asks for no certificate, so its clients have none of the names.
    assert.equal(await through("rest.test"), "access_denied");
    assert.equal(await through("rest.test", alice), "access_denied");

    await second.revoke(bob);
    await second.writeList();
    const [line] = await sluice.loggedEvents("revocation_list_reloaded", 1);
    assert.deepEqual([line!["file"], line!["revoked"]], [`${second.directory}/ca.crl`, 1]);
    assert.deepEqual([await through("a.test", alice), await through("b.test", bob)], [
      "hello",
      "tls_certificate_revoked",
    ]);
  },
);
