import assert from "node:assert/strict";
import { inspect } from "node:util";
import { loadAuthorities, loadCredentials } from "../../../src/net/tls/credentials.ts";
import { CredentialsError } from "../../../src/net/tls/pem.ts";
import { CertificateAuthority, EC, type KeyPair, OPENSSL, RSA } from "../../support/certificates.ts";
import { commonName, issue, nameOf, organization } from "../../support/bytes/certificate_bytes.ts";
import { interopTest } from "../../support/interop.ts";

interopTest("loadCredentials() reads RSA, EC and Ed25519 keys in every PEM form", OPENSSL, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const rsa = await authority.issue({ name: "rsa.test", newKey: RSA });
  const ec = await authority.issue({ name: "ec.test", newKey: EC });
  const ed25519 = await authority.issue({ name: "ed.test", newKey: ["ed25519"] });
  const pkcs1 = await authority.convert(rsa.key, "rsa", "-traditional");
  const sec1 = await authority.convert(ec.key, "ec");
  const parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
  const oneFile = await authority.file(
    "one.pem",
    await Deno.readTextFile(ec.cert) + parameters + await Deno.readTextFile(sec1),
  );
  await Deno.chmod(oneFile, 0o600);
  assert.match(await Deno.readTextFile(pkcs1), /^-----BEGIN RSA PRIVATE KEY-----/);
  assert.match(await Deno.readTextFile(sec1), /^-----BEGIN EC PRIVATE KEY-----/);
  const pairs: [KeyPair, string][] = [
    [rsa, "rsa.test"],
    [{ cert: rsa.cert, key: pkcs1 }, "rsa.test"],
    [ec, "ec.test"],
    [{ cert: ec.cert, key: sec1 }, "ec.test"],
    [{ cert: oneFile, key: oneFile }, "ec.test"],
    [ed25519, "ed.test"],
  ];
  for (const [pair, name] of pairs) {
    const credentials = await loadCredentials(pair);
    assert.deepEqual(credentials.names, [name]);
    assert.equal(credentials.subject, `O=Test, CN=${name}`);
    assert.deepEqual(credentials.warnings, []);
    // Deno loads the pair, or throws.
    Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert: credentials.cert, key: credentials.key }).close();
  }
});

interopTest(
  "loadCredentials() returns the names and the expiry of a certificate",
  OPENSSL,
  async (stack) => {
    const authority = stack.use(await CertificateAuthority.create());
    const names = ["DNS:Shop.Example.com", "DNS:*.shop.example.com", "IP:127.0.0.1", "email:a@b.test"];
    const many = await loadCredentials(await authority.issue({ name: "ignored.test", names, until: 20 }));
    assert.deepEqual(many.names, ["shop.example.com", "*.shop.example.com"]);
    const days = (many.expiresAt.getTime() - Date.now()) / 86_400_000;
    assert.ok(days > 19.9 && days <= 20, `${days} days`);
    const commonName = await loadCredentials(await authority.issue({ name: "Old.test", names: [] }));
    assert.deepEqual(commonName.names, ["old.test"]);
  },
);

interopTest("loadCredentials() throws with the file, the problem and the remedy", OPENSSL, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const good = await authority.issue({ name: "good.test" });
  const other = await authority.issue({ name: "other.test" });
  const expired = await authority.issue({ name: "expired.test", from: -20, until: -10 });
  const future = await authority.issue({ name: "future.test", from: 10, until: 20 });
  const weak = await authority.issue({ name: "weak.test", newKey: ["rsa:1024"] });
  const koblitz = await authority.issue({
    name: "k1.test",
    newKey: ["ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
  });
  const locked = await authority.convert(good.key, "pkey", "-aes256", "-passout", "pass:secret");
  const damaged = await authority.file(
    "damaged.pem",
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  );
  const damagedKey = await authority.file(
    "damaged.key",
    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
  );
  const empty = await authority.file("empty.pem", "");
  const reversed = await authority.file(
    "reversed.pem",
    await Deno.readTextFile(authority.cert) + await Deno.readTextFile(good.cert),
  );
  const cases: [KeyPair, "cert" | "key", RegExp][] = [
    [{ ...good, cert: "no.pem" }, "cert", /^Cannot read "no\.pem": no such file \(check the path\)$/],
    [{ ...good, key: "no.key" }, "key", /^Cannot read "no\.key": no such file/],
    [{ ...good, cert: authority.directory }, "cert", /: it is a directory \(name a file in it\)$/],
    [{ ...good, cert: empty }, "cert", /^Cannot find a certificate in .*: expected PEM, /],
    [{ ...good, key: empty }, "key", /^Cannot find a private key in .*: expected PEM, /],
    [{ cert: good.key, key: good.cert }, "cert", /it holds a private key \(cert and key may be swapped\)$/],
    [{ ...good, cert: damaged }, "cert", /^Cannot parse certificate 1 in .*damaged\.pem": it is damaged$/],
    [
      { ...good, key: damagedKey },
      "key",
      /^Cannot parse the key in .*: it is damaged, or of an unknown kind$/,
    ],
    [{ ...good, key: locked }, "key", /it has a pass phrase \(decrypt it with "openssl pkey -in /],
    [{ ...good, key: other.key }, "key", /it belongs to another certificate than ".*"$/],
    [{ ...good, cert: reversed }, "key", /it belongs to certificate 2 in ".*" \(put that one first\)$/],
    [expired, "cert", /: the certificate expired on \d{4}-\d\d-\d\d \(renew it\)$/],
    [future, "cert", /: the certificate is valid only from .*Z \(check the clock of this machine\)$/],
    [weak, "key", /: RSA with 1024 bits is too weak \(2048 at least\)$/],
    [koblitz, "key", /: curve secp256k1 is not supported \(P-256, P-384 or P-521 are\)$/],
  ];
  for (const [pair, file, message] of cases) {
    await assert.rejects(loadCredentials(pair), { name: "CredentialsError", file, message }, String(message));
  }
});

interopTest(
  "loadCredentials() warns of a key that others can read and of a broken chain",
  OPENSSL,
  async (stack) => {
    const authority = stack.use(await CertificateAuthority.create());
    const pair = await authority.issue({ name: "a.test" });
    const old = await authority.issue({ name: "old.test", from: -20, until: -10 });
    await Deno.chmod(pair.key, 0o640);
    const text = await Deno.readTextFile(pair.cert);
    const chain = await authority.file("chain.pem", text + await Deno.readTextFile(authority.cert));
    const broken = await authority.file("broken.pem", text + await Deno.readTextFile(old.cert));
    const warningsOf = async (cert: string) => (await loadCredentials({ cert, key: pair.key })).warnings;
    const ofKey = `The key file "${pair.key}" is readable by other users (chmod 600 it)`;
    assert.deepEqual(await warningsOf(chain), [ofKey]);
    await Deno.chmod(pair.key, 0o600);
    const [expired, notIssuer, ...more] = await warningsOf(broken);
    assert.match(expired!, /^Certificate 2 in ".*broken\.pem", O=Test, CN=old\.test, expired on \d{4}-/);
    assert.match(notIssuer!, /^Certificate 2 in ".*broken\.pem" is not the issuer of the one before it$/);
    assert.deepEqual(more, []);
  },
);

interopTest("loadCredentials() warns of a certificate that many refuse", OPENSSL, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const { pem, keys } = issue({
    subject: nameOf([organization("x\nCN=a")], [commonName("b.test")]),
    version: 1,
  });
  const cert = await authority.file("old.pem", pem);
  const key = await authority.file(
    "old.key",
    keys.privateKey.export({ type: "pkcs8", format: "pem" }) as string,
  );
  await Deno.chmod(key, 0o600);
  const { warnings, names, subject } = await loadCredentials({ cert, key });
  assert.equal(warnings.length, 1);
  assert.match(
    warnings[0]!,
    /^The certificate in ".*old\.pem" is of X\.509 version 1, which many refuse \(make it /,
  );
  assert.deepEqual([names, subject], [["b.test"], "O=x\\0aCN=a, CN=b.test"]);
});

interopTest("printing credentials shows no key", OPENSSL, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const credentials = await loadCredentials(await authority.issue({ name: "a.test" }));
  assert.match(credentials.key, /PRIVATE KEY/);
  for (
    const text of [
      inspect(credentials, { showHidden: true }),
      Deno.inspect(credentials),
      JSON.stringify(credentials),
    ]
  ) {
    assert.match(text, /a\.test/);
    assert.doesNotMatch(text, /PRIVATE/);
  }
});

interopTest(
  "loadAuthorities() reads every certificate of a file, and refuses one without",
  OPENSSL,
  async (stack) => {
    const authority = stack.use(await CertificateAuthority.create());
    const other = stack.use(await CertificateAuthority.create("Other CA"));
    const both = await authority.file(
      "both.pem",
      `comments are fine\n${await Deno.readTextFile(authority.cert)}${await Deno.readTextFile(other.cert)}`,
    );
    assert.equal((await loadAuthorities(both)).length, 2);
    const trusted = await authority.convert(authority.cert, "x509", "-addtrust", "clientAuth", "-trustout");
    assert.match(await Deno.readTextFile(trusted), /^-----BEGIN TRUSTED CERTIFICATE-----/);
    assert.deepEqual(await loadAuthorities(trusted), await loadAuthorities(authority.cert));
    const empty = await authority.file("empty.pem", "nothing");
    await assert.rejects(
      loadAuthorities(empty),
      (error) => error instanceof CredentialsError && error.file === "ca",
    );
  },
);
