/** Bytes of a peer in messages. */

/** In characters. */
export const LONGEST_QUOTE = 160;

const ESCAPES: Record<string, string> = {
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
  '"': '\\"',
  "\\": "\\\\",
};

/** Bytes as text in quotes, shortened; bytes that are not printable ASCII are escaped. */
export function quoted(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    const printed = ESCAPES[character] ??
      (/[ -~]/.test(character) ? character : `\\x${byte.toString(16).padStart(2, "0")}`);
    if (text.length + printed.length > LONGEST_QUOTE) return `"${text}…"`;
    text += printed;
  }
  return `"${text}"`;
}
