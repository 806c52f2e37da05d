/** Whether certificates have been revoked by their issuers. */

import { hash } from "node:crypto";
import type { Certificate, TrustedAuthority } from "../../wire/certificate/certificate.ts";
import { sameBytes } from "../../wire/certificate/der.ts";
import { DistinguishedName } from "../../wire/certificate/distinguished_name.ts";
import { readRevocationList, type RevocationList } from "../../wire/certificate/revocation_list.ts";
import { type Peer, ProxyError } from "../errors.ts";
import { isSignedBy } from "./signature.ts";

/** For how many issuers the list is remembered. */
const MAX_REMEMBERED = 256;

type Issuer = Pick<TrustedAuthority, "subject" | "publicKey">;

/** A chain that has been verified. */
export interface Path {
  /** The peer's own certificate first, each issued by the next one. */
  readonly certificates: readonly Certificate[];
  /** Issued the last one. Without it, the only certificate is itself trusted. */
  readonly authority?: Issuer;
}

export class Revocations {
  readonly #lists: readonly RevocationList[];
  readonly #peer: Peer;
  /** By the name and the key of an issuer: its newest list. */
  readonly #byIssuer = new Map<string, RevocationList | undefined>();

  /**
   * @param lists As DER.
   * @param peer The peer that the certificates belong to.
   * @throws {MalformedError}
   */
  constructor(lists: readonly Uint8Array[], peer: Peer) {
    this.#lists = lists.map(readRevocationList);
    this.#peer = peer;
  }

  /**
   * Undefined when no certificate of a path is revoked, else why that is not known: a list is missing or has expired.
   * Both count as revoked, as in OpenSSL: an attacker who keeps a new list from the proxy must not gain by it.
   *
   * @param now As of `Date.now()`.
   * @throws {ProxyError} `tls_certificate_revoked`
   */
  faultOf({ certificates, authority }: Path, now: number): string | undefined {
    for (const [index, certificate] of certificates.entries()) {
      const issuer = certificates[index + 1] ?? authority;
      const list = issuer === undefined ? this.#unverified(certificate) : this.#listOf(issuer);
      if (list?.revoked.has(certificate.serial) === true) throw this.#revoked(certificate, index === 0);
      // A certificate that is itself trusted needs no list.
      if (issuer === undefined) continue;
      if (list === undefined) return `crl has no list of its issuer, ${nameOf(issuer.subject)}`;
      if (now > list.expiresAt) {
        return `the revocation list of its issuer, ${nameOf(issuer.subject)}, expired on ${
          new Date(list.expiresAt).toISOString()
        }`;
      }
    }
  }

  /** Until when the lists for a path are good. */
  expiryFor({ certificates, authority }: Path): number {
    const issuers = [...certificates.slice(1), authority].filter((issuer) => issuer !== undefined);
    return Math.min(...issuers.map((issuer) => this.#listOf(issuer)?.expiresAt ?? Infinity));
  }

  /** Call it for trusted issuers only. It verifies the signatures of their lists once. */
  #listOf({ subject, publicKey }: Issuer): RevocationList | undefined {
    const key = `${hash("sha256", subject, "base64")} ${hash("sha256", publicKey, "base64")}`;
    if (this.#byIssuer.has(key)) return this.#byIssuer.get(key);
    const own = this.#lists.filter((list) => sameBytes(list.issuer, subject) && isSignedBy(list, publicKey));
    const [newest] = own.sort((a, b) => b.issuedAt - a.issuedAt);
    if (this.#byIssuer.size >= MAX_REMEMBERED) this.#byIssuer.clear();
    this.#byIssuer.set(key, newest);
    return newest;
  }

  /** For a certificate whose issuer is not known: a forged list could only refuse it. */
  #unverified({ issuer, serial }: Certificate): RevocationList | undefined {
    return this.#lists.find((list) => sameBytes(list.issuer, issuer) && list.revoked.has(serial));
  }

  #revoked({ subject, serial }: Certificate, isOwn: boolean): ProxyError {
    const whose = isOwn ? `The certificate of the ${this.#peer}` : "A certificate that issued it";
    const detail = `${whose} was revoked: ${nameOf(subject)}, serial number ${serial}`;
    return new ProxyError("tls_certificate_revoked", this.#peer, { detail });
  }
}

function nameOf(der: Uint8Array): string {
  return String(new DistinguishedName(der));
}
