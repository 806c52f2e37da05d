/** Why the admin interface does not listen. */

import { type Address, formatAddress } from "../../net/address.ts";
import type { ListenError } from "../../net/socket/listen_error.ts";

/** The address of the admin interface could not be bound. The message names the address, the cause and the remedy. */
export class AdminListenError extends Error {
  /** The name of the class. */
  override readonly name = "AdminListenError";

  /** An error for `address`, which could not be bound because of `cause`. */
  constructor(address: Address, cause: ListenError) {
    super(`Cannot listen on ${formatAddress(address)} (admin.listen): ${cause.detail}`, { cause });
  }
}
