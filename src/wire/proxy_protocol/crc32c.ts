/** CRC32c (RFC 4960 appendix B, RFC 3720 appendix B.4). Without a table, because the input is a few hundred bytes. */

/** The Castagnoli polynomial, its bits in reverse. */
const POLYNOMIAL = 0x82f6_3b78;

/** The checksum of all bytes; the four bytes at `zerosAt` count as zeros. */
export function crc32c(bytes: Uint8Array, zerosAt = -4): number {
  let crc = 0xffff_ffff;
  for (let at = 0; at < bytes.length; at++) {
    if (at < zerosAt || at >= zerosAt + 4) crc ^= bytes[at]!;
    for (let bit = 0; bit < 8; bit++) crc = crc >>> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
  }
  return ~crc >>> 0;
}
