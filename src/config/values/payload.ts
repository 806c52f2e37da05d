/** Bytes as people write them: plain text, or `hex:0d0a`. */

/** The most bytes a health check sends or waits for: a question and the beginning of its answer. */
const MAX_PAYLOAD = 4096;

/** Printable text that does not begin with `hex:`. A decoder puts U+FFFD where bytes are not UTF-8. */
const LEGIBLE = /^(?!hex:)(?:(?!\uFFFD)\P{C}|[\t\r\n])+$/u;

/** What `parsePayload` accepts, as a regular expression for a JSON Schema. */
export const PAYLOAD_PATTERN = "^(hex:([0-9a-fA-F]{2})+|(?!hex:)[\\s\\S]+)$";

/**
 * Parses text into its UTF-8 bytes, or the bytes that are written in hexadecimal after `hex:`.
 *
 * @throws {SyntaxError} when there are no bytes, or what follows `hex:` is not pairs of hexadecimal digits.
 * @throws {RangeError} when there are more than 4096 bytes.
 */
export function parsePayload(text: string): Uint8Array {
  const bytes = text.startsWith("hex:")
    ? parseHex(text.slice("hex:".length))
    : new TextEncoder().encode(text);
  return checkPayload(bytes);
}

/**
 * Checks and copies the bytes of a program, which may change its own later.
 *
 * @throws {SyntaxError | RangeError} as {@linkcode parsePayload}
 */
export function checkPayload(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) throw new SyntaxError("Expected at least one byte");
  if (bytes.length > MAX_PAYLOAD) {
    throw new RangeError(`Cannot use ${bytes.length} bytes: expected at most ${MAX_PAYLOAD}`);
  }
  // Not slice(): on a Buffer, it returns a view.
  return new Uint8Array(bytes);
}

/** Formats bytes so that `parsePayload` gives them back: as text where it is legible, else in hexadecimal. */
export function formatPayload(bytes: Uint8Array): string {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  return LEGIBLE.test(text) ? text : `hex:${bytes.toHex()}`;
}

function parseHex(digits: string): Uint8Array {
  if (!/^([0-9a-f]{2})+$/i.test(digits)) {
    throw new SyntaxError(
      `Cannot parse bytes "hex:${digits}": expected pairs of hexadecimal digits such as "hex:0d0a"`,
    );
  }
  return Uint8Array.fromHex(digits);
}
