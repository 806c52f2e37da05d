/** Finds out whether Deno permits an address before a part of `node:` is asked that hides the answer. */

import { formatAddress, type TcpAddress } from "./address.ts";

/** @throws {Deno.errors.NotCapable} as `Deno.listen` and `Deno.connect` do. */
export function requireNetPermission({ hostname, port }: Pick<TcpAddress, "hostname" | "port">): void {
  const host = formatAddress({ transport: "tcp", hostname, port });
  if (Deno.permissions.querySync({ name: "net", host }).state === "granted") return;
  throw notCapable(host);
}

/** @param host With a port. */
export function notCapable(host: string): Error {
  return new Deno.errors.NotCapable(`Requires net access to "${host}", run again with the --allow-net flag`);
}
