/** The block of addresses in version 2 of the PROXY protocol (proxy-protocol.txt, section 2.2). */

import { ByteReader } from "../byte_reader.ts";
import { formatIp, IP_WORDS, isIpv4 } from "../ip/ip_address.ts";
import { ipEndpointsOf } from "./address.ts";
import type { ProxyAddress, ProxyHeader } from "./header.ts";

export const UNSPEC = 0;
const INET = 1;
const INET6 = 2;
const UNIX = 3;
/** The length of the block by family, in bytes. There are no other families. */
export const ADDRESS_BLOCK_LENGTH: readonly number[] = [0, 12, 36, 216];
/** The words of an IPv4-mapped address, except the last one. */
const MAPPED = [0, 0, 0xffff];
/** Bytes of a path. A shorter path ends with NUL. */
const PATH_LENGTH = 108;

const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });
const ENCODER = new TextEncoder();

export type AddressPair = Required<Pick<ProxyHeader, "source" | "destination">>;

export interface AddressBlock {
  readonly family: number;
  readonly bytes: Uint8Array;
}

/** Reads the addresses of a family other than {@linkcode UNSPEC}. The block has its length. */
export function readAddressBlock(bytes: Uint8Array, family: number): AddressPair {
  const block = new ByteReader(bytes, "the addresses");
  if (family === UNIX) return { source: readPath(block), destination: readPath(block) };
  const [source, destination] = [readIp(block, family), readIp(block, family)];
  return {
    source: { transport: "tcp", hostname: source, port: block.uint16() },
    destination: { transport: "tcp", hostname: destination, port: block.uint16() },
  };
}

/**
 * The block for a header. It holds an IPv4 and an IPv6 address as two IPv6 addresses, the first one mapped. An IP
 * address and a path cannot be in one block, so the block is empty.
 *
 * @throws {RangeError} when a hostname is not an IP address, or a port or path is out of range.
 */
export function writeAddressBlock(header: ProxyHeader): AddressBlock {
  const { source, destination } = header;
  if (source?.transport === "unix" && destination?.transport === "unix") {
    return writePaths(source, destination);
  }
  const endpoints = ipEndpointsOf(header);
  if (endpoints === undefined) return { family: UNSPEC, bytes: new Uint8Array(0) };
  const family = endpoints.every(({ words }) => isIpv4(words)) ? INET : INET6;
  const bytes = new Uint8Array(ADDRESS_BLOCK_LENGTH[family]!);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { words } of endpoints) {
    for (const word of words.subarray(family === INET ? IP_WORDS - 1 : 0)) {
      view.setUint32(at, word);
      at += 4;
    }
  }
  for (const { port } of endpoints) {
    view.setUint16(at, port);
    at += 2;
  }
  return { family, bytes };
}

function readIp(block: ByteReader, family: number): string {
  const first = family === INET ? MAPPED : [block.uint32(), block.uint32(), block.uint32()];
  return formatIp(Uint32Array.of(...first, block.uint32()));
}

function readPath(block: ByteReader): ProxyAddress {
  const bytes = block.piece(PATH_LENGTH, "the path").rest();
  // The name of an abstract socket begins with a NUL byte, which is written as "@". So a file "@name" is "./@name".
  const isAbstract = bytes[0] === 0 && bytes[1] !== 0;
  const end = bytes.indexOf(0, isAbstract ? 1 : 0);
  const text = DECODER.decode(end < 0 ? bytes : bytes.subarray(0, end));
  if (isAbstract) return { transport: "unix", path: `@${text.slice(1)}` };
  return { transport: "unix", path: text.startsWith("@") ? `./${text}` : text };
}

function writePaths(...addresses: (ProxyAddress & { transport: "unix" })[]): AddressBlock {
  const bytes = new Uint8Array(ADDRESS_BLOCK_LENGTH[UNIX]!);
  for (const [index, { path }] of addresses.entries()) {
    const encoded = ENCODER.encode(path.replace(/^@/, "\0").replace(/^\.\/@/, "@"));
    if (encoded.length > PATH_LENGTH) {
      throw new RangeError(`Cannot send "${path}" in a PROXY header: longer than ${PATH_LENGTH} bytes`);
    }
    bytes.set(encoded, index * PATH_LENGTH);
  }
  return { family: UNIX, bytes };
}
