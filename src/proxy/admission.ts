/** Access rules and limits, checked before anything costly. */

import type { ListEntry, ServiceConfig } from "../config/config.ts";
import { ProxyError } from "../net/errors.ts";
import { abortable } from "../net/timers/abortable.ts";
import type { TableKey } from "../shared/client_entries.ts";
import type { ClientTable } from "../shared/client_table.ts";
import type { RateLimit } from "../shared/rate_limit.ts";
import type { Gauge } from "../shared/gauge.ts";
import type { WakeUps } from "../shared/wake_ups.ts";
import { clientKeyOf } from "../wire/ip/client_key.ts";
import type { Test } from "./match/condition.ts";
import { compileConditions } from "./match/registry.ts";
import { FileLists, type TextSet } from "./file_lists.ts";

/** The limits of a service, counted in all threads. */
export interface AdmissionParts {
  /** The connections of the service, and those of all services. */
  readonly own: CountLimit;
  readonly all: CountLimit;
  /** The rate of new connections. */
  readonly rate: RateLimit | undefined;
  /** The open connections of each client, and their rate. */
  readonly clients: ClientTable | undefined;
}

/** Clients that a PROXY header announces without an address count as one client, so that limits still apply to them. */
const NO_ADDRESS: TableKey = { family: 0, high: 0, low: 0 };

/** The source address of a client; read only if a rule needs it. */
interface Source {
  readonly sourceAddress: string;
}

/** The rules and limits of one service. */
export class AdmissionControl {
  readonly parts: AdmissionParts;
  /** Whether clients wait for a free slot. */
  readonly waits: boolean;
  readonly #access: AccessList | undefined;
  readonly #trusted: TrustedPeers | undefined;
  readonly #certificates: readonly Test[] | undefined;

  constructor(
    { limits, allow, deny, allowClients, acceptProxyProtocol }: ServiceConfig,
    parts: AdmissionParts,
    lists = new FileLists(),
  ) {
    this.parts = parts;
    this.waits = limits.whenFull === "wait";
    if (allow.length + deny.length > 0) this.#access = new AccessList(allow, deny, lists);
    this.#certificates = allowClients && compileConditions(allowClients, lists);
    this.#trusted = acceptProxyProtocol && new TrustedPeers(acceptProxyProtocol.from, lists);
  }

  /**
   * Checks the peer of a new connection: if a PROXY header is expected, the peer must be allowed to send one.
   *
   * @throws {ProxyError}
   */
  checkPeer(peer: Source): void {
    if (this.#trusted?.has(peer.sourceAddress) === false) throw new ProxyError("proxy_not_trusted", "client");
  }

  /** @throws {ProxyError} when the rules do not allow the client. */
  checkAccess(client: Source): void {
    if (this.#access?.permits(client.sourceAddress) === false) {
      throw new ProxyError("access_denied", "client");
    }
  }

  /** @throws {ProxyError} when the rules do not allow the client's certificate, or that there is none. */
  checkCertificate(client: Certified): void {
    if (this.#certificates === undefined || this.#certificates.every((isMet) => isMet(client) === true)) {
      return;
    }
    const detail = client.identity === undefined
      ? "The client has no certificate, which allow_clients asks for"
      : "The certificate of the client is not one of allow_clients";
    throw new ProxyError("access_denied", "client", { detail });
  }
}

/** What conditions on certificates test. */
type Certified = Parameters<Test>[0];

/**
 * The limits that one connection has used, step by step. Disposing of it releases the slots; for a refused client it
 * releases everything, so that refused clients take no capacity from others.
 *
 * The order is: first the limits per client, as soon as the address is known; then a slot among all connections; last
 * the rate of the service, the only limit that the end of a connection does not release.
 */
export class Admission implements Disposable {
  readonly #control: AdmissionControl;
  #client: TableKey | undefined;
  #hasSlot = false;
  #hasSpentRate = false;

  constructor(control: AdmissionControl) {
    this.#control = control;
  }

  /** As {@linkcode AdmissionControl.checkPeer}. */
  checkPeer(peer: Source): void {
    this.#control.checkPeer(peer);
  }

  /** As {@linkcode AdmissionControl.checkCertificate}. */
  checkCertificate(client: Certified): void {
    this.#control.checkCertificate(client);
  }

  /**
   * Checks the client, whose own address is now known, and takes one of the connection slots of that address.
   *
   * @throws {ProxyError}
   */
  countClient(client: Source): void {
    this.#control.checkAccess(client);
    const { clients } = this.#control.parts;
    if (clients === undefined) return;
    const key = clientKeyOf(client.sourceAddress) ?? NO_ADDRESS;
    switch (clients.enter(key)) {
      case "ok":
        this.#client = key;
        return;
      case "too_many":
        throw new ProxyError("client_connection_limit", "client");
      case "too_fast":
        throw new ProxyError("client_connect_rate", "client");
      case "table_full":
        throw new ProxyError("client_table_full", "client");
    }
  }

  /**
   * Takes a connection slot of the service and one of all services. When none is free, returns false with `when_full:
   * wait`, else throws.
   *
   * @throws {ProxyError}
   */
  takeSlot(): boolean {
    const { parts: { own, all }, waits } = this.#control;
    // A full service must not hold a slot of all services, not even for a moment.
    this.#hasSlot = !own.isFull && all.enter();
    if (this.#hasSlot && !own.enter()) {
      this.#hasSlot = false;
      all.undo();
    }
    if (!this.#hasSlot && !waits) throw new ProxyError("connection_limit", "client");
    return this.#hasSlot;
  }

  /**
   * Waits for a free slot, and takes it.
   *
   * @throws {ProxyError} or the reason of `signal`.
   */
  async waitForSlot(signal: AbortSignal): Promise<void> {
    const { own, all } = this.#control.parts;
    let freed = Promise.withResolvers<void>();
    const onFree = () => freed.resolve();
    using _all = all.onFree(onFree);
    using _own = own.onFree(onFree);
    for (;;) {
      signal.throwIfAborted();
      freed = Promise.withResolvers<void>();
      if (this.takeSlot()) return;
      await abortable(freed.promise, signal);
    }
  }

  /**
   * Counts the connection for the rate of the service, once. Nothing takes it back, whatever the client does.
   *
   * @throws {ProxyError}
   */
  spendRate(): void {
    if (this.#hasSpentRate) return;
    if (this.#control.parts.rate?.take() === false) throw new ProxyError("connect_rate", "client");
    this.#hasSpentRate = true;
  }

  [Symbol.dispose](): void {
    const { own, all, clients } = this.#control.parts;
    if (this.#hasSlot) {
      own.leave();
      all.leave();
    }
    if (this.#client === undefined) return;
    if (this.#hasSpentRate) clients!.leave(this.#client);
    else clients!.refund(this.#client);
  }
}

/** Which clients may connect, by address. */
class AccessList {
  readonly #allow: TextSet | undefined;
  readonly #deny: TextSet | undefined;

  /** @param allow An empty list allows all, one with an empty file none. `deny` takes precedence. */
  constructor(allow: readonly ListEntry[], deny: readonly ListEntry[], lists: FileLists) {
    this.#allow = allow.length === 0 ? undefined : lists.addresses(allow);
    this.#deny = deny.length === 0 ? undefined : lists.addresses(deny);
  }

  /** Whether a client with this address may connect. */
  permits(address: string): boolean {
    return this.#deny?.has(address) !== true && this.#allow?.has(address) !== false;
  }
}

/** The entry for peers on unix sockets, which have no address. */
const UNIX = "unix";

/** Which peers may send a PROXY header. */
class TrustedPeers {
  readonly #blocks: TextSet;
  readonly #unix: boolean;

  /** @param from Addresses, CIDR blocks, files, and `unix`. */
  constructor(from: readonly ListEntry[], lists: FileLists) {
    this.#blocks = lists.addresses(from.filter((entry) => entry !== UNIX));
    this.#unix = from.includes(UNIX);
  }

  /** @param address Empty for a peer on a unix socket. */
  has(address: string): boolean {
    return address === "" ? this.#unix : this.#blocks.has(address);
  }
}

/** Limits the connections at the same time, in all threads. */
export class CountLimit {
  readonly #gauge: Gauge;
  #limit: number;
  readonly #wakeUps: WakeUps;

  /** @param limit 0 is no limit. */
  constructor(gauge: Gauge, limit: number, wakeUps: WakeUps) {
    this.#gauge = gauge;
    this.#limit = limit;
    this.#wakeUps = wakeUps;
  }

  /** Changes the limit; waiting clients try again. */
  set limit(limit: number) {
    this.#limit = limit;
    this.#wakeUps.wake(this.#gauge.slot);
  }

  /** Whether it still counts in the gauge that was claimed for it. */
  get isClaimed(): boolean {
    return this.#gauge.isClaimed;
  }

  /** Takes a slot; false at the limit. */
  enter(): boolean {
    return this.#gauge.enter(this.#limit);
  }

  get isFull(): boolean {
    return this.#limit > 0 && this.#gauge.value >= this.#limit;
  }

  /** Returns an unused slot. No client of this thread can have missed it, so it wakes only other threads. */
  undo(): void {
    if (this.#gauge.leave()) this.#wakeUps.wakeOthers(this.#gauge.slot);
  }

  leave(): void {
    if (this.#gauge.leave()) this.#wakeUps.freed(this.#gauge.slot);
  }

  /**
   * Calls `wake` whenever a slot may be free, until the result is disposed of. Must precede a last attempt to enter: a
   * slot that becomes free between an earlier attempt and this call wakes no client.
   */
  onFree(wake: () => void): Disposable {
    if (this.#limit === 0) return NOTHING;
    const stack = new DisposableStack();
    stack.use(this.#gauge.wait());
    stack.use(this.#wakeUps.watch(this.#gauge.slot, wake));
    return stack;
  }
}

/** Without a limit, there is nothing to wait for. */
const NOTHING: Disposable = { [Symbol.dispose]() {} };
