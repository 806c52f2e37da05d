/** Keys for accounts and certificates: ECDSA on P-256, which every ACME server accepts (RFC 8555 section 6.2). */

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  randomBytes,
  sign,
} from "node:crypto";
import { promisify } from "node:util";
import { certificateToSign, requestToSign, withSignature } from "../wire/certificate/signing_request.ts";

/** The public part of a key, as JWS has it (RFC 7517). The order of its members is that of a thumbprint (RFC 7638). */
export interface PublicJwk {
  readonly crv: string;
  readonly kty: string;
  readonly x: string;
  readonly y: string;
}

/** How long before now, and after it, a certificate for a challenge is valid, in milliseconds: clocks differ. */
const VALID_AROUND = 7 * 86_400_000;

/** A private key on P-256. Printing it does not show it. */
export class EcKey {
  readonly #key: KeyObject;
  readonly jwk: PublicJwk;

  private constructor(key: KeyObject) {
    this.#key = key;
    const { crv, kty, x, y } = createPublicKey(key).export({ format: "jwk" });
    if (kty !== "EC" || crv !== "P-256") throw new SyntaxError("It is not a key on P-256");
    this.jwk = { crv, kty, x: x!, y: y! };
  }

  static async generate(): Promise<EcKey> {
    const { privateKey } = await promisify(generateKeyPair)("ec", { namedCurve: "P-256" });
    return new EcKey(privateKey);
  }

  /** @throws when the text is not a private key on P-256. */
  static fromPem(pem: string): EcKey {
    return new EcKey(createPrivateKey(pem));
  }

  /** PKCS #8. */
  toPem(): string {
    return this.#key.export({ type: "pkcs8", format: "pem" }) as string;
  }

  /** The signature of SHA-256 with ECDSA: two numbers in sequence, as JWS has it, or DER, as certificates do. */
  sign(bytes: Uint8Array, encoding: "ieee-p1363" | "der"): Uint8Array<ArrayBuffer> {
    return new Uint8Array(sign("sha256", bytes, { key: this.#key, dsaEncoding: encoding }));
  }

  /** A certificate request for these DNS names, as DER. */
  requestFor(names: readonly string[]): Uint8Array<ArrayBuffer> {
    const request = requestToSign(names, this.#publicKey);
    return withSignature(request, this.sign(request, "der"));
  }

  /** A certificate that answers a tls-alpn-01 challenge, as PEM. @param digest SHA-256 of the key authorization. */
  challengeCertificate(name: string, digest: Uint8Array, now: number): string {
    const toSign = certificateToSign({
      name,
      digest,
      publicKey: this.#publicKey,
      serial: randomBytes(16),
      notBefore: now - VALID_AROUND,
      notAfter: now + VALID_AROUND,
    });
    const lines = withSignature(toSign, this.sign(toSign, "der")).toBase64().match(/.{1,64}/g)!;
    return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
  }

  get #publicKey(): Uint8Array {
    return new Uint8Array(createPublicKey(this.#key).export({ type: "spki", format: "der" }));
  }
}
