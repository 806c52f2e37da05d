/** What is known of a client: from its socket, from a PROXY header, from its ClientHello. */

import { type Address, formatAddress, hostOf } from "../net/address.ts";
import type { Conn } from "../net/conn.ts";
import { encodeProxyHeader } from "../wire/proxy_protocol.ts";
import type { ProxyHeader } from "../wire/proxy_protocol_header.ts";
import type { RouteFacts } from "./route.ts";

export class ClientFacts implements RouteFacts {
  #source: Address;
  #destination: Address;
  readonly listenPort: number;
  serverName: string | undefined;
  alpn: readonly string[] | undefined;
  /** Why there is no ClientHello, once one was looked for. */
  noHello: string | undefined;

  constructor(client: Conn) {
    this.#source = client.remoteAddress;
    this.#destination = client.localAddress;
    this.listenPort = portOf(this.#destination);
  }

  /** The client's address, as it is logged. */
  get client(): string {
    return formatAddress(this.#source);
  }

  get sourceAddress(): string {
    return hostOf(this.#source);
  }

  get sourcePort(): number {
    return portOf(this.#source);
  }

  /** Believes a PROXY header; one that says nothing (LOCAL, UNKNOWN) leaves the addresses of the socket: false. */
  takeOver({ source, destination }: ProxyHeader): boolean {
    if (source === undefined || destination === undefined) return false;
    this.#source = source;
    this.#destination = destination;
    return true;
  }

  /**
   * The header that tells an upstream who the client is. Clients without an IP address are announced as the proxy's
   * own connection (LOCAL), as haproxy does, which resets connections with headers of the unix family.
   */
  toHeader(version: "v1" | "v2"): Uint8Array {
    if (this.#source.transport === "unix") {
      return encodeProxyHeader({ command: "local" }, version === "v1" ? 1 : 2);
    }
    const header = { command: "proxy", source: this.#source, destination: this.#destination } as const;
    const { serverName } = this;
    return encodeProxyHeader(
      serverName === undefined ? header : { ...header, authority: serverName },
      version === "v1" ? 1 : 2,
    );
  }
}

function portOf(address: Address): number {
  return address.transport === "tcp" ? address.port : 0;
}
