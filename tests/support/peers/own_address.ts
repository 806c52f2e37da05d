/**
 * A loopback address for one test, on Linux, which has all of 127.0.0.0/8: a port of it is not taken by the clients and
 * servers of other tests while this one has given it up for a moment.
 */
export function ownAddress(): string {
  if (Deno.build.os !== "linux") return "127.0.0.1";
  const [a, b, c] = crypto.getRandomValues(new Uint8Array(3));
  return `127.${1 + a! % 254}.${b}.${1 + c! % 254}`;
}
