/** The peers that may send a PROXY header. */

import { CidrSet } from "../wire/ip/cidr.ts";

/** The entry for peers on unix sockets, which have no address. */
const UNIX = "unix";

export class TrustedPeers {
  readonly #blocks: CidrSet;
  readonly #unix: boolean;

  /** @param from Addresses, CIDR blocks, and `unix`. */
  constructor(from: readonly string[]) {
    this.#blocks = new CidrSet(from.filter((text) => text !== UNIX));
    this.#unix = from.includes(UNIX);
  }

  /** @param address Empty for a peer on a unix socket. */
  has(address: string): boolean {
    return address === "" ? this.#unix : this.#blocks.has(address);
  }
}
