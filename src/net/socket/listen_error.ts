/**
 * The error for an address that cannot be bound. It has its own file so that programs can import it alone.
 */

import { writeFault } from "../../files/file_fault.ts";
import { permissionFault, withRemedy } from "../../files/permission_fault.ts";
import { formatAddress, type ListenAddress } from "../address.ts";
import type { ErrorCode, ProxyError } from "../errors.ts";

/**
 * A listener could not be bound. The message names the address, the cause and the remedy.
 *
 * @example Distinguish a port in use from other errors
 * ```ts
 * import assert from "node:assert/strict";
 * import { ListenError, startProxy } from "@sluice/sluice";
 *
 * using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * const listen = other.addr.port;
 * const start = () => startProxy({ services: [{ name: "db", listen, upstream: "127.0.0.1:5432" }] });
 * await assert.rejects(start, (error: unknown) => {
 *   return error instanceof ListenError && error.code === "address_in_use";
 * });
 * ```
 */
export class ListenError extends Error {
  /** The name of the class. */
  override readonly name = "ListenError";
  /** The cause, such as `address_in_use`. */
  readonly code: string;
  /** The cause and the remedy, without the address. */
  readonly detail: string;

  private constructor(message: string, detail: string, code: string, cause?: ProxyError) {
    super(message, { cause });
    this.code = code;
    this.detail = detail;
  }

  /** The error for an address that could not be bound because of `error`. */
  static at(address: ListenAddress, error: ProxyError): ListenError {
    const detail = detailOf(address, error);
    return new ListenError(
      `Cannot listen on ${formatAddress(address)}: ${detail}`,
      detail,
      error.code,
      error,
    );
  }

  /** Rebuilds an error that happened in another thread. */
  static of({ message, code }: Pick<ListenError, "message" | "code">): ListenError {
    return new ListenError(message, message, code);
  }
}

const REMEDIES: Partial<Record<ErrorCode, string>> = {
  address_in_use: "address already in use (another program listens there; stop it or choose another port)",
  address_not_available:
    'no such local address (listen on one that this machine has, or on all with ":port")',
  name_not_resolved: "the name cannot be resolved (use an IP address)",
  permission_denied: "permission denied (ports below 1024 need root or CAP_NET_BIND_SERVICE)",
};

function detailOf(address: ListenAddress, error: ProxyError): string {
  if (address.transport === "unix") return unixDetail(address.path, error);
  if (permissionFault(error.cause) !== undefined) return error.message;
  return address.transport === "systemd" ? error.message : REMEDIES[error.code] ?? error.message;
}

/** Most errors of a unix socket concern its file. */
function unixDetail(path: string, error: ProxyError): string {
  if (error.code === "address_in_use") {
    return "address already in use (another program answers there; stop it or choose another path)";
  }
  if (error.cause === undefined) return error.message;
  return withRemedy(writeFault(error.cause, path));
}
