/** Where clients go whose upstream is a range of ports: the n-th port of their service leads to its n-th port. */

import { type Address, formatAddress, type TcpAddress } from "../../net/address.ts";
import { ProxyError } from "../../net/errors.ts";
import type { AddressMapping, ConnectingClient } from "./mapping.ts";

export class PortMapping implements AddressMapping {
  readonly #range: TcpAddress;
  /** What is added to the port of a client. */
  readonly #distance: number;

  /** @param first The first port of the service. */
  constructor(range: TcpAddress, first: number) {
    this.#range = range;
    this.#distance = range.port - first;
  }

  /** @throws {ProxyError} when the port of the client is none of the service's. */
  addressFor({ listenPort = 0 }: ConnectingClient): Address {
    const { hostname, port: first, lastPort = first } = this.#range;
    const port = listenPort + this.#distance;
    if (port >= first && port <= lastPort) return { transport: "tcp", hostname, port };
    const detail = `No port of ${formatAddress(this.#range)} is for port ${listenPort}`;
    throw new ProxyError("no_route", "proxy", { detail });
  }
}
