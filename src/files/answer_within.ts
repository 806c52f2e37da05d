/** A time limit for calls to the file system: a stalled network mount or a pipe without a writer never answers. */

/** How long opening, reading or examining a file may take, in milliseconds. */
export const FILE_TIMEOUT = 10_000;
/**
 * The limit while another call hangs, in milliseconds: several files on a stalled mount must not each take the whole
 * time. A working disk answers within it.
 */
const TIMEOUT_WHILE_ANOTHER_HANGS = 250;

/** A file that exists but cannot be used. The message gives the reason, worded to follow "because". */
export class UnusableFileError extends Error {
  override readonly name = "UnusableFileError";
}

/**
 * Calls that timed out and have not returned, by path. Until it returns, each occupies one of Deno's 512 threads for
 * blocking calls, so no other call is made for its path.
 */
const hanging = new Map<Promise<unknown>, string>();

/**
 * Calls `attempt`, and stops waiting after a timeout. The call itself cannot be cancelled.
 *
 * @param path The file's path.
 * @param onLate Receives the late result of a call that timed out, to close what it opened.
 * @param timeout In milliseconds.
 * @throws {UnusableFileError} when it takes too long, or an earlier one for the path still hangs
 */
export async function answerWithin<Answer>(
  path: string,
  attempt: () => Promise<Answer>,
  onLate: (answer: Answer) => void = () => {},
  timeout: number = FILE_TIMEOUT,
): Promise<Answer> {
  if (hanging.values().some((other) => other === path)) {
    throw new UnusableFileError("an earlier attempt at it has not returned yet");
  }
  const patience = hanging.size === 0 ? timeout : Math.min(timeout, TIMEOUT_WHILE_ANOTHER_HANGS);
  const answer = attempt();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    hanging.set(answer, path);
    answer.then(onLate, () => {}).finally(() => hanging.delete(answer));
    reject(new UnusableFileError(`it does not answer within ${patience / 1000} s`));
  }, patience);
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
