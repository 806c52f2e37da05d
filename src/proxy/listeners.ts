/** The listeners of one thread, each with its service. A reload may change the service. */

import { isDeepStrictEqual } from "node:util";
import { type AcceptHandler, AcceptLoop } from "../net/socket/accept.ts";
import { type ActivatedAddress, formatAddress, isAbstract, type ListenAddress } from "../net/address.ts";
import type { Adapter } from "../net/socket/conn.ts";
import { BACKLOG, listen, type Listener } from "../net/socket/listen.ts";
import { NodeListener } from "../net/socket/node_listener.ts";
import { TlsListener, type TlsListenOptions } from "../net/tls/listener.ts";
import type { Service } from "./service.ts";

/** How to bind an address. */
export interface BindPlan {
  readonly address: ListenAddress;
  readonly adapter: Adapter;
  /** For a listener that terminates TLS itself. */
  readonly tls: TlsListenOptions | undefined;
  /** Mode bits for a unix socket file. */
  readonly unixMode: number | undefined;
  /** Shared with other listeners, of this thread or others (SO_REUSEPORT). */
  readonly shared: boolean;
  /** Replaces the unix socket of a program that still listens; false unless given. */
  readonly replaces?: boolean;
}

/**
 * How long a listener may take to close, in milliseconds. Closing resets the clients in its queue, so it closes only
 * when none has come for a moment, or at the latest after this time.
 */
const LONGEST_DRAIN = 5000;

/** A bound address. */
class Bound {
  readonly listener: Listener<ListenAddress>;
  #tls: TlsListenOptions | undefined;
  #mode: number | undefined;
  #service: Service | undefined;
  readonly #draining = new AbortController();
  readonly #closing = new AbortController();
  #loop: AcceptLoop | undefined;

  constructor(listener: Listener<ListenAddress>, { tls, unixMode }: BindPlan) {
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
    if (service === this.#service) return;
    this.#service = service;
    const address = formatAddress(this.listener.address);
    const handler: AcceptHandler = {
      onConnection: service.handle,
      onLost: () => service.lost(address),
      onError: (error, failures) => service.acceptFailed(address, error, failures),
    };
    if (this.#loop !== undefined) this.#loop.handler = handler;
    else {
      const [signal, draining] = [this.#closing.signal, this.#draining.signal];
      this.#loop = new AcceptLoop(this.listener, { ...handler, signal, draining });
    }
  }

  /**
   * Replaces the listener only for a new certificate or new ALPN protocols, because clients can be lost. Returns false
   * if the replacement fails, and the listener keeps the previous certificate.
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
    if (this.listener.keepsQueue === true) return await this.close();
    this.#draining.abort();
    const late = setTimeout(() => void this.close(), LONGEST_DRAIN);
    await this.#loop?.ended;
    clearTimeout(late);
    await this.listener.closing;
  }

  /** Closes at once. Resolves when it is gone: Deno removes a socket file only once its last accept has ended. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.listener.close();
    await this.#loop?.ended;
    await this.listener.closing;
  }
}

/** The listener for a plan. */
interface Prepared {
  readonly key: string;
  readonly plan: BindPlan;
  readonly bound: Bound;
}

/** Duplicates the descriptor of a socket that a service manager holds; negative when no descriptor is left. */
export type Duplicator = (address: ActivatedAddress) => Promise<number>;

export class Listeners {
  readonly #duplicate: Duplicator;
  #bound = new Map<string, Bound>();
  /** The results of the plans of {@linkcode prepare}, in the same order. */
  #prepared: Prepared[] = [];
  /** Removed listeners that are still draining. */
  readonly #leaving = new Set<Bound>();

  constructor(duplicate: Duplicator) {
    this.#duplicate = duplicate;
  }

  /**
   * Binds addresses that are not bound yet, without accepting; {@linkcode commit} or {@linkcode discard} must follow.
   *
   * @returns The addresses bound, with real ports.
   * @throws {ListenError} Nothing has changed then.
   */
  async prepare(plans: readonly BindPlan[]): Promise<ListenAddress[]> {
    await this.discard();
    try {
      // Free ports come last, so that they are not those of other plans.
      for (const index of [...plans.keys()].sort((a, b) => isFree(plans[a]!) - isFree(plans[b]!))) {
        const plan = plans[index]!;
        const bound = this.#bound.get(keyOf(plan, plan.address)) ?? new Bound(await this.#bind(plan), plan);
        this.#prepared[index] = { key: keyOf(plan, bound.listener.address), plan, bound };
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

  /** Closes at once the removed listeners of a service; resolves when they are closed. */
  async closeLeaving(service: string): Promise<void> {
    const own = this.#leaving.values().filter((bound) => bound.service?.config.name === service);
    await Promise.all(own.map((bound) => bound.close()));
  }

  /** Descriptors ran out. */
  onShortage(): void {
    for (const { listener } of this.#bound.values()) listener.onShortage?.();
  }

  async #bind(
    { address, adapter, tls, unixMode, shared, replaces }: BindPlan,
  ): Promise<Listener<ListenAddress>> {
    if (address.transport === "systemd") {
      return NodeListener.adopt(address, { backlog: BACKLOG }, () => this.#duplicate(address));
    }
    return tls !== undefined && address.transport === "tcp"
      ? TlsListener.bind(address, tls, { shared })
      : await listen(address, { adapter, unixMode, shared, replaces });
  }

  async #drain(bound: Bound): Promise<void> {
    this.#leaving.add(bound);
    await bound.drain();
    this.#leaving.delete(bound);
  }
}

/** 1 if the kernel chooses the port, else 0. */
function isFree({ address }: BindPlan): number {
  return address.transport === "tcp" && address.port === 0 ? 1 : 0;
}

/** How an existing listener can serve a plan. */
function keyOf({ adapter, tls }: BindPlan, address: ListenAddress): string {
  if (address.transport === "systemd") return `systemd:${address.name}`;
  const api = address.transport === "unix" ? "unix" : tls === undefined ? adapter : "tls";
  return `${formatAddress(address)} ${api}`;
}
