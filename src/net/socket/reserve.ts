/** Reserves addresses that several threads bind, each with SO_REUSEPORT. */

import type { TcpAddress } from "../address.ts";
import { listen, type Listener } from "./listen.ts";

/**
 * Whether several listeners can share an address: the kernel distributes clients over all that bind it, which it
 * does on Linux only, and Deno was started with `--unstable-net`. Without that flag it would end the whole
 * process (exit code 70) at the attempt. Only the APIs that the flag enables reveal it. Two of them are
 * checked, because another version of Deno may offer a single one without the flag; by name, since the value of
 * QuicEndpoint would load QUIC.
 */
export function canShare(os: typeof Deno.build.os = Deno.build.os): boolean {
  const isUnstable = "listenDatagram" in Deno && "QuicEndpoint" in Deno;
  return (os === "linux" || os === "android") && isUnstable;
}

/** An address found to be free, for threads to bind with `shared`. */
export class Reservation implements Disposable {
  /** With the real port, and with the IP address of a host name. */
  readonly address: TcpAddress;
  readonly #held: Listener | undefined;

  constructor(address: TcpAddress, held: Listener | undefined) {
    this.address = address;
    this.#held = held;
  }

  /** To be called when the threads have bound it. May be called twice. */
  release(): void {
    this.#held?.close();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/**
 * Checks whether `address` is free, by a bind without SO_REUSEPORT: a bind with it succeeds even if another program
 * shares the address. For port 0, chooses a port and holds it until `release()`.
 *
 * A listener holds the port. It accepts no clients, but the kernel gives it its share of them: they wait, and are reset
 * when the port is released. So do not publish the port before. And where another thread starts a process meanwhile, a
 * copy of the listener lives until the process runs: for a port that clients get at once, let the first thread choose
 * it. Other ports, which clients may know already, are not
 * held: if another program binds one before a thread does, the bind of the thread fails, unless both share it.
 *
 * @throws {ListenError}
 */
export async function reserve(address: TcpAddress): Promise<Reservation> {
  // The kernel chooses a port that no other socket has, not even a shared one.
  const isHeld = address.port === 0;
  const listener = await listen(address, { adapter: "deno", shared: isHeld });
  if (!isHeld) listener.close();
  return new Reservation(listener.address as TcpAddress, isHeld ? listener : undefined);
}
