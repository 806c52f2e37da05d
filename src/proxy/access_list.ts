/** Who may come in, by address. */

import { CidrSet } from "../wire/ip/cidr.ts";

export class AccessList {
  readonly #allow: CidrSet | undefined;
  readonly #deny: CidrSet | undefined;

  /** @param allow Addresses and CIDR blocks; none at all is everyone. What is in `deny` is kept out either way. */
  constructor(allow: readonly string[], deny: readonly string[]) {
    this.#allow = allow.length === 0 ? undefined : new CidrSet(allow);
    this.#deny = deny.length === 0 ? undefined : new CidrSet(deny);
  }

  /** Whether a client of this address may come in. */
  permits(address: string): boolean {
    return this.#deny?.has(address) !== true && this.#allow?.has(address) !== false;
  }
}
