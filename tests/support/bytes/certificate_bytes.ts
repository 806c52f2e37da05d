/** Builds certificates of every kind, good and bad, without openssl. */

import { constants, generateKeyPairSync, type KeyObject, sign } from "node:crypto";

const OID = {
  commonName: "2.5.4.3",
  organization: "2.5.4.10",
  keyUsage: "2.5.29.15",
  alternativeNames: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  extendedKeyUsage: "2.5.29.37",
};
export const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
export const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const DAY = 86_400_000;

export function der(tag: number, ...contents: Uint8Array[]): Uint8Array {
  const length = contents.reduce((sum, { length }) => sum + length, 0);
  const size: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) size.unshift(rest % 256);
  const head = length < 0x80 ? [tag, length] : [tag, 0x80 | size.length, ...size];
  return Uint8Array.from([...head, ...contents.flatMap((content) => [...content])]);
}

export const sequence = (...contents: Uint8Array[]) => der(0x30, ...contents);
export const text = (tag: number, value: string) => der(tag, new TextEncoder().encode(value));
const integer = (value: number) => der(0x02, Uint8Array.of(value));
const bits = (content: Uint8Array) => der(0x03, Uint8Array.of(0), content);

export function objectId(dotted: string): Uint8Array {
  const [first, second, ...rest] = dotted.split(".").map(Number) as [number, number, ...number[]];
  const bytes = [first * 40 + second, ...rest].flatMap((part) => {
    const groups = [part & 0x7f];
    for (let left = Math.floor(part / 128); left > 0; left = Math.floor(left / 128)) {
      groups.unshift(left & 0x7f | 0x80);
    }
    return groups;
  });
  return der(0x06, Uint8Array.from(bytes));
}

/** An attribute: UTF-8 unless the value is DER already. */
export function attribute(type: string, value: string | Uint8Array): Uint8Array {
  return sequence(objectId(type), typeof value === "string" ? text(0x0c, value) : value);
}

/** An RDNSequence of sets of attributes. */
export function nameOf(...sets: Uint8Array[][]): Uint8Array {
  return sequence(...sets.map((attributes) => der(0x31, ...attributes)));
}

export const commonName = (value: string | Uint8Array) => attribute(OID.commonName, value);
export const organization = (value: string | Uint8Array) => attribute(OID.organization, value);
const plainName = (name: string) => nameOf([commonName(name)]);

function extension(id: string, content: Uint8Array, isCritical = false): Uint8Array {
  const flag = isCritical ? [der(0x01, Uint8Array.of(0xff))] : [];
  return sequence(objectId(id), ...flag, der(0x04, content));
}

export const authorityFlag = (pathLength?: number) =>
  extension(
    OID.basicConstraints,
    sequence(der(0x01, Uint8Array.of(0xff)), ...pathLength === undefined ? [] : [integer(pathLength)]),
    true,
  );
export const noAuthority = extension(OID.basicConstraints, sequence(), true);
export const usableFor = (...ids: string[]) =>
  extension(OID.extendedKeyUsage, sequence(...ids.map((id) => objectId(id))));
/** Bit 0 is digitalSignature, bit 5 keyCertSign. */
export const keyUsage = (bit: number) =>
  extension(OID.keyUsage, der(0x03, Uint8Array.of(7 - bit), Uint8Array.of(0x80 >> bit)), true);
export const alternativeNames = (...names: Uint8Array[]) =>
  extension(OID.alternativeNames, sequence(...names));
export const dnsName = (name: string) => text(0x82, name);
export const onlyNames = (...names: Uint8Array[]) =>
  extension(OID.nameConstraints, sequence(der(0xa0, ...names.map((name) => sequence(name)))), true);
export const notNames = (...names: Uint8Array[]) =>
  extension(OID.nameConstraints, sequence(der(0xa1, ...names.map((name) => sequence(name)))), true);
export const unknownExtension = (isCritical: boolean) => extension("1.2.3.4", integer(1), isCritical);

/** How a key signs: the AlgorithmIdentifier, and the options for node:crypto. */
interface Scheme {
  readonly algorithm: Uint8Array;
  readonly hash: string | null;
  readonly padding?: number;
}

const pss = (hash: string, id: string, salt: number): Scheme => ({
  algorithm: sequence(
    objectId("1.2.840.113549.1.1.10"),
    sequence(
      der(0xa0, sequence(objectId(id))),
      der(0xa1, sequence(objectId("1.2.840.113549.1.1.8"), sequence(objectId(id)))),
      der(0xa2, integer(salt)),
    ),
  ),
  hash,
  padding: constants.RSA_PKCS1_PSS_PADDING,
});
const rsa = (hash: string, last: number): Scheme => ({
  algorithm: sequence(objectId(`1.2.840.113549.1.1.${last}`), der(0x05)),
  hash,
});
const ecdsa = (hash: string, last: number): Scheme => ({
  algorithm: sequence(objectId(`1.2.840.10045.4.3.${last}`)),
  hash,
});

export const SCHEMES = {
  sha256: ecdsa("sha256", 2),
  sha384: ecdsa("sha384", 3),
  sha512: ecdsa("sha512", 4),
  rsaSha1: rsa("sha1", 5),
  rsaSha256: rsa("sha256", 11),
  rsaSha384: rsa("sha384", 12),
  rsaSha512: rsa("sha512", 13),
  pssSha256: pss("sha256", "2.16.840.1.101.3.4.2.1", 32),
  pssSha384: pss("sha384", "2.16.840.1.101.3.4.2.2", 48),
  pssSha512: pss("sha512", "2.16.840.1.101.3.4.2.3", 64),
  // Without parameters it is SHA-1.
  pssSha1: { algorithm: sequence(objectId("1.2.840.113549.1.1.10")), hash: "sha1" },
  ed25519: { algorithm: sequence(objectId("1.3.101.112")), hash: null },
} satisfies Record<string, Scheme>;

export interface Keys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export const newKeys = (curve = "P-256"): Keys => generateKeyPairSync("ec", { namedCurve: curve });

export interface Contents {
  /** A common name, or an RDNSequence. */
  readonly subject: string | Uint8Array;
  readonly extensions?: readonly Uint8Array[];
  readonly version?: 1 | 2 | 3;
  /** Days from now. */
  readonly from?: number;
  readonly until?: number;
  /** In place of these, as DER. */
  readonly dates?: readonly [Uint8Array, Uint8Array];
  readonly keys?: Keys;
  /** Its bytes; 1 unless given. */
  readonly serial?: readonly number[];
}

/** An issuer: an authority, or a certificate that only claims to be one. */
export interface Issuer {
  readonly name: Uint8Array;
  readonly keys: Keys;
  readonly scheme?: Scheme;
}

/** A certificate as DER, and its owner, which can issue others. */
export interface Issued extends Issuer {
  readonly raw: Uint8Array;
  readonly pem: string;
}

export function issue(contents: Contents, issuer?: Issuer): Issued {
  const { subject, extensions = [], version = 3, from = -1, until = 30, keys = newKeys(), serial = [1] } =
    contents;
  const name = typeof subject === "string" ? plainName(subject) : subject;
  const { name: by, keys: { privateKey }, scheme = SCHEMES.sha256 } = issuer ?? { name, keys };
  const signed = sequence(
    ...version === 1 ? [] : [der(0xa0, integer(version - 1))],
    der(0x02, Uint8Array.from(serial)),
    scheme.algorithm,
    by,
    sequence(...contents.dates ?? [time(from), time(until)]),
    name,
    new Uint8Array(keys.publicKey.export({ type: "spki", format: "der" })),
    ...extensions.length === 0 ? [] : [der(0xa3, sequence(...extensions))],
  );
  const raw = signedBy(privateKey, scheme, signed);
  return { raw, pem: pemOf(raw), name, keys };
}

function signedBy(
  privateKey: KeyObject,
  { algorithm, hash, padding }: Scheme,
  signed: Uint8Array,
): Uint8Array {
  const how = padding === undefined
    ? privateKey
    : { key: privateKey, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  return sequence(signed, algorithm, bits(new Uint8Array(sign(hash, signed, how))));
}

export interface ListContents {
  /** The bytes of serial numbers. */
  readonly serials?: readonly (readonly number[])[];
  /** Days from now. */
  readonly issued?: number;
  /** Days from now; undefined says nothing. */
  readonly next?: number | undefined;
  readonly extensions?: readonly Uint8Array[];
  /** Of each entry. */
  readonly entryExtensions?: readonly Uint8Array[];
}

/** A list of revoked certificates, as DER. */
export function revocationList(contents: ListContents, issuer: Issuer): Uint8Array {
  const { serials = [], issued = -1, extensions = [], entryExtensions = [] } = contents;
  const next = "next" in contents ? contents.next : 7;
  const { name, keys: { privateKey }, scheme = SCHEMES.sha256 } = issuer;
  const optional = (list: readonly Uint8Array[]) => list.length === 0 ? [] : [sequence(...list)];
  const entries = serials.map((serial) =>
    sequence(der(0x02, Uint8Array.from(serial)), time(-2), ...optional(entryExtensions))
  );
  const signed = sequence(
    integer(1),
    scheme.algorithm,
    name,
    time(issued),
    ...next === undefined ? [] : [time(next)],
    ...optional(entries),
    ...extensions.length === 0 ? [] : [der(0xa0, sequence(...extensions))],
  );
  return signedBy(privateKey, scheme, signed);
}

/** Where a list is published, alone or with a limit of what it is about, given by the tag of its part. */
export const issuingPoint = (...parts: Uint8Array[]) => extension("2.5.29.28", sequence(...parts), true);
/** Why a certificate was revoked; never critical. */
export const reasonCode = (reason: number) => extension("2.5.29.21", der(0x0a, Uint8Array.of(reason)));

/** A self-signed authority. */
export function authority(name = "Root", contents: Partial<Contents> = {}): Issued {
  return issue({ subject: name, extensions: [authorityFlag()], ...contents });
}

function time(days: number): Uint8Array {
  const iso = new Date(Date.now() + days * DAY).toISOString();
  return text(0x18, `${iso.slice(0, "2026-01-01T00:00:00".length).replaceAll(/[-:T]/g, "")}Z`);
}

export function pemOf(raw: Uint8Array, label = "CERTIFICATE"): string {
  const lines = raw.toBase64().match(/.{1,64}/g)!.join("\n");
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
