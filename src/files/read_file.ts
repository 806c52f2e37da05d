/** Reads files that a user has named, with limits of time and size; devices and pipes only where that makes sense. */

import { answerWithin, FILE_TIMEOUT, UnusableFileError } from "./answer_within.ts";

/** The largest size of a configuration, certificate, key or token, in bytes. */
const LARGEST = 16 * 1024 * 1024;
/** The bytes to read at a time when the size is unknown. */
const PIECE = 64 * 1024;

export interface ReadOptions {
  /**
   * A pipe or a device may take this long until its end, in milliseconds, because its writer may still be running. If
   * undefined, only regular files are read.
   */
  readonly pipeTimeout?: number;
}

/**
 * Reads a file to its end.
 *
 * @throws {UnusableFileError} when it is not a file, does not answer, or is larger than 16 MiB
 * @throws what `Deno.open` does
 */
export async function readFile(
  path: string,
  { pipeTimeout }: ReadOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  // Checked before it is opened, because the open may never return.
  const info = await fileInfo(path);
  if (info.isDirectory) throw new Deno.errors.IsADirectory("Is a directory");
  if (!info.isFile && (pipeTimeout === undefined || !(info.isFifo || info.isCharDevice))) {
    throw new UnusableFileError(`it is ${kindOf(info)}, not a regular file`);
  }
  if (info.size > LARGEST) throw tooLarge();
  const timeout = info.isFile ? FILE_TIMEOUT : pipeTimeout;
  return await answerWithin(path, () => readToEnd(path, info.isFile ? info.size : PIECE), undefined, timeout);
}

/** As {@linkcode readFile}, of a text in UTF-8. */
export async function readTextFile(path: string, options?: ReadOptions): Promise<string> {
  return new TextDecoder().decode(await readFile(path, options));
}

/** The file info of a path. @throws {UnusableFileError} when it does not answer, and what `Deno.stat` does */
export function fileInfo(path: string): Promise<Deno.FileInfo> {
  return answerWithin(path, () => Deno.stat(path));
}

/** The kind of a file that is not regular. */
export function kindOf(info: Deno.FileInfo): string {
  if (info.isDirectory) return "a directory";
  if (info.isFifo) return "a pipe";
  if (info.isSocket) return "a socket";
  return "a device";
}

/**
 * Reads standard input to its end, however long that takes.
 *
 * @throws {UnusableFileError} when it is larger than 16 MiB
 */
export function readStandardInput(): Promise<Uint8Array<ArrayBuffer>> {
  return readAll(Deno.stdin, PIECE);
}

async function readToEnd(path: string, expected: number): Promise<Uint8Array<ArrayBuffer>> {
  using file = await Deno.open(path);
  return await readAll(file, expected);
}

/** @param expected The likely number of bytes, so that one call reads them and the next finds the end. */
async function readAll(
  file: { read(bytes: Uint8Array): Promise<number | null> },
  expected: number,
): Promise<Uint8Array<ArrayBuffer>> {
  let bytes = new Uint8Array(expected + 1);
  let length = 0;
  for (;;) {
    const count = await file.read(bytes.subarray(length));
    if (count === null) return bytes.subarray(0, length);
    length += count;
    if (length > LARGEST) throw tooLarge();
    if (length === bytes.byteLength) {
      const larger = new Uint8Array(2 * length + PIECE);
      larger.set(bytes);
      bytes = larger;
    }
  }
}

function tooLarge(): UnusableFileError {
  return new UnusableFileError(`it is larger than ${LARGEST / 1024 / 1024} MiB`);
}
