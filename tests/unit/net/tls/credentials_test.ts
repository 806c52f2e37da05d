/** Certificates with their keys from files, and the errors about those that do not fit. */

import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { type Credentials, loadAuthorities, loadCredentials } from "../../../../src/net/tls/credentials.ts";
import {
  alternativeNames,
  authority,
  authorityFlag,
  commonName,
  type Contents,
  dnsName,
  issue,
  type Issued,
  type Keys,
  nameOf,
  newKeys,
  organization,
  text,
} from "../../../support/bytes/certificate_bytes.ts";

const root = authority();
const leaf = issue(
  { subject: "a", extensions: [alternativeNames(dnsName("A.test"), dnsName("*.b.test"))] },
  root,
);
const { validFromDate, validToDate } = new X509Certificate(leaf.raw);

interface Files {
  readonly chain?: readonly Issued[];
  readonly keys?: Keys;
  readonly now?: Date;
  /** The mode of the key file. */
  readonly mode?: number;
}

/**
 * Loads files with these certificates and this key, by default that of the first. Messages have file names instead of
 * paths.
 */
async function loaded({ chain = [leaf], keys = chain[0]!.keys, now, mode = 0o600 }: Files = {}) {
  const folder = await Deno.makeTempDir();
  try {
    const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
    await Deno.writeTextFile(files.cert, chain.map(({ pem }) => pem).join(""));
    await Deno.writeTextFile(files.key, keys.privateKey.export({ type: "pkcs8", format: "pem" }) as string);
    await Deno.chmod(files.key, mode);
    const credentials = await loadCredentials(files, now);
    return {
      credentials,
      warnings: credentials.warnings.map((warning) => warning.replaceAll(folder + "/", "")),
    };
  } catch (error) {
    const { file, message } = error as Error & { file: string };
    throw Object.assign(new Error(message.replaceAll(folder + "/", "")), { file });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function loadedWith(contents: Contents): Promise<Credentials> {
  return (await loaded({ chain: [issue(contents, root)] })).credentials;
}

Deno.test("loadCredentials() gives a chain with its key, and what is in the certificate", async () => {
  const { credentials, warnings } = await loaded({ chain: [leaf, root] });
  assert.equal(credentials.cert, [leaf, root].map(({ raw }) => String(new X509Certificate(raw))).join(""));
  assert.deepEqual(credentials.names, ["a.test", "*.b.test"]);
  assert.equal(credentials.subject, "CN=a");
  assert.deepEqual(credentials.expiresAt, validToDate);
  assert.deepEqual(warnings, []);
  const { cert, key, names } = credentials;
  assert.deepEqual(credentials.identity, { cert, key, names });
  assert.doesNotMatch(JSON.stringify(credentials) + Deno.inspect(credentials), /PRIVATE/);
});

Deno.test("loadCredentials() gives the key as node:tls reads it soonest", async () => {
  const keys = [
    newKeys(),
    generateKeyPairSync("rsa", { modulusLength: 2048 }),
    generateKeyPairSync("ed25519"),
  ];
  for (const [index, type] of (["sec1", "pkcs8", "pkcs8"] as const).entries()) {
    const { key } = await loadedWith({ subject: "a", keys: keys[index]! });
    assert.equal(key, keys[index]!.privateKey.export({ type, format: "pem" }));
  }
});

Deno.test("loadCredentials() takes the names from where clients look for them", async () => {
  const names = async (contents: Contents) => (await loadedWith(contents)).names;
  const address = Uint8Array.of(0x87, 4, 127, 0, 0, 1);
  assert.deepEqual(await names({ subject: "A.test" }), ["a.test"]);
  assert.deepEqual(await names({ subject: "A.test", extensions: [alternativeNames(address)] }), []);
  assert.deepEqual(await names({ subject: nameOf([organization("x")]) }), []);
  assert.deepEqual(await names({ subject: nameOf([commonName("x")], [commonName("y")]) }), ["y"]);
});

Deno.test("loadCredentials() refuses a key that is not that of the first certificate", async () => {
  await assert.rejects(loaded({ keys: newKeys() }), {
    file: "key",
    message: 'Cannot use the key in "key.pem": it belongs to another certificate than "cert.pem"',
  });
  await assert.rejects(loaded({ chain: [root, authority("Other"), leaf], keys: leaf.keys }), {
    file: "key",
    message:
      'Cannot use the key in "key.pem": it belongs to certificate 3 in "cert.pem" (put that one first)',
  });
});

Deno.test("loadCredentials() refuses a certificate outside of its time", async () => {
  const at = (date: Date, more: number) => loaded({ now: new Date(date.getTime() + more) });
  await at(validFromDate, 0);
  await at(validToDate, -1);
  await assert.rejects(at(validToDate, 0), {
    file: "cert",
    message: `Cannot use "cert.pem": the certificate expired on ${
      validToDate.toISOString().slice(0, 10)
    } (renew it)`,
  });
  await assert.rejects(at(validFromDate, -1), {
    file: "cert",
    message: `Cannot use "cert.pem": the certificate is valid only from ${validFromDate.toISOString()} ` +
      "(check the clock of this machine)",
  });
});

Deno.test("loadCredentials() warns of issuers that are none, or over", async () => {
  const old = authority("Root", { from: -9, until: 20, keys: root.keys });
  const over = new X509Certificate(old.raw).validToDate;
  const warnings = async (chain: Issued[], more: number) =>
    (await loaded({ chain, now: new Date(over.getTime() + more) })).warnings;
  assert.deepEqual(await warnings([leaf, old], -1), []);
  assert.deepEqual(await warnings([leaf, old], 0), [
    `Certificate 2 in "cert.pem", CN=Root, expired on ${over.toISOString().slice(0, 10)}`,
  ]);
  assert.deepEqual(await warnings([leaf, root, authority("Other")], 0), [
    'Certificate 3 in "cert.pem" is not the issuer of the one before it',
  ]);
});

Deno.test("loadCredentials() warns of a certificate that many refuse", async () => {
  const { warnings } = await loaded({ chain: [issue({ subject: "a", version: 1 }, root)] });
  assert.equal(warnings.length, 1);
  assert.match(
    warnings[0]!,
    /^The certificate in "cert\.pem" is of X\.509 version 1, which many refuse \(make it version 3/,
  );
});

Deno.test({
  name: "loadCredentials() warns of a key that others can read",
  // Windows has no mode bits.
  ignore: Deno.build.os === "windows",
  async fn() {
    const warning = 'The key file "key.pem" is readable by other users (chmod 600 it)';
    for (const mode of [0o640, 0o604, 0o644]) assert.deepEqual((await loaded({ mode })).warnings, [warning]);
    for (const mode of [0o600, 0o611, 0o633]) assert.deepEqual((await loaded({ mode })).warnings, []);
  },
});

Deno.test("loadCredentials() refuses a certificate that cannot be read in all its parts", async () => {
  const odd = issue({ subject: "a", extensions: [authorityFlag(), authorityFlag()] }, root);
  await assert.rejects(loaded({ chain: [odd] }), {
    file: "cert",
    message: /^Cannot parse the certificate in "cert\.pem": /,
  });
  const nameless = issue({ subject: text(0x30, "") }, root);
  assert.equal((await loaded({ chain: [nameless] })).credentials.subject, "");
});

Deno.test("loadAuthorities() gives each certificate of a file, or says why not", async () => {
  const path = await Deno.makeTempFile();
  try {
    const other = authority("Other");
    await Deno.writeTextFile(path, root.pem + other.pem);
    assert.deepEqual(
      await loadAuthorities(path),
      [root, other].map(({ raw }) => String(new X509Certificate(raw))),
    );
    await Deno.writeTextFile(path, "");
    await assert.rejects(loadAuthorities(path), { name: "CredentialsError", file: "ca" });
  } finally {
    await Deno.remove(path);
  }
});
