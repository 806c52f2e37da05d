/** Why services or the admin interface do not listen. */

import { type Address, formatAddress } from "../../net/address.ts";
import { ListenError } from "../../net/socket/listen_error.ts";

export { ListenError };

/**
 * The address of the admin interface could not be bound. The message names the address, the cause and the remedy.
 *
 * @example Two proxies cannot have the same admin interface
 * ```ts
 * import assert from "node:assert/strict";
 * import { AdminListenError, startProxy } from "@sluice/sluice";
 *
 * using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * const start = () =>
 *   startProxy({
 *     admin: { listen: other.addr.port },
 *     services: [{ name: "db", listen: 0, upstream: "127.0.0.1:5432" }],
 *   });
 * await assert.rejects(start, AdminListenError);
 * ```
 */
export class AdminListenError extends Error {
  /** The name of the class. */
  override readonly name = "AdminListenError";

  /** An error for `address` of the key `key`, which could not be bound because of `cause`. */
  constructor(address: Address, cause: ListenError, key = "admin.listen") {
    super(`Cannot listen on ${formatAddress(address)} (${key}): ${cause.detail}`, { cause });
  }
}
