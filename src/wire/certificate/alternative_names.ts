/** The names that a certificate is for, beside its subject (RFC 5280 section 4.2.1.6). */

import { type DerValue, wholeSequence } from "./der.ts";

/** Tags of the kinds of a GeneralName. */
export const NAME_KIND = { email: 0x81, dns: 0x82, directory: 0xa4, uri: 0x86, ip: 0x87 } as const;

export interface AlternativeNames {
  /** As they are written, including a leading `*.`; only ASCII names. */
  readonly dns: readonly string[];
  /** 4 or 16 bytes each. */
  readonly ip: readonly Uint8Array[];
  /** All of them: the kind and its content. */
  readonly all: readonly DerValue[];
}

/** @throws {MalformedError} */
export function readAlternativeNames(content: Uint8Array): AlternativeNames {
  const all = wholeSequence(content).all((names) => names.any());
  return {
    dns: all.filter(({ tag }) => tag === NAME_KIND.dns).flatMap(({ content }) => dnsNameOf(content) ?? []),
    ip: all.filter(({ tag, content: { length } }) => tag === NAME_KIND.ip && (length === 4 || length === 16))
      .map(({ content }) => content),
    all,
  };
}

/** Undefined for an invalid name: it matches nothing and is not shown. */
function dnsNameOf(content: Uint8Array): string | undefined {
  const name = new TextDecoder("latin1").decode(content);
  return /^[!-~]+$/.test(name) && !/[,"\\]/.test(name) ? name : undefined;
}
