/** A loopback address for one test: servers whose ports a test cannot choose do not meet those of others. Linux has all. */
export function ownAddress(): string {
  const [a, b, c] = crypto.getRandomValues(new Uint8Array(3));
  return `127.${1 + a! % 254}.${b}.${1 + c! % 254}`;
}
