/** Version 2 of the PROXY protocol: addresses and more in binary (proxy-protocol.txt, section 2.2). */

import { CutShortError, MalformedError } from "../byte_reader.ts";
import { ADDRESS_BLOCK_LENGTH, readAddressBlock, UNSPEC, writeAddressBlock } from "./address_block.ts";
import { type DecodedProxyHeader, MAX_PROXY_HEADER, type ProxyHeader } from "./header.ts";
import { concatenate } from "../concatenate.ts";
import { readTlvs, writeTlvs } from "./tlvs.ts";

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
/** The signature, version and command, family and transport, and the length of all that follows: 16 bytes. */
const FIXED_LENGTH = SIGNATURE.length + 4;
const VERSION = 2;
const LOCAL = 0;
const PROXY = 1;
const STREAM = 1;
const DGRAM = 2;

interface FixedPart {
  readonly command: number;
  readonly family: number;
  readonly transport: number;
  /** The length of the whole header, in bytes. */
  readonly length: number;
}

/** @throws {MalformedError} when no header begins like this. */
export function decodeBinary(bytes: Uint8Array): DecodedProxyHeader {
  const fixed = readFixedPart(bytes);
  if (fixed === undefined) return { kind: "need_more", atLeast: FIXED_LENGTH };
  const { length } = fixed;
  try {
    return { kind: "header", header: readHeader(bytes, fixed), length };
  } catch (error) {
    if (!(error instanceof CutShortError)) throw error;
    return { kind: "need_more", atLeast: length };
  }
}

/** Omits records that do not fit. @throws {RangeError} when something in the header cannot be sent. */
export function encodeBinary(header: ProxyHeader): Uint8Array<ArrayBuffer> {
  if (header.command === "local") return Uint8Array.of(...SIGNATURE, VERSION << 4 | LOCAL, 0, 0, 0);
  const { family, bytes: addresses } = writeAddressBlock(header);
  const tlvs = writeTlvs(header, MAX_PROXY_HEADER - FIXED_LENGTH - addresses.length);
  const length = addresses.length + tlvs.length;
  const familyAndTransport = family === UNSPEC ? 0 : family << 4 | STREAM;
  const fixed = Uint8Array.of(...SIGNATURE, VERSION << 4 | PROXY, familyAndTransport, length >>> 8, length);
  return concatenate(fixed, addresses, tlvs);
}

/** The fixed part of every header; undefined when it is valid so far but incomplete. */
function readFixedPart(bytes: Uint8Array): FixedPart | undefined {
  if (SIGNATURE.some((byte, at) => at < bytes.length && bytes[at] !== byte)) {
    throw new MalformedError("not a PROXY protocol header");
  }
  const [versionAndCommand, familyAndTransport, high, low] = bytes.subarray(SIGNATURE.length, FIXED_LENGTH);
  if (versionAndCommand === undefined) return undefined;
  if (versionAndCommand >> 4 !== VERSION) throw new MalformedError("unknown version");
  const command = versionAndCommand & 15;
  if (command > PROXY) throw new MalformedError("unknown command");
  if (familyAndTransport === undefined) return undefined;
  // LOCAL has no addresses, and its family is to be ignored.
  const family = command === LOCAL ? UNSPEC : familyAndTransport >> 4;
  const transport = command === LOCAL ? 0 : familyAndTransport & 15;
  const addressesLength = ADDRESS_BLOCK_LENGTH[family];
  if (addressesLength === undefined) throw new MalformedError("unknown address family");
  if (transport > DGRAM) throw new MalformedError("unknown transport protocol");
  // Either both are specified or neither: a receiver must refuse anything else (section 2.2).
  if ((family === UNSPEC) !== (transport === UNSPEC)) {
    throw new MalformedError("an address family without a transport protocol, or the other way round");
  }
  if (high === undefined) return undefined;
  const length = FIXED_LENGTH + high * 256 + (low ?? 0);
  if (length > MAX_PROXY_HEADER) throw new MalformedError(`longer than ${MAX_PROXY_HEADER} bytes`);
  if (low === undefined) return undefined;
  if (length < FIXED_LENGTH + addressesLength) throw new MalformedError("too short for its addresses");
  return { command, family, transport, length };
}

function readHeader(bytes: Uint8Array, { command, family, transport, length }: FixedPart): ProxyHeader {
  if (command === LOCAL) {
    if (bytes.length < length) throw new CutShortError("the header is not there yet");
    return { command: "local" };
  }
  const end = FIXED_LENGTH + ADDRESS_BLOCK_LENGTH[family]!;
  const tlvs = readTlvs(bytes, end, length);
  // A receiver may treat datagrams, which it cannot use, as unspecified.
  if (family === UNSPEC || transport !== STREAM) return { command: "proxy", ...tlvs };
  return { command: "proxy", ...readAddressBlock(bytes.subarray(FIXED_LENGTH, end), family), ...tlvs };
}
