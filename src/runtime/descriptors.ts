/** Whether the process may open enough descriptors for the connections it is configured for. */

/** A connection has two: the client's and the upstream's. */
const PER_CONNECTION = 2;
/** For listeners, the log, health checks, and what the runtime itself has open. */
const FOR_THE_REST = 32;
/** More are not tried out, as that takes time: about a second for these. */
const MOST_TRIED = 200_000;

/** The configuration promises more connections than this process can have. */
export class DescriptorError extends Error {
  override readonly name = "DescriptorError";
}

/**
 * Opens as many descriptors as `connections` need, and closes them again: Deno has no call for the limit itself.
 *
 * @throws {DescriptorError} when that many cannot be opened.
 */
export function checkDescriptors(connections: number): void {
  if (connections === 0 || Deno.build.os === "windows") return;
  const wanted = connections * PER_CONNECTION + FOR_THE_REST;
  const opened: Deno.FsFile[] = [];
  try {
    while (opened.length < Math.min(wanted, MOST_TRIED)) opened.push(Deno.openSync("/dev/null"));
  } catch {
    const possible = Math.max(0, Math.floor((opened.length - FOR_THE_REST) / PER_CONNECTION));
    throw new DescriptorError(
      `Cannot have ${connections} connections (limits.connections): each takes two descriptors, and what is left ` +
        `is enough for ${possible}. Raise the limit ("ulimit -n ${wanted + FOR_THE_REST}") or lower the key`,
    );
  } finally {
    for (const file of opened) file.close();
  }
}
