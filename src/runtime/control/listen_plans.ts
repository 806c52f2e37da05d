/** Plans the addresses that threads bind for a configuration. */

import type { Config, ServiceConfig } from "../../config/config.ts";
import { formatAddress, type ListenAddress, overlaps, type TcpAddress } from "../../net/address.ts";
import type { ActivatedSockets } from "../../net/socket/activation.ts";
import { adapterFor } from "../../net/socket/conn.ts";
import { ListenError } from "../../net/socket/listen_error.ts";
import { canShare, type Reservation, reserve } from "../../net/socket/reserve.ts";
import type { Log } from "../../observe/log/log.ts";
import { type ServiceTlsMaterial, tlsListenOptions } from "../../proxy/tls_termination.ts";
import type { ServiceController } from "./service_controller.ts";
import type { ListenPlan } from "../worker/thread_calls.ts";
import { type Threads, withPorts } from "./threads.ts";

/** What plans depend on, besides the configuration. */
export interface ListenFacts {
  /** The current services with their addresses. */
  readonly before: readonly ServiceController[];
  /** Another sluice still listens there. */
  readonly takesOver: boolean;
  /** Those of the service manager. */
  readonly sockets: ActivatedSockets;
  /** Certificates and keys. */
  tlsOf(service: string): ServiceTlsMaterial | undefined;
  /** Whether a fault keeps a service from listening. */
  isDown(service: ServiceConfig): boolean;
}

/**
 * Plans for all addresses of a configuration, without those of services that are down. Ports that it chooses are
 * reserved until the result is disposed of. An address that is bound already is planned as it is; port 0 keeps the port
 * that was found.
 *
 * @throws {ListenError} when an address is in use.
 */
export async function planListeners(config: Config, facts: ListenFacts): Promise<Listening> {
  const known = new KnownAddresses(facts.before, config.admin?.listen);
  const plans: ListenPlan[] = [];
  const down = new Map<string, ListenAddress[]>();
  using held = new DisposableStack();
  // A service that is down may have the address of one that listens, which comes first.
  const byState = Map.groupBy(config.services, (service) => facts.isDown(service));
  for (const service of [...byState.get(false) ?? [], ...byState.get(true) ?? []]) {
    const isDown = facts.isDown(service);
    if (isDown) down.set(service.name, []);
    const tls = tlsListenOptions(service.tls, facts.tlsOf(service.name)?.own);
    for (const asked of service.listen) {
      const { address: wanted, isBound } = known.take(service, asked, isDown);
      const isShared = canShare() && wanted.transport === "tcp";
      const isTakenOver = facts.takesOver && wanted.transport === "tcp" && wanted.port > 0;
      // A thread finds a free port itself; a service that is down gets the port that it will listen on.
      const isReserved = !isBound && isShared && !isTakenOver && isDown === (wanted.port === 0);
      const address = isReserved
        ? held.use(await known.reserve(wanted)).address
        : !isBound && wanted.transport === "systemd"
        ? await facts.sockets.resolve(wanted)
        : wanted;
      if (isDown) {
        down.get(service.name)!.push(address);
        continue;
      }
      refuseOverlap(plans, address, asked);
      plans.push({
        service: service.name,
        address,
        adapter: adapterFor(service),
        tls,
        unixMode: service.unixMode,
        shared: isShared,
        replaces: facts.takesOver && !isBound,
      });
    }
  }
  return new Listening(plans, down, held.move());
}

/** The kernel does not refuse this when threads share addresses: it would spread the clients over both services. */
function refuseOverlap(plans: readonly ListenPlan[], address: ListenAddress, asked: ListenAddress): void {
  const other = plans.find((plan) => overlaps(plan.address, address));
  if (other === undefined) return;
  const [text, real, theirs] = [asked, address, other.address].map(formatAddress);
  const what = text === real ? "" : `that is ${real}, and `;
  const where = real === theirs ? "it" : theirs;
  throw ListenError.of({
    message: `Cannot listen on ${text}: ${what}${other.service} listens on ${where} already`,
    code: "address_in_use",
  });
}

export class Listening implements Disposable {
  /** With real ports once they are bound: a thread that replaces another one binds the same. */
  plans: readonly ListenPlan[];
  /** The addresses of services that are down. */
  readonly #down: ReadonlyMap<string, readonly ListenAddress[]>;
  readonly #held: DisposableStack;
  #addresses: readonly ListenAddress[] = [];

  constructor(
    plans: readonly ListenPlan[],
    down: ReadonlyMap<string, readonly ListenAddress[]>,
    held: DisposableStack,
  ) {
    this.plans = plans;
    this.#down = down;
    this.#held = held;
  }

  /** Binds them in all threads. @throws {ListenError} then nothing new is bound. */
  async bind(threads: Threads): Promise<void> {
    const bound = await threads.prepare(this.plans);
    if ("refused" in bound) throw ListenError.of(bound.refused);
    this.#addresses = bound.addresses;
    this.plans = withPorts(this.plans, bound.addresses);
  }

  /** Sets the addresses of the services, and logs which ones are down and which no longer. */
  record(services: readonly ServiceController[], log: Log): void {
    const bound = Map.groupBy(this.#addresses.keys(), (index) => this.plans[index]!.service);
    for (const service of services) {
      const { name } = service;
      const wasDown = service.isDown;
      service.isDown = this.#down.has(name);
      service.addresses = this.#down.get(name) ?? bound.get(name)!.map((index) => this.#addresses[index]!);
      if (service.isDown === wasDown) continue;
      if (wasDown) logListening(log, service);
      else log.info(`${name}: taken down by a fault`, { event: "service_down", service: name });
    }
  }

  /** Closes the listeners and connections of services that are down, once threads have the plans. */
  async cutDown({ all }: Threads): Promise<void> {
    await Promise.all(this.#down.keys().map((service) => all.cutService(service)));
  }

  /** Releases the reserved ports. */
  [Symbol.dispose](): void {
    this.#held.dispose();
  }
}

/** Logs where a service listens: port 0 is not in the configuration. */
export function logListening(log: Log, { name: service, addresses }: ServiceController): void {
  const listen = addresses.map(formatAddress);
  log.info(`${service}: listening on ${listen.join(", ")}`, {
    event: "listening",
    service,
    listen: listen.join(","),
  });
}

/** A real address, and whether it is bound. */
interface KnownAddress {
  readonly address: ListenAddress;
  readonly isBound: boolean;
}

/** The addresses of services so far. */
class KnownAddresses {
  /** By configured address; port 0 also by service. */
  readonly #real = new Map<string, KnownAddress[]>();
  readonly #all: readonly ListenAddress[];
  readonly #admin: ListenAddress | undefined;

  constructor(services: readonly ServiceController[], admin: ListenAddress | undefined) {
    this.#admin = admin;
    this.#all = services.filter(({ isDown }) => !isDown).flatMap(({ addresses }) => addresses);
    for (const { config, addresses, isDown } of services) {
      for (const [index, asked] of config.listen.entries()) {
        const known = { address: addresses[index]!, isBound: !isDown };
        this.#real.getOrInsertComputed(keyOf(config, asked), () => []).push(known);
      }
    }
  }

  /** @throws {ListenError} also when this program has the port on another address. */
  async reserve(address: TcpAddress): Promise<Reservation> {
    try {
      return await reserve(address);
    } catch (error) {
      if (!(error instanceof ListenError) || error.code !== "address_in_use") throw error;
      const own = this.#ownerOf(address.port);
      if (own === undefined) throw error;
      const message = `Cannot listen on ${formatAddress(address)}: ${own}`;
      throw ListenError.of({ message, code: error.code });
    }
  }

  #ownerOf(port: number): string | undefined {
    const hasPort = (each: ListenAddress | undefined) => each?.transport === "tcp" && each.port === port;
    const own = this.#all.find(hasPort);
    if (own !== undefined) {
      const remedy = "remove that address, reload, then add the new one and reload; or restart";
      return `this program listens on ${formatAddress(own)} (${remedy})`;
    }
    if (!hasPort(this.#admin)) return undefined;
    return `the admin interface listens on ${formatAddress(this.#admin!)} (admin.listen)`;
  }

  /** The known address, once; else the one that is asked for. What is bound is for a service that listens. */
  take(service: ServiceConfig, address: ListenAddress, isDown: boolean): KnownAddress {
    const known = this.#real.get(keyOf(service, address)) ?? [];
    const index = known.findIndex(({ isBound }) => isBound !== isDown);
    return known.splice(Math.max(0, index), 1)[0] ?? { address, isBound: false };
  }
}

function keyOf({ name }: ServiceConfig, address: ListenAddress): string {
  const isFree = address.transport === "tcp" && address.port === 0;
  return isFree ? `${formatAddress(address)} of ${name}` : formatAddress(address);
}
