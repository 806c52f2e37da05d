/** Resolves host names with the system's resolver: /etc/hosts, DNS, or whatever is configured. */

import { lookup } from "node:dns";
import { ProxyError, proxyErrorOf } from "../errors.ts";
import { abortable } from "../timers/abortable.ts";

/** How long a dial waits for the resolver if there is an earlier answer, in milliseconds. */
const PATIENCE = 1000;
/** Names whose last answer is kept. */
const CAPACITY = 1000;

/** Finds the addresses of a host, the preferred ones first. */
export type FindAddresses = (hostname: string) => Promise<readonly string[]>;

export interface NameLookupOptions {
  /** The system's resolver unless given. */
  readonly find?: FindAddresses;
  /** How many names to remember. */
  readonly capacity?: number;
  /** Calls back after this many milliseconds, unless the result is called first; a timer by default. */
  readonly after?: (milliseconds: number, callback: () => void) => () => void;
}

/**
 * Asks for a name each time, but not again while the answer is still to come: the system's resolver cannot be
 * interrupted, and each of its lookups holds one of the 512 threads that files are also read with.
 */
export class NameLookup {
  readonly #find: FindAddresses;
  readonly #capacity: number;
  readonly #after: (milliseconds: number, callback: () => void) => () => void;
  /** The last good answers, the oldest first. */
  readonly #known = new Map<string, readonly string[]>();
  readonly #pending = new Map<string, Promise<readonly string[]>>();
  #fallbacks = 0;

  constructor({ find = systemAddresses, capacity = CAPACITY, after = timer }: NameLookupOptions = {}) {
    this.#find = find;
    this.#capacity = capacity;
    this.#after = after;
  }

  /** How many lookups failed or took too long, and were answered with the last good answer. */
  get fallbacks(): number {
    return this.#fallbacks;
  }

  /**
   * The addresses of `hostname`, each once, the preferred ones first. When the lookup fails, or takes more than a
   * second, these are the ones it gave the last time it went well.
   *
   * @throws {ProxyError} `name_not_resolved`, or `permission_denied` by Deno; or the reason of `signal`.
   */
  async addresses(hostname: string, signal: AbortSignal): Promise<readonly string[]> {
    signal.throwIfAborted();
    return await abortable(this.#pending.get(hostname) ?? this.#ask(hostname), signal);
  }

  #ask(hostname: string): Promise<readonly string[]> {
    const lastGood = this.#known.get(hostname);
    const found = this.#lookUp(hostname);
    const answer = lastGood === undefined ? found : this.#orLastGood(found, lastGood);
    this.#pending.set(hostname, answer);
    const forget = () => void this.#pending.delete(hostname);
    found.then(forget, forget);
    return answer;
  }

  async #lookUp(hostname: string): Promise<readonly string[]> {
    try {
      const addresses = [...new Set(await this.#find(hostname))];
      if (addresses.length === 0) throw new Error(`No address found for "${hostname}"`);
      this.#remember(hostname, addresses);
      return addresses;
    } catch (cause) {
      const error = proxyErrorOf(cause, "upstream");
      if (error.code === "permission_denied") throw error;
      throw new ProxyError("name_not_resolved", "upstream", { cause, detail: error.message });
    }
  }

  #orLastGood(found: Promise<readonly string[]>, lastGood: readonly string[]): Promise<readonly string[]> {
    return new Promise((resolve) => {
      let isWaiting = true;
      const fallBack = () => {
        if (isWaiting) this.#fallbacks += 1;
        isWaiting = false;
        resolve(lastGood);
      };
      const stopWaiting = this.#after(PATIENCE, fallBack);
      found.then(resolve, fallBack).finally(stopWaiting);
    });
  }

  #remember(hostname: string, addresses: readonly string[]): void {
    this.#known.delete(hostname);
    this.#known.set(hostname, addresses);
    const [oldest] = this.#known.keys();
    if (this.#known.size > this.#capacity && oldest !== undefined) this.#known.delete(oldest);
  }
}

function systemAddresses(hostname: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    // In the order of RFC 6724, which Deno would change otherwise.
    lookup(hostname, { all: true, order: "verbatim" }, (error, found) => {
      if (error) reject(error);
      else resolve(found.map(({ address }) => address));
    });
  });
}

function timer(milliseconds: number, callback: () => void): () => void {
  const id = setTimeout(callback, milliseconds);
  return () => clearTimeout(id);
}
