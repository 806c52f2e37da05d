/** Signed requests to an ACME server (RFC 8555 section 6.2): JWS in JSON, signed with ES256. */

import { createHash, createHmac } from "node:crypto";
import type { EcKey, PublicJwk } from "./keys.ts";

export interface Jws {
  readonly protected: string;
  readonly payload: string;
  readonly signature: string;
}

/** What a request is signed for. */
export interface JwsTarget {
  readonly url: string;
  readonly nonce: string;
  /** The URL of the account; undefined before there is one. */
  readonly account: string | undefined;
}

/** An account that the authority knows by other means (RFC 8555 section 7.3.4). */
export interface ExternalAccount {
  readonly keyId: string;
  /** The key for HMAC, as base64url. */
  readonly hmacKey: string;
}

/** @param payload Undefined for a POST that only reads (section 6.3). */
export function signRequest(key: EcKey, { url, nonce, account }: JwsTarget, payload: unknown): Jws {
  const header = { alg: "ES256", nonce, url, ...account === undefined ? { jwk: key.jwk } : { kid: account } };
  const [head, body] = [encodeJson(header), payload === undefined ? "" : encodeJson(payload)];
  const signature = key.sign(new TextEncoder().encode(`${head}.${body}`), "ieee-p1363");
  return { protected: head, payload: body, signature: base64url(signature) };
}

/** Binds a new account to an external one. @param url Of the request for the new account. */
export function bindExternalAccount({ keyId, hmacKey }: ExternalAccount, key: EcKey, url: string): Jws {
  const [head, body] = [encodeJson({ alg: "HS256", kid: keyId, url }), encodeJson(key.jwk)];
  const hmac = createHmac("sha256", Uint8Array.fromBase64(hmacKey, { alphabet: "base64url" }));
  const signature = new Uint8Array(hmac.update(`${head}.${body}`).digest());
  return { protected: head, payload: body, signature: base64url(signature) };
}

/** What proves control of a name: the token of a challenge and the key of the account (section 8.1). */
export function keyAuthorization(token: string, key: EcKey): string {
  return `${token}.${thumbprint(key.jwk)}`;
}

/** Without padding. */
export function base64url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

export function sha256(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash("sha256").update(text).digest());
}

function thumbprint(jwk: PublicJwk): string {
  return base64url(sha256(JSON.stringify(jwk)));
}

function encodeJson(value: unknown): string {
  return base64url(new TextEncoder().encode(JSON.stringify(value)));
}
