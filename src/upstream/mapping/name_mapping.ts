/** Where clients go whose upstream is `{sni}:443`: each to the server name that it asks for, if that is allowed. */

import type { TcpAddress } from "../../net/address.ts";
import { ProxyError } from "../../net/errors.ts";
import type { Names } from "../../net/socket/lookup.ts";
import type { AddressMapping, ConnectingClient } from "./mapping.ts";

/** The longest host name, in characters (RFC 1035 section 3.1, less the dot of the root). */
const MAX_NAME = 253;

const NAME = /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/;

/**
 * The last label of what resolvers take for an IPv4 address, such as 127.1 and 0x7f000001 (inet_aton(3)); no host has
 * such a name (RFC 3696 section 2).
 */
const NUMBER = /(^|\.)(\d+|0x[\da-f]*)$/;

export class NameMapping implements AddressMapping {
  readonly names: Names;
  readonly #port: number;
  readonly #allowed: { has(name: string): boolean };

  /** @param allowed Names that clients may be sent to. @param names Looks them up. */
  constructor(port: number, allowed: { has(name: string): boolean }, names: Names) {
    this.#port = port;
    this.#allowed = allowed;
    this.names = names;
  }

  /** @throws {ProxyError} when the client has no name, or one that it may not be sent to. */
  addressFor({ serverName, noHello }: ConnectingClient): TcpAddress {
    const hostname = serverName?.toLowerCase().replace(/\.$/, "");
    if (hostname === undefined || hostname === "") {
      throw refusal(
        noHello === undefined ? "The client asks for no name" : `No name of the client: ${noHello}`,
      );
    }
    if (NUMBER.test(hostname) || hostname.includes(":")) throw refusal(`"${hostname}" is an IP address`);
    if (hostname.length > MAX_NAME || !NAME.test(hostname)) throw refusal(`"${hostname}" is no host name`);
    if (!this.#allowed.has(hostname)) throw refusal(`"${hostname}" is not in allow_names`);
    return { transport: "tcp", hostname, port: this.#port };
  }
}

function refusal(detail: string): ProxyError {
  return new ProxyError("name_not_allowed", "proxy", { detail });
}
