/** Whether a certificate that a server has issued can be used: asked before it replaces the one in use. */

import { AcmeError } from "../../acme/acme_error.ts";
import type { Issued } from "../../acme/client.ts";
import type { AcmeConfig } from "../../config/config.ts";
import { parseCredentials } from "../../net/tls/credentials.ts";
import { CredentialsError } from "../../net/tls/pem.ts";

/**
 * @param now Milliseconds since 1970.
 * @throws {AcmeError} when it cannot be used
 */
export function checkIssued(
  { key, chain }: Issued,
  { directory, names: wanted }: Pick<AcmeConfig, "directory" | "names">,
  now: number,
): void {
  const source = { cert: directory, key: directory };
  let names: readonly string[];
  try {
    names = parseCredentials(source, { cert: chain, key }, { now: new Date(now) }).names;
  } catch (error) {
    if (!(error instanceof CredentialsError)) throw error;
    throw useless(error.message);
  }
  if (!hasAll(names, wanted)) throw useless(`it is for ${names.join(", ")}`);
}

/** Servers may add names, such as that with "www.". */
export function hasAll(names: readonly string[], wanted: readonly string[]): boolean {
  return wanted.every((name) => names.includes(name));
}

export function useless(fault: string): AcmeError {
  return new AcmeError(`The issued certificate cannot be used: ${fault}`);
}
