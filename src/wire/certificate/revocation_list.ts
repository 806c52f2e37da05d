/** Reads lists of revoked certificates (RFC 5280 section 5). */

import { MalformedError } from "../byte_reader.ts";
import { extensionsIn, readTime, serialText, type Signed } from "./certificate.ts";
import { DER, DerReader, sameBytes, wholeSequence } from "./der.ts";

/** The tag of the list's own extensions. */
const EXTENSIONS = 0xa0;

const ISSUING_POINT = "2.5.29.28";
/** The only part of that extension with which a list is about all certificates of its issuer: where it is published. */
const POINT_NAME = 0xa0;

/** Byte arrays are views of the input. */
export interface RevocationList extends Signed {
  /** The authority whose certificates it is about, as DER. */
  readonly issuer: Uint8Array;
  /** In milliseconds as of `Date.now()`. */
  readonly issuedAt: number;
  /** When the next list is out at the latest; Infinity if it does not say. */
  readonly expiresAt: number;
  /** The numbers of revoked certificates, as {@linkcode serialText} writes them. */
  readonly revoked: ReadonlySet<string>;
}

/**
 * @param raw One list, as DER.
 * @throws {MalformedError} also when it is about some certificates or some reasons only.
 */
export function readRevocationList(raw: Uint8Array): RevocationList {
  const list = wholeSequence(raw);
  const signed = list.read(DER.sequence);
  const algorithm = list.read(DER.sequence);
  const signatureAlgorithm = { id: new DerReader(algorithm.content).objectId(), raw: algorithm.raw };
  const signature = list.bitString();
  list.finish();

  const fields = new DerReader(signed.content);
  fields.optional(DER.integer); // the version
  if (!sameBytes(fields.read(DER.sequence).raw, algorithm.raw)) {
    throw new MalformedError("the list names two signature algorithms");
  }
  const issuer = fields.read(DER.sequence).raw;
  const issuedAt = readTime(fields.any());
  const next = fields.optional(DER.utcTime) ?? fields.optional(DER.generalizedTime);
  const entries = fields.optional(DER.sequence);
  const revoked = new Set<string>();
  if (entries !== undefined) {
    const each = new DerReader(entries.content);
    while (!each.isAtEnd) revoked.add(readEntry(each.inside(DER.sequence)));
  }
  const extensions = fields.optional(EXTENSIONS);
  fields.finish();
  for (const { id, isCritical, content } of extensionsIn(extensions)) {
    if (isCritical && !(id === ISSUING_POINT && isWhole(content))) throw notUnderstood("it has", id);
  }
  const expiresAt = next === undefined ? Infinity : readTime(next);
  return { signed: signed.raw, signatureAlgorithm, signature, issuer, issuedAt, expiresAt, revoked };
}

function readEntry(entry: DerReader): string {
  const serial = serialText(entry.read(DER.integer).content);
  entry.any(); // the date
  if (entry.isAtEnd) return serial;
  const { raw } = entry.read(DER.sequence);
  entry.finish();
  const critical = extensionsIn({ content: raw }).find(({ isCritical }) => isCritical);
  if (critical !== undefined) throw notUnderstood("an entry has", critical.id);
  return serial;
}

/** Whether the extension says no more than where the list is published. */
function isWhole(content: Uint8Array): boolean {
  return wholeSequence(content).all((parts) => parts.any().tag).every((tag) => tag === POINT_NAME);
}

function notUnderstood(what: string, id: string): MalformedError {
  return new MalformedError(`${what} a critical extension, ${id}, that is not understood`);
}
