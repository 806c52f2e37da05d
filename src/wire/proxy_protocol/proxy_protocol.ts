/** The PROXY protocol, versions 1 and 2 (proxy-protocol.txt of HAProxy): the addresses of a proxied connection. */

import { MalformedError } from "../byte_reader.ts";
import type { DecodedProxyHeader, ProxyHeader } from "./header.ts";
import { decodeLine, encodeLine } from "./v1.ts";
import { decodeBinary, encodeBinary } from "./v2.ts";

/** The first byte of a version 2 header, which no version 1 header begins with. */
const BINARY = 0x0d;

/**
 * Decodes the header that a connection begins with, given all bytes so far. It never guesses: the first byte that no
 * header can have makes it `invalid`. The result shares no memory with `bytes`.
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
 * UNKNOWN, without addresses. Records that would make it longer than {@linkcode MAX_PROXY_HEADER} are left out, see
 * `writeTlvs`.
 *
 * @throws {RangeError} when a hostname is not an IP address, or a value is out of its range.
 */
export function encodeProxyHeader(header: ProxyHeader, version: 1 | 2): Uint8Array<ArrayBuffer> {
  return version === 1 ? encodeLine(header) : encodeBinary(header);
}
