/** How what is secret in a configuration is written as text: so that it can be decoded again, or not shown. */

import { formatSize } from "./size.ts";

/** Writes values that are secret, or may be. */
export interface SecretFormat {
  readonly token: (token: string) => string;
  /** What a health check sends and expects, which may hold a password. */
  readonly payload: (bytes: Uint8Array) => string;
}

/** Of bytes, how many there are; of a token, not even that. */
export const MASKED: SecretFormat = {
  token: () => "***",
  payload: (bytes) => `*** (${formatSize(bytes.length)})`,
};

/** As they are. */
export const PLAIN: SecretFormat = { token: (token) => token, payload: formatPayload };

/** What people can read, and what does not begin like bytes. A decoder leaves U+FFFD where bytes are no UTF-8. */
const LEGIBLE = /^(?!hex:)(?:(?!\uFFFD)\P{C}|[\t\r\n])+$/u;

/** Formats bytes so that `parsePayload` gives them back: as text where it is legible, else in hexadecimal. */
export function formatPayload(bytes: Uint8Array): string {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  return LEGIBLE.test(text) ? text : `hex:${bytes.toHex()}`;
}
