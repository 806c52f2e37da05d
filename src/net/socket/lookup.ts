/** Resolves host names with the system's resolver: /etc/hosts, DNS, or whatever is configured. */

import { lookup } from "node:dns";
import { ProxyError, proxyErrorOf } from "../errors.ts";
import { abortable } from "../timers/abortable.ts";

/** If there is an earlier answer, a dial waits this long for the resolver, in milliseconds. */
const PATIENCE = 1000;
/** The number of names whose last answer is kept. */
const CAPACITY = 1000;
/** The most lookups that wait for others; one more fails at once. */
const MOST_WAITING = 1024;

/** Finds the addresses of a host, the preferred ones first. */
export type FindAddresses = (hostname: string) => Promise<readonly string[]>;

/** The dials that wait for a lookup. */
interface Callers {
  count: number;
  /** Cancels the lookup; only while it waits for others, as it cannot be interrupted later. */
  cancel?: (() => void) | undefined;
}

interface Pending {
  readonly answer: Promise<readonly string[]>;
  readonly callers: Callers;
}

/** Looks up names for dials. */
export interface Names {
  /** The addresses of a name, the preferred ones first. */
  addresses(hostname: string, signal: AbortSignal): Promise<readonly string[]>;
  /** Whether nothing but these addresses may be connected to, not even where Deno grants the name alone. */
  readonly isBinding?: boolean;
}

export interface NameLookupOptions {
  /** The system's resolver unless given. */
  readonly find?: FindAddresses;
  /** How many names to remember. */
  readonly capacity?: number;
  /** How many lookups may run at the same time, while others wait; any number unless given. */
  readonly most?: number;
  /**
   * Runs the callback after this many milliseconds, unless the function that it returns is called first; a timer by
   * default.
   */
  readonly after?: (milliseconds: number, callback: () => void) => () => void;
}

/**
 * Looks a name up each time, but never twice at the same time: a lookup of the system's resolver cannot be interrupted,
 * and holds one of the 512 threads that also read files.
 */
export class NameLookup implements Names {
  readonly #find: (hostname: string, callers: Callers) => Promise<readonly string[]>;
  readonly #capacity: number;
  readonly #after: (milliseconds: number, callback: () => void) => () => void;
  /** The last good answers, the oldest first. */
  readonly #known = new Map<string, readonly string[]>();
  readonly #pending = new Map<string, Pending>();
  #fallbacks = 0;

  constructor({ find = systemAddresses, capacity = CAPACITY, most, after = timer }: NameLookupOptions = {}) {
    this.#find = most === undefined ? find : limited(find, most);
    this.#capacity = capacity;
    this.#after = after;
  }

  /** How many lookups failed or took too long, so that the last good answer was used. */
  get fallbacks(): number {
    return this.#fallbacks;
  }

  /**
   * The addresses of `hostname`, each once, the preferred ones first. When the lookup fails, or takes more than a
   * second, these are the addresses of the last successful lookup.
   *
   * @throws {ProxyError} `name_not_resolved`, or `permission_denied` by Deno; or the reason of `signal`.
   */
  async addresses(hostname: string, signal: AbortSignal): Promise<readonly string[]> {
    signal.throwIfAborted();
    const { answer, callers } = this.#pending.get(hostname) ?? this.#ask(hostname);
    callers.count += 1;
    try {
      return await abortable(answer, signal);
    } finally {
      callers.count -= 1;
      if (callers.count === 0 && callers.cancel !== undefined) {
        this.#pending.delete(hostname);
        callers.cancel();
      }
    }
  }

  #ask(hostname: string): Pending {
    const lastGood = this.#known.get(hostname);
    const callers: Callers = { count: 0 };
    const found = this.#lookUp(hostname, callers);
    const answer = lastGood === undefined ? found : this.#orLastGood(found, lastGood, callers);
    const pending: Pending = { answer, callers };
    this.#pending.set(hostname, pending);
    const forget = () => {
      if (this.#pending.get(hostname) === pending) this.#pending.delete(hostname);
    };
    found.then(forget, forget);
    return pending;
  }

  async #lookUp(hostname: string, callers: Callers): Promise<readonly string[]> {
    try {
      const addresses = [...new Set(await this.#find(hostname, callers))];
      if (addresses.length === 0) throw new Error(`No address found for "${hostname}"`);
      this.#remember(hostname, addresses);
      return addresses;
    } catch (cause) {
      const error = proxyErrorOf(cause, "upstream");
      if (error.code === "permission_denied") throw error;
      throw new ProxyError("name_not_resolved", "upstream", { cause, detail: error.message });
    }
  }

  #orLastGood(
    found: Promise<readonly string[]>,
    lastGood: readonly string[],
    callers: Callers,
  ): Promise<readonly string[]> {
    return new Promise((resolve) => {
      let isWaiting = true;
      const fallBack = () => {
        if (isWaiting && callers.count > 0) this.#fallbacks += 1;
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

/**
 * Lets this many lookups run at the same time; others wait for these in turn, as long as a caller wants their answer.
 */
function limited(
  find: FindAddresses,
  most: number,
): (hostname: string, callers: Callers) => Promise<readonly string[]> {
  const waiting = new Set<() => void>();
  let running = 0;
  const turn = (callers: Callers) =>
    new Promise<void>((resolve, reject) => {
      const end = () => {
        waiting.delete(begin);
        callers.cancel = undefined;
      };
      const begin = () => {
        end();
        resolve();
      };
      callers.cancel = () => {
        end();
        reject(new Error("Cancelled before it began"));
      };
      waiting.add(begin);
    });
  return async (hostname, callers) => {
    if (running < most) running += 1;
    else if (waiting.size < MOST_WAITING) await turn(callers);
    else throw new Error(`${MOST_WAITING} lookups are waiting already`);
    try {
      return await find(hostname);
    } finally {
      const [next] = waiting;
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
