/** Addresses that several threads bind, each with SO_REUSEPORT. */

import type { TcpAddress } from "../address.ts";
import { listen, type Listener } from "./listen.ts";

/**
 * Whether several listeners can share an address: the kernel spreads clients over all who bind it, which it
 * does on Linux only, and Deno was started with `--unstable-net`. Without that flag it would end the whole
 * process (exit code 70) at the attempt. Only the APIs that the flag enables reveal it. All of them are
 * checked, because another version of Deno may offer a single one without the flag.
 */
export function canShare(os: typeof Deno.build.os = Deno.build.os): boolean {
  const isUnstable = typeof Deno.listenDatagram === "function" && typeof Deno.QuicEndpoint === "function";
  return (os === "linux" || os === "android") && isUnstable;
}

/** An address found to be free, for threads to bind with `shared`. */
export class Reservation implements Disposable {
  /** With the real port, and with the address that a host name stands for. */
  readonly address: TcpAddress;
  readonly #held: Listener | undefined;

  constructor(address: TcpAddress, held: Listener | undefined) {
    this.address = address;
    this.#held = held;
  }

  /** Lets go of it, once the threads have bound it. May be called twice. */
  release(): void {
    this.#held?.close();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/**
 * Finds out whether `address` is free, which those who share it cannot: a plain bind fails while anybody has it, and
 * nobody can share what is bound plainly. For port 0 it chooses a port and holds it until it is released.
 *
 * What is held is a listener that nobody accepts from, and the kernel gives it its share of the clients: they wait
 * until it is released and are reset then. So tell nobody of a port 0 before. Other ports, which clients may know
 * already, are not held: another program that takes one before a thread does is found by the thread's own bind, unless
 * it shares as well.
 *
 * @throws {ListenError}
 */
export async function reserve(address: TcpAddress): Promise<Reservation> {
  // The kernel chooses a port that nobody has, not even shared.
  const isHeld = address.port === 0;
  const listener = await listen(address, { adapter: "deno", shared: isHeld });
  if (!isHeld) listener.close();
  return new Reservation(listener.address as TcpAddress, isHeld ? listener : undefined);
}
