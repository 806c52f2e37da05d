/** Happy eyeballs (RFC 8305): connecting to a host that has several addresses, some of which may be dead. */

import { proxyErrorOf } from "../errors.ts";
import { sleep } from "../timers/sleep.ts";

/** The next attempt begins after this time, in milliseconds (RFC 8305 section 5). */
const ATTEMPT_DELAY = 250;

export interface RaceOptions<Connected extends Disposable> {
  /** Connects to one address; stops when `signal` aborts. */
  readonly connect: (address: string, signal: AbortSignal) => Promise<Connected>;
  /** When it aborts, the race ends. */
  readonly signal: AbortSignal;
  /** Resolves after this many milliseconds, or once `signal` aborts; a timer unless given. */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Connects to the addresses in turn, both families alternating. The next attempt begins 250 ms after the one before it,
 * or as soon as one fails. The first to connect wins; the others are aborted, or disposed of if they connect later.
 *
 * @param addresses IP literals, at least one, in the order of the resolver's preference.
 * @throws The most informative error of all attempts; or the reason of `signal`.
 */
export function connectFirst<Connected extends Disposable>(
  addresses: readonly string[],
  options: RaceOptions<Connected>,
): Promise<Connected> {
  return new Race(interleaved(addresses), options).run();
}

/** The addresses in an order in which families alternate, beginning with that of the first (RFC 8305 section 4). */
export function interleaved(addresses: readonly string[]): string[] {
  const first = addresses.filter((address) => isV6(address) === isV6(addresses[0]!));
  const second = addresses.filter((address) => isV6(address) !== isV6(addresses[0]!));
  const pairs = Array.from({ length: Math.max(first.length, second.length) }, (_, index) => [
    ...first.slice(index, index + 1),
    ...second.slice(index, index + 1),
  ]);
  return pairs.flat();
}

class Race<Connected extends Disposable> {
  readonly #addresses: readonly string[];
  readonly #options: RaceOptions<Connected>;
  readonly #outcome = Promise.withResolvers<Connected>();
  /** Aborts all attempts; has no effect on the one that has won. */
  readonly #attempts = new AbortController();
  /** The errors of failed attempts, in the order in which the attempts began. */
  readonly #failures: unknown[] = [];
  #delay = new AbortController();
  #isOver = false;

  constructor(addresses: readonly string[], options: RaceOptions<Connected>) {
    this.#addresses = addresses;
    this.#options = options;
  }

  async run(): Promise<Connected> {
    const { signal } = this.#options;
    signal.throwIfAborted();
    const onAbort = () => this.#outcome.reject(signal.reason);
    signal.addEventListener("abort", onAbort);
    try {
      // It never rejects, and ends with the race.
      this.#start();
      return await this.#outcome.promise;
    } finally {
      this.#isOver = true;
      signal.removeEventListener("abort", onAbort);
      this.#delay.abort();
      this.#attempts.abort();
    }
  }

  async #start(): Promise<void> {
    const { wait = sleep } = this.#options;
    const attempts: Promise<void>[] = [];
    for (const [index, address] of this.#addresses.entries()) {
      this.#delay = new AbortController();
      attempts.push(this.#attempt(index, address));
      await wait(ATTEMPT_DELAY, this.#delay.signal);
      if (this.#isOver) return;
    }
    await Promise.all(attempts);
    this.#outcome.reject(this.#mostTelling());
  }

  async #attempt(index: number, address: string): Promise<void> {
    try {
      const connected = await this.#options.connect(address, this.#attempts.signal);
      if (this.#isOver) connected[Symbol.dispose]();
      else {
        this.#isOver = true;
        this.#outcome.resolve(connected);
      }
    } catch (cause) {
      this.#failures[index] = cause;
    }
    this.#delay.abort();
  }

  /**
   * A shortage of descriptors affects every address, so it comes first. Errors that only mean that this machine cannot
   * use an address family come last: ENETUNREACH, EAFNOSUPPORT (which has no code of its own), and for IPv6 also
   * EADDRNOTAVAIL, which a connect to `::1` returns in a container without IPv6.
   */
  #mostTelling(): unknown {
    const codes = this.#failures.map((cause) => proxyErrorOf(cause, "upstream").code);
    const shortage = codes.indexOf("too_many_open_files");
    const ofPeer = codes.findIndex((code, index) =>
      code !== "network_unreachable" && code !== "io_error" &&
      !(code === "address_not_available" && isV6(this.#addresses[index]!))
    );
    // Running out of descriptors explains enough: an earlier failure does not take precedence.
    return this.#failures[Math.max(shortage, ofPeer, 0)];
  }
}

function isV6(address: string): boolean {
  return address.includes(":");
}
