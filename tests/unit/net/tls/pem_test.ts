/** The content that is read from PEM files, and the errors about those that cannot be used. */

import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { join } from "node:path";
import {
  CredentialsError,
  kindFault,
  parseCertificates,
  parseKey,
  readPem,
} from "../../../../src/net/tls/pem.ts";
import { authority, issue, newKeys, pemOf } from "../../../support/bytes/certificate_bytes.ts";

const root = authority();
const leaf = issue({ subject: "a.test" }, root);
const { privateKey } = newKeys();
const pem = (key: KeyObject, type: "pkcs8" | "sec1" | "pkcs1" = "pkcs8") =>
  key.export({ type, format: "pem" }) as string;

/** The message of an error, and the file that it names. */
function faultOf(use: () => unknown): [string, string] {
  try {
    use();
  } catch (error) {
    assert.ok(error instanceof CredentialsError);
    return [error.file, error.message];
  }
  throw new Error("it was taken");
}

Deno.test("parseCertificates() finds the certificates of a file in order, with any text around them", () => {
  const text = `subject: a.test\n${leaf.pem}issuer: root\n${pem(privateKey)}${root.pem}the end`;
  const found = parseCertificates("cert", "a.pem", text);
  assert.deepEqual(found.map(String), [leaf, root].map(({ raw }) => String(new X509Certificate(raw))));
});

Deno.test("parseCertificates() finds certificates of OpenSSL under all labels, without its additions", () => {
  const [old] = parseCertificates("cert", "a.pem", leaf.pem.replaceAll("CERTIFICATE", "X509 CERTIFICATE"));
  assert.deepEqual(new Uint8Array(old!.raw), leaf.raw);
  const trusted = pemOf(Uint8Array.of(...leaf.raw, 0x30, 0), "TRUSTED CERTIFICATE");
  const [plain] = parseCertificates("ca", "a.pem", trusted);
  assert.deepEqual(new Uint8Array(plain!.raw), leaf.raw);
});

Deno.test("parseCertificates() names the kind of a file without certificates", () => {
  assert.deepEqual(faultOf(() => parseCertificates("ca", "a.pem", "")), [
    "ca",
    'Cannot find a certificate in "a.pem": expected PEM, "-----BEGIN CERTIFICATE-----"',
  ]);
  assert.deepEqual(faultOf(() => parseCertificates("cert", "a.pem", pem(privateKey))), [
    "cert",
    'Cannot find a certificate in "a.pem": it holds a private key (cert and key may be swapped)',
  ]);
  const damaged = pemOf(leaf.raw.subarray(0, 100));
  assert.deepEqual(faultOf(() => parseCertificates("cert", "a.pem", root.pem + damaged)), [
    "cert",
    'Cannot parse certificate 2 in "a.pem": it is damaged',
  ]);
});

Deno.test("parseKey() finds a key in each form", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const cases = [[privateKey, "pkcs8"], [privateKey, "sec1"], [rsa, "pkcs8"], [rsa, "pkcs1"]] as const;
  for (const [key, type] of cases) {
    assert.equal(pem(parseKey("a.key", `${leaf.pem}${pem(key, type)}`)), pem(key), type);
  }
  assert.equal(pem(parseKey("a.key", pem(rsa) + pem(privateKey))), pem(rsa), "the first of several");
});

Deno.test("parseKey() says why a key cannot be used", () => {
  const faults = (text: string) => faultOf(() => parseKey("a.key", text));
  assert.deepEqual(faults(leaf.pem), [
    "key",
    'Cannot find a private key in "a.key": expected PEM, "-----BEGIN PRIVATE KEY-----"',
  ]);
  const secret = privateKey.export({
    type: "pkcs8",
    format: "pem",
    cipher: "aes-256-cbc",
    passphrase: "secret",
  }) as string;
  assert.deepEqual(faults(secret), [
    "key",
    'Cannot use the key in "a.key": it has a pass phrase (decrypt it with "openssl pkey -in a.key -out FILE")',
  ]);
  assert.deepEqual(faults(pemOf(Uint8Array.of(0x30, 0), "PRIVATE KEY")), [
    "key",
    'Cannot parse the key in "a.key": it is damaged, or of an unknown kind',
  ]);
  assert.deepEqual(faults(pem(generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey)), [
    "key",
    'Cannot use the key in "a.key": RSA with 1024 bits is too weak (2048 at least)',
  ]);
});

Deno.test("kindFault() says which keys TLS does not take", () => {
  for (const curve of ["P-256", "P-384", "P-521"]) {
    assert.equal(kindFault(newKeys(curve).privateKey), undefined);
  }
  assert.equal(kindFault(generateKeyPairSync("ed25519").privateKey), undefined);
  assert.equal(kindFault(generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey), undefined);
  assert.equal(
    kindFault(newKeys("secp256k1").privateKey),
    "curve secp256k1 is not supported (P-256, P-384 or P-521 are)",
  );
  assert.equal(
    kindFault(generateKeyPairSync("x25519").privateKey),
    "keys of kind x25519 are not supported (RSA, EC and Ed25519 are)",
  );
});

Deno.test("kindFault() takes no key that does not say what it is", () => {
  const key = (asymmetricKeyType: string) => ({ asymmetricKeyType }) as KeyObject;
  assert.equal(kindFault(key("rsa")), "RSA with 0 bits is too weak (2048 at least)");
  assert.equal(kindFault(key("ec")), "curve unnamed is not supported (P-256, P-384 or P-521 are)");
});

Deno.test("readPem() reads a file, or says why it cannot", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "a.pem");
    await assert.rejects(readPem("key", path), {
      name: "CredentialsError",
      file: "key",
      message: `Cannot read "${path}": no such file (check the path)`,
    });
    await Deno.writeTextFile(path, leaf.pem);
    assert.equal(await readPem("cert", path), leaf.pem);
    await Deno.truncate(path, 16 * 1024 * 1024 + 1);
    await assert.rejects(readPem("ca", path), {
      file: "ca",
      message: `Cannot read "${path}": it is larger than 16 MiB`,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
