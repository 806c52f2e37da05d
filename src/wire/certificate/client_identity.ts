/** The names in the certificate of a client, as rules see them. */

import { MalformedError } from "../byte_reader.ts";
import { NAME_KIND } from "./alternative_names.ts";
import { readCertificate } from "./certificate.ts";
import { DistinguishedName } from "./distinguished_name.ts";

export interface ClientIdentity {
  /** The names of its certificate, of each kind. */
  readonly dns: readonly string[];
  readonly emails: readonly string[];
  readonly uris: readonly string[];
  /** Only of a certificate without alternative names, and only if it has one common name. */
  readonly commonName: string | undefined;
  /** As a {@linkcode DistinguishedName} is written; undefined if not known. */
  readonly subject: string | undefined;
  readonly issuer: string | undefined;
}

/** Of a certificate that cannot be read: nothing matches it. */
const NO_NAMES: ClientIdentity = {
  dns: [],
  emails: [],
  uris: [],
  commonName: undefined,
  subject: undefined,
  issuer: undefined,
};

/** @param raw The certificate, as DER, which was verified. */
export function identityOf(raw: Uint8Array): ClientIdentity {
  try {
    const { subject, issuer, extensions: { alternativeNames } } = readCertificate(raw);
    const name = new DistinguishedName(subject);
    const textsOf = (kind: number) =>
      (alternativeNames?.all ?? []).filter(({ tag }) => tag === kind).flatMap(({ content }) =>
        printable(content)
      );
    return {
      dns: alternativeNames?.dns ?? [],
      emails: textsOf(NAME_KIND.email),
      uris: textsOf(NAME_KIND.uri),
      commonName: alternativeNames === undefined ? name.onlyCommonName : undefined,
      subject: String(name),
      issuer: String(new DistinguishedName(issuer)),
    };
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause;
    return NO_NAMES;
  }
}

/** Of a client whose certificate another proxy has verified: that passes on only the common name. */
export function identityByName(commonName: string): ClientIdentity {
  return { ...NO_NAMES, commonName };
}

/** The longest name that can match, in characters: a look-up tries each part of a URI. */
const LONGEST = 2048;

/** A text in ASCII without spaces; nothing for any other, which matches no rule. */
function printable(content: Uint8Array): string[] {
  if (content.length > LONGEST) return [];
  const text = new TextDecoder("latin1").decode(content);
  return /^[!-~]+$/.test(text) ? [text] : [];
}
