/**
 * Names of subjects and issuers in certificates (X.501). They are read from the DER, because Deno formats
 * names without escaping: a value with a line feed looks like two attributes.
 */

import { DER, type DerReader, type DerValue, wholeSequence } from "./der.ts";

/** The short names of RFC 4514 section 3, and those that OpenSSL adds; other types are shown with their number. */
const SHORT_NAMES: Record<string, string> = {
  "2.5.4.3": "CN",
  "2.5.4.4": "SN",
  "2.5.4.5": "serialNumber",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.9": "street",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
  "2.5.4.12": "title",
  "2.5.4.42": "GN",
  "2.5.4.97": "organizationIdentifier",
  "0.9.2342.19200300.100.1.1": "UID",
  "0.9.2342.19200300.100.1.25": "DC",
  "1.2.840.113549.1.9.1": "emailAddress",
};
const COMMON_NAME = "CN";

interface Attribute {
  readonly type: string;
  /** Undefined if the value is not text or is malformed. */
  readonly value: string | undefined;
  readonly raw: Uint8Array;
}

export class DistinguishedName {
  /** The most significant part first; a part is a set, nearly always of one attribute. */
  readonly #parts: readonly (readonly Attribute[])[];

  /**
   * @param der An RDNSequence.
   * @throws {MalformedError}
   */
  constructor(der: Uint8Array) {
    this.#parts = wholeSequence(der).all((parts) => attributesOf(parts.inside(DER.set)));
  }

  /**
   * The unescaped value of the common name. If there are several, the last one, which is the most specific;
   * undefined when there is none, or when that one is not text.
   */
  get commonName(): string | undefined {
    return this.#parts.flat().findLast(({ type }) => type === COMMON_NAME)?.value;
  }

  /** The same if there is only one: where it decides what a client may do, a second one must not. */
  get onlyCommonName(): string | undefined {
    const all = this.#parts.flat().filter(({ type }) => type === COMMON_NAME);
    return all.length === 1 ? all[0]!.value : undefined;
  }

  /**
   * One line, in the order of the certificate: `O=Acme, CN=alice`. Values are escaped as RFC 4514 section 2.4 says, and
   * so is whatever is invisible; the parts of one set are joined by `+`. Nothing in a value can look like another part.
   */
  toString(): string {
    return this.#parts.map((part) => part.map(textOf).join("+")).join(", ");
  }
}

/** One attribute as it would be shown in a {@linkcode DistinguishedName}. */
export function commonNameText(value: string): string {
  return `${COMMON_NAME}=${escaped(value)}`;
}

function attributesOf(set: DerReader): Attribute[] {
  return set.all(() => {
    const attribute = set.inside(DER.sequence);
    const id = attribute.objectId();
    const value = attribute.any();
    attribute.finish();
    return { type: SHORT_NAMES[id] ?? id, value: stringOf(value), raw: value.raw };
  });
}

function textOf({ type, value, raw }: Attribute): string {
  return `${type}=${value === undefined ? `#${raw.toHex()}` : escaped(value)}`;
}

/** Characters that would end a value or mislead: control characters, separators, and formatting characters. */
const SPECIAL = /^[ #]|[ ]$|[",+;<>\\\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

function escaped(value: string): string {
  return value.replace(
    SPECIAL,
    (character) =>
      /^[ -~]$/.test(character)
        ? `\\${character}`
        : Array.from(new TextEncoder().encode(character), hexPair).join(""),
  );
}

function hexPair(byte: number): string {
  return `\\${byte.toString(16).padStart(2, "0")}`;
}

const DECODERS: Record<number, (bytes: Uint8Array) => string> = {
  [DER.utf8String]: (bytes) => UTF8.decode(bytes),
  [DER.numericString]: latin1,
  [DER.printableString]: latin1,
  // In practice, T.61 strings are Latin-1.
  [DER.teletexString]: latin1,
  [DER.ia5String]: latin1,
  [DER.visibleString]: latin1,
  [DER.universalString]: (bytes) => codePoints(bytes, 4),
  [DER.bmpString]: (bytes) => codePoints(bytes, 2),
};
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Undefined when it is not a string or is malformed. */
function stringOf({ tag, content }: DerValue): string | undefined {
  try {
    return DECODERS[tag]?.(content);
  } catch {
    return undefined;
  }
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** Numbers of 2 or 4 bytes each, the most significant byte first; throws if one is truncated or not a character. */
function codePoints(bytes: Uint8Array, size: 2 | 4): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let text = "";
  for (let at = 0; at < bytes.length; at += size) {
    text += size === 2 ? String.fromCharCode(view.getUint16(at)) : String.fromCodePoint(view.getUint32(at));
  }
  return text;
}
