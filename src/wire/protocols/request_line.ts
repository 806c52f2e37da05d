/** The first line of a request in HTTP and in protocols made like it: a method, a target, and the version. */

import { type Look, lookFor } from "./look.ts";

const SPACE = 0x20;
const CR = 0x0d;
const LF = 0x0a;
const DELETE = 0x7f;

/** No method is longer; and a longer line is no request to most servers (RFC 9112 section 3 asks for 8000 bytes). */
const MAX_METHOD = 32;
const MAX_LINE = 8192;

/**
 * Whether the bytes begin with a request whose version begins with `version`, such as `HTTP/1.`. It is at the end of
 * the line, so all of the line has to be there.
 */
export function lookForRequest(bytes: Uint8Array, version: Uint8Array): Look {
  const method = endOfMethod(bytes);
  if (typeof method === "string") return method;
  if (bytes[method + 1] === SPACE) return "no";
  const end = bytes.subarray(0, MAX_LINE).indexOf(LF, method);
  if (end === -1) return bytes.length < MAX_LINE ? "need_more" : "no";
  const line = bytes.subarray(method + 1, bytes[end - 1] === CR ? end - 1 : end);
  if (line.some(isControl)) return "no";
  const space = line.lastIndexOf(SPACE);
  const last = line.subarray(space + 1);
  return space > 0 && last.length > version.length && lookFor(last, version) === "match" ? "match" : "no";
}

/** Where the space behind the method is. Methods are capital letters; WebDAV has some with a hyphen. */
function endOfMethod(bytes: Uint8Array): number | "no" | "need_more" {
  const count = Math.min(bytes.length, MAX_METHOD + 1);
  for (let at = 0; at < count; at++) {
    const byte = bytes[at]!;
    if (byte === SPACE && at > 0) return at;
    const isLetter = byte >= 0x41 && byte <= 0x5a || byte === 0x2d && at > 0;
    if (!isLetter) return "no";
  }
  return bytes.length > MAX_METHOD ? "no" : "need_more";
}

function isControl(byte: number): boolean {
  return byte < SPACE || byte === DELETE;
}
