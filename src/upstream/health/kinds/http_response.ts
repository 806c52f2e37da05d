/** Reads the response to a health check (RFC 9112) from the bytes so far. */

import { Buffer } from "node:buffer";

export interface HttpResponse {
  readonly statusLine: Uint8Array;
  readonly status: number;
  /** What there is of it so far, decoded; undefined before the end of the headers. */
  readonly body: Uint8Array | undefined;
  /** Whether the body cannot get longer, apart from one that ends with the connection. */
  readonly isWhole: boolean;
}

/** Without a body, by their status. */
const BODILESS: readonly number[] = [204, 304];

/**
 * The final response; undefined while its status line is not complete, null when this is no HTTP. Interim responses
 * (100, 103) are skipped. A line may end with LF alone, as scripts write it.
 */
export function readResponse(bytes: Uint8Array): HttpResponse | undefined | null {
  const text = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength).toString(
    "latin1",
  );
  for (let start = 0;;) {
    const end = text.indexOf("\n", start);
    const line = text.slice(start, end < 0 ? undefined : end).replace(/\r$/, "");
    if (!beginsAlike(line, "HTTP/1.")) return null;
    if (end < 0) return undefined;
    const [, code] = /^HTTP\/1\.\d ([1-5]\d\d)( |$)/.exec(line) ?? [];
    if (code === undefined) return null;
    const status = Number(code);
    const isInterim = status < 200 && status !== 101;
    const head = readHead(text, end + 1);
    if (isInterim && head === undefined) return undefined;
    if (isInterim) start = head!.end;
    else {
      const statusLine = bytes.subarray(start, start + line.length);
      if (head === undefined) return { statusLine, status, body: undefined, isWhole: false };
      const rest = bytes.subarray(head.end);
      if (BODILESS.includes(status)) return { statusLine, status, body: rest.subarray(0, 0), isWhole: true };
      return { statusLine, status, ...bodyOf(rest, head.fields) };
    }
  }
}

/** The header fields by their names in lower case, and where the body begins; undefined before the empty line. */
function readHead(text: string, start: number) {
  const fields = new Map<string, string>();
  for (let at = start;;) {
    const end = text.indexOf("\n", at);
    if (end < 0) return undefined;
    const line = text.slice(at, end).replace(/\r$/, "");
    at = end + 1;
    if (line === "") return { fields, end: at };
    const colon = line.indexOf(":");
    fields.set(line.slice(0, Math.max(0, colon)).toLowerCase(), line.slice(colon + 1).trim());
  }
}

function bodyOf(rest: Uint8Array, fields: ReadonlyMap<string, string>) {
  if (/(^|,\s*)chunked$/i.test(fields.get("transfer-encoding") ?? "")) return dechunk(rest);
  const length = fields.get("content-length") ?? "";
  if (!/^\d+$/.test(length)) return { body: rest, isWhole: false };
  const body = rest.subarray(0, Number(length));
  return { body, isWhole: body.length === Number(length) };
}

/** Decodes chunks up to the end, to where they are cut off, or to something that is none. */
function dechunk(bytes: Uint8Array): { body: Uint8Array; isWhole: boolean } {
  const chunks: Uint8Array[] = [];
  let isWhole = false;
  for (let at = 0;;) {
    const end = bytes.indexOf(0x0a, at);
    if (end < 0) break;
    const [, digits] = /^([0-9a-f]{1,8})\s*(;.*)?$/is.exec(String.fromCharCode(...bytes.subarray(at, end))) ??
      [];
    const size = Number.parseInt(digits ?? "0", 16);
    isWhole = size === 0;
    if (isWhole) break;
    chunks.push(bytes.subarray(end + 1, end + 1 + size));
    const after = bytes.indexOf(0x0a, end + 1 + size);
    if (after < 0) break;
    at = after + 1;
  }
  return { body: Buffer.concat(chunks), isWhole };
}

/** Whether the longer one begins with the shorter one. */
function beginsAlike(one: string, other: string): boolean {
  return one.startsWith(other) || other.startsWith(one);
}
