/** Where this program listens, in one thread: an upstream there would lead back to it. */

import { hostKey, isIpLiteral, type ListenAddress, overlaps, type TcpAddress } from "../address.ts";
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
  #listeners: readonly TcpAddress[] = [];
  #known = new Set<string>();
  #knownSince = -Infinity;

  constructor(findInterfaces: FindInterfaces = systemInterfaces) {
    this.#findInterfaces = findInterfaces;
  }

  /** Replaces the listeners. Unix sockets are none that an IP address leads to. */
  set(addresses: readonly ListenAddress[]): void {
    this.#listeners = addresses.map((address) => address.transport === "systemd" ? address.bound : address)
      .filter((address) => address?.transport === "tcp");
  }

  /**
   * The listener that a connection to an IP address would arrive at.
   *
   * @throws {ProxyError} `permission_denied` when Deno may not read the addresses of this machine, and they decide.
   */
  at(target: TcpAddress): TcpAddress | undefined {
    return this.#listeners.find((listener) => {
      if (!overlaps(listener, target)) return false;
      return !EVERY_ADDRESS.has(listener.hostname) || this.#isOfThisMachine(target.hostname);
    });
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
      const detail = "Cannot distinguish the addresses of this machine from others without --allow-sys";
      throw new ProxyError("permission_denied", "proxy", { cause, detail });
    }
    this.#knownSince = performance.now();
  }
}

function systemInterfaces(): string[] {
  return Deno.networkInterfaces().map(({ address }) => address);
}
