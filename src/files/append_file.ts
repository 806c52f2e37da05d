/** Files that are appended to: opened so that no pipe, device or stalled mount holds anything up. */

import { answerWithin, UnusableFileError } from "./answer_within.ts";
import { fileInfo, kindOf } from "./read_file.ts";

export interface AppendFile {
  /** Writes some or all of the bytes. @throws {Deno.errors.WouldBlock} where a pipe has no room for any. */
  write(bytes: Uint8Array): Promise<number>;
  /** Whether it is the file that `other` is: that one was not moved away. */
  isSame(other: AppendFile): boolean;
  close(): void;
  /** Which file it is, where the system tells files apart by numbers. */
  readonly identity: string | undefined;
}

/**
 * Opens a file to append to, or creates it. A pipe (FIFO) is opened whether or not anybody reads it, and keeps what
 * it has room for until somebody does.
 *
 * @param mode Of a file that is created.
 * @throws {UnusableFileError} when it is nothing to append to, or does not answer
 * @throws what `Deno.open` does
 */
export async function openForAppend(path: string, mode: number): Promise<AppendFile> {
  const info = await fileInfo(path).catch((error) => {
    // To look at what may only be written takes another permission; opening it says what is wrong, if anything is.
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
 * For reading too, or opening it would wait for a reader, and the last reader's end would be an error; and so that a
 * write does not wait: one that does cannot be taken back, and holds up the end of the process. Deno.open cannot say that.
 */
async function openPipe(path: string): Promise<AppendFile> {
  const { close, constants, fstat, open, write } = await import("node:fs");
  const { promisify } = await import("node:util");
  const { O_APPEND, O_NONBLOCK, O_RDWR } = constants;
  const descriptor = await promisify(open)(path, O_RDWR | O_APPEND | O_NONBLOCK);
  const identity = identityOf(await promisify(fstat)(descriptor));
  let isClosed = false;
  /** The number may be a client's socket as soon as it is closed, so nothing is under way with it by then. */
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
