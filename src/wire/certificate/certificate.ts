/** Reads X.509 certificates (RFC 5280 section 4.1), as far as chain validation needs. */

import { MalformedError } from "../byte_reader.ts";
import { DER, DerReader, type DerValue, sameBytes, wholeSequence } from "./der.ts";
import { type AlternativeNames, readAlternativeNames } from "./alternative_names.ts";
import { type NameConstraints, readNameConstraints } from "./name_constraints.ts";

/** Tags of the optional fields. */
const VERSION = 0xa0;
const ISSUER_UNIQUE_ID = 0x81;
const SUBJECT_UNIQUE_ID = 0x82;
const EXTENSIONS = 0xa3;

const NAME_CONSTRAINTS = "2.5.29.30";

/** Bits of the key usage, the first one leftmost in its byte. */
const KEY_CERT_SIGN = 0x04;

export interface SignatureAlgorithm {
  readonly id: string;
  /** The whole AlgorithmIdentifier. */
  readonly raw: Uint8Array;
}

/** What an authority has signed. */
export interface Signed {
  /** The bytes that were signed. */
  readonly signed: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

/** Byte arrays are views of the input. */
export interface Certificate extends Signed {
  readonly raw: Uint8Array;
  /** 1, 2 or 3. */
  readonly version: number;
  /** As {@linkcode serialText} writes it. */
  readonly serial: string;
  /** As DER: two names are equal if their bytes are. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Its validity period, both ends included, in milliseconds as of `Date.now()`. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** The SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly extensions: Extensions;
}

export interface Extensions {
  /** The certificate claims to be an authority's. */
  readonly isAuthority: boolean;
  /** How many other authorities may be between it and the last certificate of a chain. */
  readonly pathLength?: number;
  /** Whether its key may sign certificates; undefined without a key usage extension. */
  readonly signsCertificates?: boolean;
  /** Object IDs of its extended key usage; undefined without that extension. */
  readonly extendedKeyUsage?: readonly string[];
  readonly alternativeNames?: AlternativeNames;
  readonly nameConstraints?: NameConstraints;
  /** Object IDs of other critical extensions. */
  readonly unknownCritical: readonly string[];
}

/**
 * @param raw One certificate, as DER.
 * @throws {MalformedError}
 */
export function readCertificate(raw: Uint8Array): Certificate {
  const certificate = wholeSequence(raw);
  const signed = certificate.read(DER.sequence);
  const algorithm = certificate.read(DER.sequence);
  const signatureAlgorithm = { id: new DerReader(algorithm.content).objectId(), raw: algorithm.raw };
  const signature = certificate.bitString();
  certificate.finish();

  const fields = new DerReader(signed.content);
  const version = readVersion(fields);
  const serial = serialText(fields.read(DER.integer).content);
  if (!sameBytes(fields.read(DER.sequence).raw, signatureAlgorithm.raw)) {
    throw new MalformedError("the certificate names two signature algorithms");
  }
  const namesAndDates = readNamesAndDates(fields);
  const publicKey = fields.read(DER.sequence).raw;
  fields.optional(ISSUER_UNIQUE_ID);
  fields.optional(SUBJECT_UNIQUE_ID);
  const extensions = readExtensions(fields.optional(EXTENSIONS), version);
  fields.finish();
  // deno-fmt-ignore
  return { raw, version, serial, signed: signed.raw, signatureAlgorithm, signature, ...namesAndDates, publicKey, extensions };
}

/** The fields that identify a trusted authority; the rest of its certificate is ignored. */
export interface TrustedAuthority {
  readonly raw: Uint8Array;
  readonly subject: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly nameConstraints: NameConstraints | undefined;
}

/**
 * @param raw Its certificate, as DER.
 * @throws {MalformedError}
 */
export function readAuthority(raw: Uint8Array): TrustedAuthority {
  const fields = wholeSequence(raw).inside(DER.sequence);
  skipToIssuer(fields);
  const { subject } = readNamesAndDates(fields);
  const publicKey = fields.read(DER.sequence).raw;
  fields.optional(ISSUER_UNIQUE_ID);
  fields.optional(SUBJECT_UNIQUE_ID);
  const extensions = extensionsIn(fields.optional(EXTENSIONS));
  const constraints = extensions.find(({ id }) => id === NAME_CONSTRAINTS);
  return {
    raw,
    subject,
    publicKey,
    nameConstraints: constraints && readNameConstraints(constraints.content),
  };
}

/** The fields needed of a certificate that the TLS library has verified. */
export type Holder = Pick<Certificate, "subject" | "notBefore" | "notAfter">;

/**
 * Reads only the subject and the validity period of a certificate.
 *
 * @throws {MalformedError}
 */
export function readHolder(raw: Uint8Array): Holder {
  const fields = wholeSequence(raw).inside(DER.sequence);
  skipToIssuer(fields);
  return readNamesAndDates(fields);
}

/** A serial number as text: the same for the same number, however many zeros are in front. */
export function serialText(content: Uint8Array): string {
  return content.toHex().replace(/^(00)+(?=.)/, "");
}

/** Skips version, serial number and signature algorithm. */
function skipToIssuer(fields: DerReader): void {
  fields.optional(VERSION);
  fields.read(DER.integer);
  fields.read(DER.sequence);
}

function readNamesAndDates(fields: DerReader): Pick<Certificate, "issuer" | keyof Holder> {
  const issuer = fields.read(DER.sequence).raw;
  const validity = fields.inside(DER.sequence);
  const [notBefore, notAfter] = [readTime(validity.any()), readTime(validity.any())];
  validity.finish();
  return { issuer, notBefore, notAfter, subject: fields.read(DER.sequence).raw };
}

function readVersion(fields: DerReader): number {
  const version = fields.optional(VERSION);
  if (version === undefined) return 1;
  const number = new DerReader(version.content).integer() + 1;
  if (number > 3) throw new MalformedError(`X.509 version ${number} is unknown`);
  return number;
}

/** RFC 5280 section 4.1.2.5: in UTC, to the second. */
export function readTime({ tag, content }: DerValue): number {
  const text = String.fromCharCode(...content.subarray(0, 16));
  const digits = /^(\d{2})?(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  const isLong = tag === DER.generalizedTime;
  if (digits === null || isLong !== (digits[1] !== undefined) || !isLong && tag !== DER.utcTime) {
    throw new MalformedError("a time is not in the required format");
  }
  const [, century, ...rest] = digits;
  const [year, month, ...clock] = rest.map(Number) as [number, number, number, number, number, number];
  const since = century === undefined ? (year < 50 ? 20 : 19) : Number(century);
  return Date.UTC(since * 100 + year, month - 1, ...clock);
}

/** How extensions are read, by their object IDs. The TLS library accepts no other that is critical. */
const READERS: Record<string, (content: Uint8Array) => Partial<Extensions>> = {
  "2.5.29.15": (content) => ({ signsCertificates: readKeyUsage(content) }),
  "2.5.29.17": (content) => ({ alternativeNames: readAlternativeNames(content) }),
  "2.5.29.19": readBasicConstraints,
  [NAME_CONSTRAINTS]: (content) => ({ nameConstraints: readNameConstraints(content) }),
  // CRL distribution points, which are not used here.
  "2.5.29.31": () => ({}),
  "2.5.29.37": (content) => ({ extendedKeyUsage: wholeSequence(content).all((ids) => ids.objectId()) }),
};

function readExtensions(field: DerValue | undefined, version: number): Extensions {
  if (field !== undefined && version !== 3) {
    throw new MalformedError(`a certificate of version ${version} has extensions`);
  }
  const extensions = extensionsIn(field);
  const ids = new Set<string>();
  for (const { id } of extensions) {
    if (ids.size === ids.add(id).size) throw new MalformedError(`extension ${id} occurs twice`);
  }
  const unknown = extensions.filter(({ id, isCritical }) => isCritical && READERS[id] === undefined);
  return Object.assign(
    { isAuthority: false, unknownCritical: unknown.map(({ id }) => id) },
    ...extensions.map(({ id, content }) => READERS[id]?.(content)),
  );
}

interface Extension {
  readonly id: string;
  readonly isCritical: boolean;
  readonly content: Uint8Array;
}

/** The extensions in an optional field, which holds a list of them. */
export function extensionsIn(field: Pick<DerValue, "content"> | undefined): Extension[] {
  if (field === undefined) return [];
  return wholeSequence(field.content).all((list) => {
    const extension = list.inside(DER.sequence);
    const id = extension.objectId();
    const flag = extension.optional(DER.boolean);
    const { content } = extension.read(DER.octetString);
    extension.finish();
    return { id, isCritical: flag !== undefined && new DerReader(flag.raw).boolean(), content };
  });
}

function readBasicConstraints(content: Uint8Array): Partial<Extensions> {
  const constraints = wholeSequence(content);
  const flag = constraints.optional(DER.boolean);
  const isAuthority = flag !== undefined && new DerReader(flag.raw).boolean();
  const pathLength = constraints.isAtEnd ? undefined : constraints.integer();
  constraints.finish();
  return { isAuthority, ...pathLength === undefined ? {} : { pathLength } };
}

function readKeyUsage(content: Uint8Array): boolean {
  const reader = new DerReader(content);
  const bits = reader.read(DER.bitString).content;
  reader.finish();
  return ((bits[1] ?? 0) & KEY_CERT_SIGN) !== 0;
}
