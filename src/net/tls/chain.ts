/**
 * Validates a certificate chain (RFC 5280 section 6): dates, signatures, and which authority may issue what.
 * node:tls does this only in full handshakes: on a resumed session it calls every certificate authorized, and
 * if its library cannot parse an upstream's certificate, it checks only names.
 *
 * As usual in TLS, a configured authority is trusted whatever its own certificate says.
 */

import { hash, X509Certificate } from "node:crypto";
import { MalformedError } from "../../wire/byte_reader.ts";
import {
  type Certificate,
  readAuthority,
  readCertificate,
  type TrustedAuthority,
} from "../../wire/certificate/certificate.ts";
import { sameBytes } from "../../wire/certificate/der.ts";
import { DistinguishedName } from "../../wire/certificate/distinguished_name.ts";
import { NAME_KIND } from "../../wire/certificate/alternative_names.ts";
import { allows } from "../../wire/certificate/name_constraints.ts";
import type { Peer } from "../errors.ts";
import { type Path, Revocations } from "./revocations.ts";
import { isSignedBy } from "./signature.ts";

/** The purpose of a certificate (RFC 5280 section 4.2.1.12). */
const PURPOSE: Record<Peer, string> = { client: "1.3.6.1.5.5.7.3.2", upstream: "1.3.6.1.5.5.7.3.1" };

/** The most authorities between a certificate and one that is trusted. */
const MAX_DEPTH = 6;
/**
 * The most signatures that are verified for one chain. Each takes 0.4 ms; a chain of two authorities has three.
 * Explaining why a chain was refused must not take longer, whatever a client sends.
 */
const MAX_SIGNATURES = 8;
const MAX_TO_EXPLAIN = 2;
/** The longest chain that is examined, and the number of chains that are cached. */
const MAX_CHAIN = 16;
const MAX_REMEMBERED = 256;

/** OpenSSL writes a version above 1 only if there is an extension. */
export const MAKE_VERSION_3 = 'make it version 3, as "openssl x509 -req" does with -extfile FILE and ' +
  "a line such as basicConstraints=CA:FALSE in that file";

/** The period in which a whole chain is valid, in milliseconds as of `Date.now()`. */
interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

interface Search {
  /** The certificates that the peer sent in addition to its own. */
  pool: readonly Certificate[];
  readonly now: number;
  /** How many more signatures may be verified. */
  signatures: number;
  /** Why the first path does not end at an authority. */
  fault: string | undefined;
}

export class ChainVerifier {
  readonly #pems: readonly string[];
  readonly #peer: Peer;
  #authorities: readonly TrustedAuthority[] | undefined;
  readonly #revocations: Revocations | undefined;
  /** Valid chains by their hash; their signatures stay valid. */
  readonly #good = new Map<string, Validity>();

  /**
   * @param authorities The authorities at which a chain must end, as PEM.
   * @param peer The peer that the certificates belong to.
   * @param lists Of revoked certificates, as DER; undefined does not check for them.
   */
  constructor(authorities: readonly string[], peer: Peer, lists?: readonly Uint8Array[]) {
    this.#pems = authorities;
    this.#peer = peer;
    if (lists !== undefined) this.#revocations = new Revocations(lists, peer);
  }

  /** Whether it looks for revoked certificates, which node:tls does not. */
  get checksRevocation(): boolean {
    return this.#revocations !== undefined;
  }

  /**
   * Undefined when the chain is valid, else the problem: "it expired on …".
   *
   * @param chain As DER, the peer's own certificate first; the others may be in any order.
   * @param now As of `Date.now()`.
   * @throws {ProxyError} `tls_certificate_revoked`
   */
  faultOf(chain: readonly Uint8Array[], now = Date.now()): string | undefined {
    const key = keyOf(chain);
    const known = this.#good.get(key);
    if (known !== undefined && known.notBefore <= now && now <= known.notAfter) return undefined;
    return this.#judged(chain, now, MAX_SIGNATURES, key);
  }

  /**
   * Explains why node:tls may have refused a chain. It verifies at most two signatures, so a chain in which
   * it finds no fault is not necessarily valid.
   */
  explain(chain: readonly Uint8Array[], now = Date.now()): string | undefined {
    return this.#judged(chain, now, MAX_TO_EXPLAIN);
  }

  /** @param key The cache key of the chain if it is valid; without a key it is not cached. */
  #judged(chain: readonly Uint8Array[], now: number, signatures: number, key?: string): string | undefined {
    try {
      return this.#judge(chain, { now, signatures, pool: [], fault: undefined }, key);
    } catch (cause) {
      if (cause instanceof MalformedError) return `it cannot be read: ${cause.message}`;
      throw cause;
    }
  }

  #judge([first, ...others]: readonly Uint8Array[], search: Search, key?: string): string | undefined {
    if (first === undefined) return "there is none";
    if (others.length >= MAX_CHAIN) return "its chain is too long";
    const leaf = readCertificate(first);
    const isTrusted = this.#trusted.some(({ raw }) => sameBytes(raw, leaf.raw));
    const fault = dateFault(leaf, search.now) ?? (isTrusted ? undefined : versionFault(leaf));
    if (fault !== undefined) return fault;
    search.pool = others.flatMap((raw) => readable(readCertificate, raw));
    const path = isTrusted ? { certificates: [leaf] } : this.#pathFrom([leaf], search);
    if (path === undefined) return search.fault;
    const unfit = (isTrusted ? undefined : this.#useFault(leaf)) ??
      this.#revocations?.faultOf(path, search.now);
    if (unfit === undefined && key !== undefined) this.#remember(key, path);
    return unfit;
  }

  get #trusted(): readonly TrustedAuthority[] {
    return this.#authorities ??= this.#pems.flatMap((pem) =>
      readable(readAuthority, new X509Certificate(pem).raw)
    );
  }

  /** The certificates from the peer's own to the one that an authority issued. */
  #pathFrom(path: readonly Certificate[], search: Search): Path | undefined {
    const last = path.at(-1)!;
    const isIssuer = ({ subject }: Pick<Certificate, "subject">) => sameBytes(subject, last.issuer);
    for (const authority of this.#trusted.filter(isIssuer)) {
      const { nameConstraints } = authority;
      if (nameConstraints !== undefined && !allows(nameConstraints, namesOf(path[0]!))) {
        const name = new DistinguishedName(authority.subject);
        search.fault ??= `its issuer, ${name}, may not issue for its names`;
      } else if (isSigned(last, authority, search)) return { certificates: path, authority };
    }
    for (const issuer of path.length > MAX_DEPTH ? [] : search.pool.filter(isIssuer)) {
      if (path.includes(issuer) || !isSigned(last, issuer, search)) continue;
      const fault = this.#issuerFault(issuer, path, search.now);
      if (fault === undefined) {
        const whole = this.#pathFrom([...path, issuer], search);
        if (whole !== undefined) return whole;
      } else search.fault ??= `its issuer, ${new DistinguishedName(issuer.subject)}, is not good: ${fault}`;
    }
    search.fault ??= `its issuer, ${new DistinguishedName(last.issuer)}, is not trusted`;
  }

  /** Why this certificate, which is not a configured authority, cannot be the issuer of the last one of `path`. */
  #issuerFault(issuer: Certificate, path: readonly Certificate[], now: number): string | undefined {
    const { isAuthority, pathLength = Infinity, signsCertificates, nameConstraints } = issuer.extensions;
    // Self-issued certificates do not count (RFC 5280 section 6.1.4).
    const between = path.slice(1).filter(({ subject, issuer }) => !sameBytes(subject, issuer)).length;
    return dateFault(issuer, now) ?? versionFault(issuer) ??
      (!isAuthority ? "it is no authority" : undefined) ??
      (signsCertificates === false ? "its key usage does not allow it to sign certificates" : undefined) ??
      (between > pathLength ? "there are more authorities below it than it allows" : undefined) ??
      (nameConstraints !== undefined && !allows(nameConstraints, namesOf(path[0]!))
        ? "it may not issue for these names"
        : undefined) ??
      this.#purposeFault(issuer) ?? criticalFault(issuer);
  }

  #useFault(leaf: Certificate): string | undefined {
    if (leaf.extensions.isAuthority) return "it is an authority's own certificate";
    return this.#purposeFault(leaf) ?? criticalFault(leaf);
  }

  #purposeFault({ extensions: { extendedKeyUsage } }: Certificate): string | undefined {
    if (extendedKeyUsage === undefined || extendedKeyUsage.includes(PURPOSE[this.#peer])) return undefined;
    return `its key usage does not allow it as a ${this.#peer === "client" ? "client's" : "server's"}`;
  }

  #remember(key: string, path: Path): void {
    const { certificates } = path;
    if (this.#good.size >= MAX_REMEMBERED) this.#good.delete(this.#good.keys().next().value!);
    this.#good.set(key, {
      notBefore: Math.max(...certificates.map(({ notBefore }) => notBefore)),
      notAfter: Math.min(
        ...certificates.map(({ notAfter }) => notAfter),
        this.#revocations?.expiryFor(path) ?? Infinity,
      ),
    });
  }
}

/** Different chains have different keys, because each certificate contains its own length. */
function keyOf(chain: readonly Uint8Array[]): string {
  return chain.map((raw) => hash("sha256", raw, "base64")).join();
}

function isSigned(certificate: Certificate, issuer: Pick<Certificate, "publicKey">, search: Search): boolean {
  search.signatures -= 1;
  return search.signatures >= 0 && isSignedBy(certificate, issuer.publicKey);
}

function dateFault({ notBefore, notAfter }: Certificate, now: number): string | undefined {
  if (now > notAfter) return `it expired on ${new Date(notAfter).toISOString()}`;
  if (now < notBefore) return `it is valid only from ${new Date(notBefore).toISOString()}`;
}

function versionFault({ version }: Certificate): string | undefined {
  return version === 3 ? undefined : `it is of X.509 version ${version}; ${MAKE_VERSION_3}`;
}

function criticalFault({ extensions: { unknownCritical: [id] } }: Certificate): string | undefined {
  return id === undefined ? undefined : `it has a critical extension, ${id}, that is not understood`;
}

/** The names that an authority's constraints apply to: the alternative names, and the subject. */
function namesOf({ subject, extensions: { alternativeNames } }: Certificate) {
  return [...alternativeNames?.all ?? [], { tag: NAME_KIND.directory, content: subject, raw: subject }];
}

/** An authority that cannot be parsed issues nothing. */
function readable<Read>(read: (raw: Uint8Array) => Read, raw: Uint8Array): Read[] {
  try {
    return [read(raw)];
  } catch (cause) {
    if (cause instanceof MalformedError) return [];
    throw cause;
  }
}
