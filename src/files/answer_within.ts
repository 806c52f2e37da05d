/** A time limit for calls to the file system: a stalled network mount, or a pipe that nobody feeds, answers never. */

/** How long a file may take to be opened, read or looked at, in milliseconds. */
export const FILE_TIMEOUT = 10_000;
/**
 * The same while another call hangs: several files of one stalled mount must not each take the whole time. In
 * milliseconds; a disk that works answers within it.
 */
const TIMEOUT_WHILE_ANOTHER_HANGS = 250;

/** A file that exists and cannot be used as what it is. The message says why, in words that follow "because". */
export class UnusableFileError extends Error {
  override readonly name = "UnusableFileError";
}

/**
 * Calls that were given up and have not returned, with their paths. Each holds one of Deno's 512 threads for blocking
 * calls until it does, so nothing else is asked of the path before.
 */
const hanging = new Map<Promise<unknown>, string>();

/**
 * Calls `attempt`, and gives up on it after a time. The call itself cannot be taken back.
 *
 * @param path What it is about.
 * @param onLate Takes what a call results in that was given up: closes what it has opened.
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
