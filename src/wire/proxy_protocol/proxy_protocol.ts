/** The PROXY protocol, versions 1 and 2 (proxy-protocol.txt of HAProxy): the addresses of a proxied connection. */

import { MalformedError } from "../byte_reader.ts";
import type { DecodedProxyHeader, ProxyHeader } from "./header.ts";
import { decodeLine, encodeLine } from "./v1.ts";
import { decodeBinary, encodeBinary } from "./v2.ts";

/** What a header of version 2 begins with, and none of version 1. */
const BINARY = 0x0d;

/**
 * Decodes the header that a connection begins with, given all bytes so far. It never guesses: the first byte that
 * can be in no header makes it `invalid`. What it returns shares nothing with the bytes.
 *
 * An IPv4-mapped IPv6 address comes out as the IPv4 address.
 */
export function decodeProxyHeader(bytes: Uint8Array): DecodedProxyHeader {
  try {
    return bytes[0] === BINARY ? decodeBinary(bytes) : decodeLine(bytes);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return { kind: "invalid", reason: error.message };
  }
}

/**
 * Encodes a header. Version 1 has only addresses of one family, IPv4 or IPv6: everything else is sent as
 * UNKNOWN, without addresses. Version 2 with `crc32c` has a checksum. Records that would make it longer than
 * {@linkcode MAX_PROXY_HEADER} are left out, see `writeTlvs`.
 *
 * @throws {RangeError} when a hostname is not an IP address, or a value is out of its range.
 */
export function encodeProxyHeader(
  header: ProxyHeader,
  version: 1 | 2,
  options: { crc32c?: boolean } = {},
): Uint8Array<ArrayBuffer> {
  return version === 1 ? encodeLine(header) : encodeBinary(header, options.crc32c === true);
}
