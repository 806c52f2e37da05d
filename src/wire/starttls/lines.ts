/** Protocols of lines, as bytes: each character has the number of its byte. */

export interface Line {
  /** Without its end. */
  readonly text: string;
  /** Where the next one begins. */
  readonly end: number;
}

/** The line that begins at `start`; undefined while it is incomplete. A line feed alone ends it too. */
export function lineAt(bytes: Uint8Array, start: number): Line | undefined {
  const feed = bytes.indexOf(0x0a, start);
  if (feed === -1) return undefined;
  const text = textOf(bytes.subarray(start, feed));
  return { text: text.endsWith("\r") ? text.slice(0, -1) : text, end: feed + 1 };
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function textOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
