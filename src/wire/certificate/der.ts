/** Reads DER (X.690), the encoding of certificates, from untrusted bytes. */

import { MalformedError } from "../byte_reader.ts";

/** Tags of the types that certificates use (X.680 section 8.6, with the constructed bit). */
export const DER = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Lengths of four bytes and more are refused: no certificate has 16 MiB. */
const MAX_LENGTH_BYTES = 3;

/** One value with its tag. Both arrays are views. */
export interface DerValue {
  readonly tag: number;
  readonly content: Uint8Array;
  /** The bytes including tag and length. */
  readonly raw: Uint8Array;
}

/** Reads values in sequence. Every method throws a {@linkcode MalformedError} if there is no such value. */
export class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The next value, whatever it is. */
  any(): DerValue {
    const start = this.#at;
    const tag = this.#byte();
    if ((tag & 0x1f) === 0x1f) throw new MalformedError("a DER tag is too large");
    const length = this.#length();
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new MalformedError("a DER value runs past the end");
    const content = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return { tag, content, raw: this.#bytes.subarray(start, end) };
  }

  read(tag: number): DerValue {
    const value = this.any();
    if (value.tag !== tag) throw new MalformedError(`DER tag ${value.tag} where ${tag} is expected`);
    return value;
  }

  /** The next value if it has this tag. */
  optional(tag: number): DerValue | undefined {
    return this.#bytes[this.#at] === tag && !this.isAtEnd ? this.any() : undefined;
  }

  /** A reader for the content of the next value. */
  inside(tag: number): DerReader {
    return new DerReader(this.read(tag).content);
  }

  objectId(): string {
    return objectIdOf(this.read(DER.objectId).content);
  }

  /** A number that is not negative. */
  integer(): number {
    const { content } = this.read(DER.integer);
    if (content.length === 0 || content.length > 6 || (content[0]! & 0x80) !== 0) {
      throw new MalformedError("a DER integer is out of range");
    }
    return content.reduce((sum, byte) => sum * 256 + byte, 0);
  }

  /** Only TRUE and FALSE in their DER form. */
  boolean(): boolean {
    const { content } = this.read(DER.boolean);
    if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) {
      throw new MalformedError("a DER boolean is neither TRUE nor FALSE");
    }
    return content[0] === 0xff;
  }

  /** The bytes of a bit string that has no unused bits. */
  bitString(): Uint8Array {
    const { content } = this.read(DER.bitString);
    if (content[0] !== 0) throw new MalformedError("a DER bit string is not made of bytes");
    return content.subarray(1);
  }

  /** All that is left, each read by `read`. */
  all<Item>(read: (reader: DerReader) => Item): Item[] {
    const items: Item[] = [];
    while (!this.isAtEnd) items.push(read(this));
    return items;
  }

  finish(): void {
    if (!this.isAtEnd) throw new MalformedError("DER values are left over");
  }

  /** In the shortest form, the only valid one in DER. */
  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > MAX_LENGTH_BYTES) throw new MalformedError("a DER length is out of range");
    let length = 0;
    for (let index = 0; index < count; index++) length = length * 256 + this.#byte();
    if (length < 0x80 || length < 2 ** (8 * (count - 1))) {
      throw new MalformedError("a DER length is not in its shortest form");
    }
    return length;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new MalformedError("DER ends too early");
    return byte;
  }
}

/** The single value that fills `bytes`, as a reader for its content. */
export function wholeSequence(bytes: Uint8Array): DerReader {
  const outer = new DerReader(bytes);
  const inner = outer.inside(DER.sequence);
  outer.finish();
  return inner;
}

/** With dots: `2.5.4.3`. */
function objectIdOf(content: Uint8Array): string {
  if (content.length === 0 || (content.at(-1)! & 0x80) !== 0) {
    throw new MalformedError("a DER object ID is cut");
  }
  const parts: number[] = [];
  let part = 0;
  for (const byte of content) {
    if (part === 0 && byte === 0x80) throw new MalformedError("a DER object ID is not in its shortest form");
    part = part * 128 + (byte & 0x7f);
    if (part > Number.MAX_SAFE_INTEGER) throw new MalformedError("a DER object ID is too large");
    if ((byte & 0x80) === 0) {
      parts.push(part);
      part = 0;
    }
  }
  const [joined, ...rest] = parts as [number, ...number[]];
  const root = Math.min(Math.floor(joined / 40), 2);
  return [root, joined - 40 * root, ...rest].join(".");
}

/** Whether two values, including their tags, are equal. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
