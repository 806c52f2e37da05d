import assert from "node:assert/strict";
import { createHash, createPublicKey, verify, X509Certificate } from "node:crypto";
import { bindExternalAccount, keyAuthorization, signRequest } from "../../../src/acme/jws.ts";
import { EcKey } from "../../../src/acme/keys.ts";
import { OPENSSL } from "../../support/certificates.ts";
import { interopTest, run } from "../../support/interop.ts";
import { readCertificate } from "../../../src/wire/certificate/certificate.ts";

interopTest("EcKey.requestFor() makes a request that openssl verifies", OPENSSL, async () => {
  const key = await EcKey.generate();
  const request = key.requestFor(["a.example.com", "b.example.com"]);
  const pem =
    `-----BEGIN CERTIFICATE REQUEST-----\n${request.toBase64()}\n-----END CERTIFICATE REQUEST-----\n`;
  const { text, stderr } = await run("openssl", ["req", "-verify", "-noout", "-text"], { input: pem });
  assert.match(text + stderr, /self-signature verify OK/i);
  assert.match(text, /Subject: *\n/);
  assert.match(text, /DNS:a\.example\.com, DNS:b\.example\.com/);
  assert.match(text, /Public-Key: \(256 bit\)/);
});

Deno.test("EcKey.challengeCertificate() has the digest in a critical extension, and signs itself", async () => {
  const key = await EcKey.generate();
  const digest = new Uint8Array(createHash("sha256").update("proof").digest());
  const now = Date.UTC(2026, 0, 1);
  const certificate = new X509Certificate(key.challengeCertificate("a.example.com", digest, now));
  assert.equal(certificate.subjectAltName, "DNS:a.example.com");
  assert.ok(certificate.verify(certificate.publicKey));
  assert.ok(certificate.validFromDate.getTime() < now && certificate.validToDate.getTime() > now);
  const { extensions, raw } = readCertificate(new Uint8Array(certificate.raw));
  // RFC 8737 section 3.
  assert.deepEqual(extensions.unknownCritical, ["1.3.6.1.5.5.7.1.31"]);
  assert.ok(raw.toHex().includes(`04220420${digest.toHex()}`));
});

Deno.test("EcKey.fromPem() reads what toPem() writes, and no other kind of key", async () => {
  const key = await EcKey.generate();
  assert.deepEqual(EcKey.fromPem(key.toPem()).jwk, key.jwk);
  assert.throws(() => EcKey.fromPem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"));
  assert.doesNotMatch(Deno.inspect(key) + JSON.stringify(key), /PRIVATE|"d"/);
});

Deno.test("signRequest() signs head and payload with ES256, by key at first and by account then", async () => {
  const key = await EcKey.generate();
  const target = { url: "https://acme.test/new", nonce: "n1", account: undefined };
  const signed = signRequest(key, target, { a: 1 });
  const decoded = (text: string) => JSON.parse(atob(text.replaceAll("-", "+").replaceAll("_", "/")));
  assert.deepEqual(decoded(signed.protected), { alg: "ES256", nonce: "n1", url: target.url, jwk: key.jwk });
  assert.deepEqual(decoded(signed.payload), { a: 1 });
  const publicKey = createPublicKey({ key: { ...key.jwk }, format: "jwk" });
  const bytes = new TextEncoder().encode(`${signed.protected}.${signed.payload}`);
  const signature = Uint8Array.fromBase64(signed.signature, { alphabet: "base64url" });
  assert.ok(verify("sha256", bytes, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature));

  const known = signRequest(key, { ...target, account: "https://acme.test/account/1" }, undefined);
  assert.equal(decoded(known.protected).kid, "https://acme.test/account/1");
  assert.equal(decoded(known.protected).jwk, undefined);
  assert.equal(known.payload, "");
});

Deno.test("bindExternalAccount() signs the key of the account with HS256", async () => {
  const key = await EcKey.generate();
  const hmacKey = "c2VjcmV0LXNlY3JldC1zZWNyZXQ";
  const bound = bindExternalAccount({ keyId: "kid-1", hmacKey }, key, "https://acme.test/new");
  const secret = await crypto.subtle.importKey(
    "raw",
    new TextEncoder().encode("secret-secret-secret"),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["verify"],
  );
  const signature = Uint8Array.fromBase64(bound.signature, { alphabet: "base64url" });
  const bytes = new TextEncoder().encode(`${bound.protected}.${bound.payload}`);
  assert.ok(await crypto.subtle.verify("HMAC", secret, signature, bytes));
});

Deno.test("keyAuthorization() has the thumbprint of RFC 7638", async () => {
  const key = await EcKey.generate();
  const { crv, kty, x, y } = key.jwk;
  const json = `{"crv":"${crv}","kty":"${kty}","x":"${x}","y":"${y}"}`;
  const expected = createHash("sha256").update(json).digest("base64url");
  assert.equal(keyAuthorization("token", key), `token.${expected}`);
});
