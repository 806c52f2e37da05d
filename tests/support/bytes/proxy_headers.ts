/** PROXY headers as the specification defines their bytes, made without the code under test. */

const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";

/** Version and command of version 2. */
export const PROXY = 0x21;
export const LOCAL = 0x20;
/** Address family and transport. */
export const TCP4 = 0x11;
export const UDP4 = 0x12;
export const TCP6 = 0x21;
export const UNIX = 0x31;
export const UNSPEC = 0x00;

/** A header of version 2, a character for each byte; it says `length` bytes follow, those that do unless given. */
export function binaryHeader(
  command: number,
  family: number,
  rest = "",
  length = rest.length,
): string {
  return SIGNATURE + String.fromCharCode(command, family, length >> 8, length & 0xff) + rest;
}

/** The addresses of `TCP4`. */
export function ipv4Block(source: string, destination: string, ports: readonly [number, number]): string {
  const bytes = `${source}.${destination}`.split(".").map(Number);
  return String.fromCharCode(...bytes, ...ports.flatMap(twoBytes));
}

/** The addresses of `TCP6`, each as eight groups. */
export function ipv6Block(source: number[], destination: number[], ports: readonly [number, number]): string {
  return String.fromCharCode(...[...source, ...destination, ...ports].flatMap(twoBytes));
}

export function unixBlock(source: string, destination: string): string {
  return source.padEnd(108, "\0") + destination.padEnd(108, "\0");
}

export function tlv(type: number, value: string): string {
  return String.fromCharCode(type, ...twoBytes(value.length)) + value;
}

/** A byte for each character. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function twoBytes(number: number): [number, number] {
  return [number >> 8, number & 0xff];
}
