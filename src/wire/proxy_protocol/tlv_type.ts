/** Types of the records in version 2 of the PROXY protocol (proxy-protocol.txt, section 2.2). */

export const TLV_TYPE = {
  alpn: 0x01,
  authority: 0x02,
  crc32c: 0x03,
  noop: 0x04,
  uniqueId: 0x05,
  tls: 0x20,
  namespace: 0x30,
} as const;

/** Of the records within a TLS record (section 2.2.6). */
export const TLS_TYPE = {
  version: 0x21,
  commonName: 0x22,
  cipher: 0x23,
  signatureAlgorithm: 0x24,
  keyAlgorithm: 0x25,
} as const;

/** The fields of a TLS record that are in front of its own records, in bytes: `client` and `verify`. */
export const TLS_FIELDS = 5;

/** In bytes. */
export const CHECKSUM_LENGTH = 4;
export const MAX_UNIQUE_ID = 128;
