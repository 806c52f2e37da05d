/** The listeners of one thread, each with its service, which a reload may change. */

import { isDeepStrictEqual } from "node:util";
import { acceptConnections } from "../net/socket/accept.ts";
import { type Address, formatAddress, isAbstract } from "../net/address.ts";
import type { Adapter, Conn } from "../net/socket/conn.ts";
import { listen, type Listener } from "../net/socket/listen.ts";
import { TlsListener, type TlsListenOptions } from "../net/tls/listener.ts";
import type { Service } from "./service.ts";

/** How to bind an address. */
export interface BindPlan {
  readonly address: Address;
  readonly adapter: Adapter;
  /** For a listener that terminates TLS itself. */
  readonly tls: TlsListenOptions | undefined;
  /** Mode bits for a unix socket file. */
  readonly unixMode: number | undefined;
  /** Shared with other listeners, of this thread or others (SO_REUSEPORT). */
  readonly shared: boolean;
}

/**
 * How long a listener may take to close, in milliseconds. Closing resets the clients in its queue, so it is closed when
 * none has come for a moment; after this time, in any case.
 */
const LONGEST_DRAIN = 5000;

/** A bound address. */
class Bound {
  readonly listener: Listener;
  #tls: TlsListenOptions | undefined;
  #mode: number | undefined;
  #service: Service | undefined;
  /** Resolves when its service is replaced. */
  #replaced = Promise.withResolvers<void>();
  readonly #draining = new AbortController();
  readonly #closing = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(listener: Listener, { tls, unixMode }: BindPlan) {
    this.listener = listener;
    this.#tls = tls;
    this.#mode = unixMode;
  }

  /** The service of its clients; undefined before it accepts. */
  get service(): Service | undefined {
    return this.#service;
  }

  /**
   * Sets the service of new clients; the first call begins to accept. A client that waits for a slot of the previous
   * service keeps waiting, and does not block others.
   */
  setService(service: Service): void {
    const { listener } = this;
    const address = formatAddress(listener.address);
    if (service !== this.#service) {
      this.#replaced.resolve();
      this.#replaced = Promise.withResolvers();
    }
    this.#service = service;
    this.#loop ??= acceptConnections(listener, {
      onConnection: (client: Conn) => this.#accepted(client),
      onLost: () => this.#service!.lost(address),
      onError: (error, failures) => this.#service!.acceptFailed(address, error, failures),
      signal: this.#closing.signal,
      draining: this.#draining.signal,
    });
  }

  /**
   * Replaces the listener only for another certificate, because that can cost clients. Returns false when it keeps the
   * previous certificate, as it cannot be replaced.
   */
  updateTls(options: TlsListenOptions | undefined): boolean {
    if (!(this.listener instanceof TlsListener) || options === undefined) return true;
    const isSame = options.credentials.cert === this.#tls?.credentials.cert &&
      isDeepStrictEqual(options.alpn, this.#tls.alpn);
    if (isSame) return true;
    try {
      this.listener.replace(options);
      this.#tls = options;
      return true;
    } catch (error) {
      this.#service?.listenerKept(formatAddress(this.listener.address), error);
      return false;
    }
  }

  /** Sets the mode of a socket file if it has changed. */
  setMode(mode: number | undefined): void {
    const { address } = this.listener;
    if (mode === this.#mode || address.transport !== "unix" || isAbstract(address)) return;
    this.#mode = mode;
    if (mode === undefined) return;
    Deno.chmod(address.path, mode).catch((error) =>
      this.#service?.listenerKept(formatAddress(address), error)
    );
  }

  /** Accepts clients that are connecting, then closes; resolves when it is closed. */
  async drain(): Promise<void> {
    this.#draining.abort();
    const late = setTimeout(() => void this.close(), LONGEST_DRAIN);
    await this.#loop;
    clearTimeout(late);
  }

  /** Closes at once. Resolves when it is gone: Deno removes a socket file only once its last accept has ended. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.listener.close();
    await this.#loop;
  }

  #accepted(client: Conn): Promise<void> | undefined {
    const entered = this.#service!.handle(client);
    return entered && Promise.race([entered, this.#replaced.promise]);
  }
}

/** The result of a plan. */
interface Prepared {
  readonly key: string;
  readonly plan: BindPlan;
  readonly bound: Bound;
}

export class Listeners {
  #bound = new Map<string, Bound>();
  /** The results of the plans of {@linkcode prepare}, in the same order. */
  #prepared: Prepared[] = [];
  /** Removed listeners that are still draining. */
  readonly #leaving = new Set<Bound>();

  /**
   * Binds addresses that are not bound yet, without accepting; {@linkcode commit} or {@linkcode discard} must follow.
   *
   * @returns The addresses bound, with real ports.
   * @throws {ListenError} Nothing has changed then.
   */
  async prepare(plans: readonly BindPlan[]): Promise<Address[]> {
    await this.discard();
    try {
      for (const plan of plans) {
        const bound = this.#bound.get(keyOf(plan, plan.address)) ?? new Bound(await bind(plan), plan);
        this.#prepared.push({ key: keyOf(plan, bound.listener.address), plan, bound });
      }
    } catch (error) {
      await this.discard();
      throw error;
    }
    return this.#prepared.map(({ bound }) => bound.listener.address);
  }

  /** Closes what was prepared. */
  async discard(): Promise<void> {
    const unused = this.#prepared.filter(({ key }) => !this.#bound.has(key));
    this.#prepared = [];
    await Promise.all(unused.map(({ bound }) => bound.close()));
  }

  /**
   * Replaces all listeners by those that were prepared. Listeners that remain are not touched.
   *
   * @param services The service of each, in the order of the plans.
   * @returns Resolves when removed listeners have accepted clients that were connecting, and are closed.
   */
  async commit(services: readonly Service[]): Promise<void> {
    const before = this.#bound;
    this.#bound = new Map(this.#prepared.map(({ key, bound }) => [key, bound]));
    this.#prepared.forEach(({ bound, plan }, index) => {
      bound.setService(services[index]!);
      bound.updateTls(plan.tls);
      bound.setMode(plan.unixMode);
    });
    this.#prepared = [];
    const unwanted = [...before].filter(([key]) => !this.#bound.has(key));
    await Promise.all(unwanted.map(([, bound]) => this.#drain(bound)));
  }

  /**
   * New handshakes with clients of a service use these options, if its listeners do TLS themselves. Returns false when
   * one of them keeps the previous certificate.
   */
  updateTls(service: Service, options: TlsListenOptions | undefined): boolean {
    const own = this.#bound.values().filter((bound) => bound.service === service);
    return own.map((bound) => bound.updateTls(options)).toArray().every((isUpdated) => isUpdated);
  }

  /** Accepts clients that are connecting, then closes all; resolves when they are closed. */
  async drain(): Promise<void> {
    await Promise.all([...this.#bound.values(), ...this.#leaving].map((bound) => this.#drain(bound)));
  }

  /** Closes all at once, including prepared ones. */
  async close(): Promise<void> {
    await this.discard();
    await Promise.all([...this.#bound.values(), ...this.#leaving].map((bound) => bound.close()));
  }

  /** Descriptors ran out. */
  onShortage(): void {
    for (const { listener } of this.#bound.values()) listener.onShortage?.();
  }

  async #drain(bound: Bound): Promise<void> {
    this.#leaving.add(bound);
    await bound.drain();
    this.#leaving.delete(bound);
  }
}

async function bind({ address, adapter, tls, unixMode, shared }: BindPlan): Promise<Listener> {
  return tls !== undefined && address.transport === "tcp"
    ? TlsListener.bind(address, tls, { shared })
    : await listen(address, { adapter, unixMode, shared });
}

/** How an existing listener can serve a plan. */
function keyOf({ adapter, tls }: BindPlan, address: Address): string {
  const api = address.transport === "unix" ? "unix" : tls === undefined ? adapter : "tls";
  return `${formatAddress(address)} ${api}`;
}
