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

const EXTENSION = {
  keyUsage: "2.5.29.15",
  alternativeNames: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  extendedKeyUsage: "2.5.29.37",
};

/**
 * CRL distribution points, which are not used here: the only other critical extension that the TLS library
 * accepts.
 */
const CRL_DISTRIBUTION_POINTS = "2.5.29.31";

/** Bits of the key usage, the first one leftmost in its byte. */
const KEY_CERT_SIGN = 0x04;

export interface SignatureAlgorithm {
  readonly id: string;
  /** The whole AlgorithmIdentifier. */
  readonly raw: Uint8Array;
}

/** Byte arrays are views of the input. */
export interface Certificate {
  readonly raw: Uint8Array;
  /** 1, 2 or 3. */
  readonly version: number;
  /** The bytes that the issuer signed. */
  readonly signed: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
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
  readonly pathLength: number | undefined;
  /** Whether its key may sign certificates; undefined without a key usage extension. */
  readonly signsCertificates: boolean | undefined;
  /** Object IDs of its extended key usage; undefined without that extension. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly alternativeNames: AlternativeNames | undefined;
  readonly nameConstraints: NameConstraints | undefined;
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
  const signatureAlgorithm = readAlgorithm(certificate.read(DER.sequence));
  const signature = certificate.bitString();
  certificate.finish();

  const fields = new DerReader(signed.content);
  const version = readVersion(fields);
  fields.read(DER.integer);
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
  return { raw, version, signed: signed.raw, signatureAlgorithm, signature, ...namesAndDates, publicKey, extensions };
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
  const constraints = extensions.find(({ id }) => id === EXTENSION.nameConstraints);
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

function readAlgorithm({ content, raw }: DerValue): SignatureAlgorithm {
  return { id: new DerReader(content).objectId(), raw };
}

/** RFC 5280 section 4.1.2.5: in UTC, to the second. */
function readTime({ tag, content }: DerValue): number {
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

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

function readExtensions(field: DerValue | undefined, version: number): Extensions {
  const unknownCritical: string[] = [];
  // deno-fmt-ignore
  const found: Mutable<Extensions> = { isAuthority: false, pathLength: undefined, signsCertificates: undefined,
    extendedKeyUsage: undefined, alternativeNames: undefined, nameConstraints: undefined, unknownCritical };
  if (field !== undefined && version !== 3) {
    throw new MalformedError(`a certificate of version ${version} has extensions`);
  }
  const seen = new Set<string>();
  for (const { id, isCritical, content } of extensionsIn(field)) {
    if (seen.has(id)) throw new MalformedError(`extension ${id} occurs twice`);
    seen.add(id);
    if (id === EXTENSION.basicConstraints) readBasicConstraints(content, found);
    else if (id === EXTENSION.keyUsage) found.signsCertificates = readKeyUsage(content);
    else if (id === EXTENSION.extendedKeyUsage) found.extendedKeyUsage = readObjectIds(content);
    else if (id === EXTENSION.alternativeNames) found.alternativeNames = readAlternativeNames(content);
    else if (id === EXTENSION.nameConstraints) found.nameConstraints = readNameConstraints(content);
    else if (isCritical && id !== CRL_DISTRIBUTION_POINTS) unknownCritical.push(id);
  }
  return found;
}

interface Extension {
  readonly id: string;
  readonly isCritical: boolean;
  readonly content: Uint8Array;
}

function extensionsIn(field: DerValue | undefined): Extension[] {
  if (field === undefined) return [];
  const list = wholeSequence(field.content);
  const extensions: Extension[] = [];
  while (!list.isAtEnd) {
    const extension = list.inside(DER.sequence);
    const id = extension.objectId();
    const flag = extension.optional(DER.boolean);
    const { content } = extension.read(DER.octetString);
    extension.finish();
    extensions.push({ id, isCritical: flag !== undefined && new DerReader(flag.raw).boolean(), content });
  }
  return extensions;
}

function readBasicConstraints(content: Uint8Array, found: Mutable<Extensions>): void {
  const constraints = wholeSequence(content);
  if (constraints.isAtEnd) return;
  const next = constraints.any();
  if (next.tag === DER.boolean) {
    found.isAuthority = new DerReader(next.raw).boolean();
    if (!constraints.isAtEnd) found.pathLength = constraints.integer();
  } else found.pathLength = new DerReader(next.raw).integer();
  constraints.finish();
}

function readKeyUsage(content: Uint8Array): boolean {
  const reader = new DerReader(content);
  const bits = reader.read(DER.bitString).content;
  reader.finish();
  return ((bits[1] ?? 0) & KEY_CERT_SIGN) !== 0;
}

function readObjectIds(content: Uint8Array): string[] {
  const list = wholeSequence(content);
  const ids: string[] = [];
  while (!list.isAtEnd) ids.push(list.objectId());
  return ids;
}
