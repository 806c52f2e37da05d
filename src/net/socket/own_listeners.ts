/** Where this program listens, in one thread: an upstream there would lead back to it. */

import {
  type Address,
  hostKey,
  isIpLiteral,
  type ListenAddress,
  overlaps,
  type TcpAddress,
} from "../address.ts";
import { ProxyError } from "../errors.ts";
import { CidrSet } from "../../wire/ip/cidr.ts";

const LOOPBACK = new CidrSet(["127.0.0.0/8", "::1"]);
/** A listener there takes connections to every address of the machine. */
const EVERY_ADDRESS = new Set(["0.0.0.0", "::"]);

/** How long the addresses of the machine are taken to be the same, in milliseconds. */
const FRESH = 1000;

/** Finds the IP addresses of this machine. @throws {Deno.errors.NotCapable} without --allow-sys. */
export type FindInterfaces = () => readonly string[];

export class OwnListeners {
  readonly #findInterfaces: FindInterfaces;
  /** By port: there may be as many listeners as endpoints that are compared with them. */
  #listeners = new Map<number, TcpAddress[]>();
  #known = new Set<string>();
  #knownSince = -Infinity;

  constructor(findInterfaces: FindInterfaces = systemInterfaces) {
    this.#findInterfaces = findInterfaces;
  }

  /** Replaces the listeners. Unix sockets are none that an IP address leads to. */
  set(addresses: readonly ListenAddress[]): void {
    const all = addresses.map((address) => address.transport === "systemd" ? address.bound : address)
      .filter((address) => address?.transport === "tcp");
    this.#listeners = Map.groupBy(all, ({ port }) => port);
  }

  /**
   * The listener that a connection to an IP address would arrive at.
   *
   * @throws {ProxyError} `permission_denied` when Deno may not read the addresses of this machine, and they decide.
   */
  at(target: TcpAddress): TcpAddress | undefined {
    return this.#listeners.get(target.port)?.find((listener) => {
      if (!overlaps(listener, target)) return false;
      return !EVERY_ADDRESS.has(listener.hostname) || this.#isOfThisMachine(target.hostname);
    });
  }

  /** Whether a connection to an address would arrive at one of them, as far as that is known without a lookup. */
  has(address: Address): boolean {
    if (address.transport !== "tcp" || !isIpLiteral(address.hostname)) return false;
    try {
      return this.at(address) !== undefined;
    } catch {
      return false;
    }
  }

  #isOfThisMachine(hostname: string): boolean {
    if (LOOPBACK.has(hostname)) return true;
    if (performance.now() - this.#knownSince > FRESH) this.#refresh();
    return this.#known.has(hostKey(hostname));
  }

  #refresh(): void {
    try {
      this.#known = new Set(this.#findInterfaces().filter(isIpLiteral).map(hostKey));
    } catch (cause) {
      const detail =
        "Cannot distinguish the addresses of this machine from others (add networkInterfaces to --allow-sys)";
      throw new ProxyError("permission_denied", "proxy", { cause, detail });
    }
    this.#knownSince = performance.now();
  }
}

function systemInterfaces(): string[] {
  return Deno.networkInterfaces().map(({ address }) => address);
}
