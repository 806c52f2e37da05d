/** The first bytes of TLS clients. */

import { concat, helloMessage, inRecords, latin1, number, vector } from "./client_hello_bytes.ts";

const SERVER_NAME = 0;
const ALPN = 16;
const PADDING = 21;
/** The longest plaintext record of most clients. */
const RECORD = 16_000;

export interface Hello {
  readonly sni?: string;
  readonly alpn?: readonly string[];
  /** Bytes of padding. */
  readonly padding?: number;
  /** Bytes in each TLS record, without its header. */
  readonly record?: number;
}

/** A ClientHello in TLS records. */
export function clientHello({ sni, alpn, padding = 0, record = RECORD }: Hello = {}): Uint8Array {
  const extensions: [number, Uint8Array][] = [];
  if (sni !== undefined) {
    extensions.push([SERVER_NAME, vector(2, concat(number(0, 1), vector(2, latin1(sni))))]);
  }
  if (alpn !== undefined) {
    extensions.push([ALPN, vector(2, concat(...alpn.map((protocol) => vector(1, latin1(protocol)))))]);
  }
  if (padding > 0) extensions.push([PADDING, new Uint8Array(padding)]);
  return inRecords(helloMessage({ extensions }), [record]);
}
