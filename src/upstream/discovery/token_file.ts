/** Tokens in files, for sources that ask with one. */

import type { SourceFiles } from "./source_parts.ts";

/** What the key `token` allows too. */
const TOKEN = /^[!-~]{1,4096}$/;

/**
 * The token in a file, without the space around it. An invalid token is refused here: Deno repeats a header that it
 * cannot send in its error, and a server may answer a request without a token with an empty list.
 *
 * @throws {TypeError} without the content, when a header cannot carry it
 * @throws what says in words why the file cannot be read
 */
export async function tokenIn(path: string, files: Pick<SourceFiles, "read">): Promise<string> {
  const token = new TextDecoder().decode(await files.read(path)).trim();
  if (!TOKEN.test(token)) throw new TypeError(`${path} has no token that a header can carry`);
  return token;
}
