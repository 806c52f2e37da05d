/** Opens files to append to, so that no pipe, device or stalled mount blocks the program. */

import { answerWithin, UnusableFileError } from "./answer_within.ts";
import { fileInfo, kindOf } from "./read_file.ts";

export interface AppendFile {
  /** Writes some or all of the bytes. @throws {Deno.errors.WouldBlock} when a pipe is full. */
  write(bytes: Uint8Array): Promise<number>;
  /** Whether it is the same file as `other`; then `other` was not moved away. */
  isSame(other: AppendFile): boolean;
  close(): void;
  /** The file's identity, on systems that number files. */
  readonly identity: string | undefined;
}

/**
 * Opens a file to append to, or creates it. A pipe (FIFO) is opened even without a reader, and buffers data
 * until there is one.
 *
 * @param mode The mode of a newly created file.
 * @throws {UnusableFileError} when it cannot be appended to, or does not answer
 * @throws what `Deno.open` does
 */
export async function openForAppend(path: string, mode: number): Promise<AppendFile> {
  const info = await fileInfo(path).catch((error) => {
    // Examining a write-only file needs another permission; if anything is wrong, opening it fails with the
    // reason.
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  });
  if (info?.isFifo) return await answerWithin(path, () => openPipe(path), (late) => late.close());
  if (info?.isSocket || info?.isBlockDevice) {
    throw new UnusableFileError(`it is ${kindOf(info)}, not a file to append to`);
  }
  return await answerWithin(path, () => openFile(path, mode), (late) => late.close());
}

async function openFile(path: string, mode: number): Promise<AppendFile> {
  const file = await Deno.open(path, { append: true, create: true, mode });
  const identity = identityOf(await file.stat());
  return {
    identity,
    write: (bytes) => file.write(bytes),
    isSame: (other) => identity !== undefined && identity === other.identity,
    close: () => file.close(),
  };
}

/**
 * Opens for reading too: otherwise opening would wait for a reader, and an error would follow when the last
 * reader closes. Opens non-blocking: a blocked write cannot be cancelled, and delays the exit of the process.
 * Deno.open has no option for that.
 */
async function openPipe(path: string): Promise<AppendFile> {
  const { close, constants, fstat, open, write } = await import("node:fs");
  const { promisify } = await import("node:util");
  const { O_APPEND, O_NONBLOCK, O_RDWR } = constants;
  const descriptor = await promisify(open)(path, O_RDWR | O_APPEND | O_NONBLOCK);
  const identity = identityOf(await promisify(fstat)(descriptor));
  let isClosed = false;
  /**
   * The descriptor number may be reused for a client's socket once it is closed, so no call may still use it.
   */
  let underWay = 0;
  const closeUnused = () => {
    if (isClosed && underWay === 0) close(descriptor, () => {});
  };
  return {
    identity,
    write: (bytes) =>
      new Promise((resolve, reject) => {
        if (isClosed) return reject(new Deno.errors.BadResource("The pipe is closed"));
        underWay += 1;
        write(descriptor, bytes, (error, count) => {
          underWay -= 1;
          closeUnused();
          if (error === null) resolve(count);
          else reject(error.code === "EAGAIN" ? new Deno.errors.WouldBlock(error.message) : error);
        });
      }),
    isSame: (other) => identity !== undefined && identity === other.identity,
    close: () => {
      if (isClosed) return;
      isClosed = true;
      closeUnused();
    },
  };
}

function identityOf({ dev, ino }: { dev: number; ino: number | null }): string | undefined {
  return ino === null || ino === 0 ? undefined : `${dev}:${ino}`;
}
