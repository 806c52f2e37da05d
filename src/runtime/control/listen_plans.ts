/** Plans the addresses that threads bind for a configuration. */

import type { Config, ServiceConfig } from "../../config/config.ts";
import { type Address, formatAddress, overlaps, type TcpAddress } from "../../net/address.ts";
import { adapterFor } from "../../net/socket/conn.ts";
import { ListenError } from "../../net/socket/listen_error.ts";
import { canShare, type Reservation, reserve } from "../../net/socket/reserve.ts";
import { tlsListenOptions } from "../../proxy/tls_termination.ts";
import type { ServiceController } from "./service_controller.ts";
import type { ListenPlan } from "../worker/thread_calls.ts";
import type { Threads } from "./threads.ts";
import type { LoadedFiles } from "../files/tls_files.ts";

/**
 * Plans for all addresses of a configuration. Its ports are reserved until the result is disposed of. An address that
 * is bound already is planned as it is; port 0 keeps the port that was found.
 *
 * @param before The current services with their addresses.
 * @throws {ListenError} when an address is in use.
 */
export async function planListeners(
  config: Config,
  files: LoadedFiles,
  before: readonly ServiceController[],
): Promise<Listening> {
  const known = new KnownAddresses(before, config.admin?.listen);
  const plans: ListenPlan[] = [];
  using held = new DisposableStack();
  for (const service of config.services) {
    const tls = tlsListenOptions(service.tls, files.get(service.name)?.tls);
    for (const asked of service.listen) {
      const isShared = canShare() && asked.transport === "tcp";
      const address = known.take(service, asked) ??
        (isShared ? held.use(await known.reserve(asked)).address : asked);
      refuseOverlap(plans, address, asked);
      plans.push({
        service: service.name,
        address,
        adapter: adapterFor(service),
        tls,
        unixMode: service.unixMode,
        shared: isShared,
      });
    }
  }
  return new Listening(plans, held.move());
}

/** The kernel does not refuse this when threads share addresses: it would spread the clients over both services. */
function refuseOverlap(plans: readonly ListenPlan[], address: Address, asked: Address): void {
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
  readonly plans: readonly ListenPlan[];
  readonly #held: DisposableStack;
  #addresses: readonly Address[] = [];

  constructor(plans: readonly ListenPlan[], held: DisposableStack) {
    this.plans = plans;
    this.#held = held;
  }

  /** Binds them in all threads. @throws {ListenError} then nothing new is bound. */
  async bind(threads: Threads): Promise<void> {
    const bound = await threads.prepare(this.plans);
    if ("refused" in bound) throw ListenError.of(bound.refused);
    this.#addresses = bound.addresses;
  }

  /** Sets the bound addresses in the services. */
  record(services: ReadonlyMap<string, ServiceController>): void {
    const addresses = Map.groupBy(this.#addresses.keys(), (index) => this.plans[index]!.service);
    for (const [name, indices] of addresses) {
      services.get(name)!.addresses = indices.map((index) => this.#addresses[index]!);
    }
  }

  /** Releases the reserved ports. */
  [Symbol.dispose](): void {
    this.#held.dispose();
  }
}

/** The addresses that are bound already. */
class KnownAddresses {
  /** By configured address; port 0 also by service. */
  readonly #real = new Map<string, Address[]>();
  readonly #all: readonly Address[];
  readonly #admin: Address | undefined;

  constructor(services: readonly ServiceController[], admin: Address | undefined) {
    this.#admin = admin;
    this.#all = services.flatMap(({ addresses }) => addresses);
    for (const { config, addresses } of services) {
      for (const [index, address] of config.listen.entries()) {
        this.#real.getOrInsertComputed(keyOf(config, address), () => []).push(addresses[index]!);
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
      throw ListenError.of({
        message: `Cannot listen on ${formatAddress(address)}: ${own}`,
        code: error.code,
      });
    }
  }

  #ownerOf(port: number): string | undefined {
    const hasPort = (each: Address | undefined) => each?.transport === "tcp" && each.port === port;
    const own = this.#all.find(hasPort);
    if (own !== undefined) {
      return `this program listens on ${
        formatAddress(own)
      } (remove that address, reload, then add the new one and reload; or restart)`;
    }
    return hasPort(this.#admin)
      ? `the admin interface listens on ${formatAddress(this.#admin!)} (admin.listen)`
      : undefined;
  }

  /** The bound address, once. */
  take(service: ServiceConfig, address: Address): Address | undefined {
    return this.#real.get(keyOf(service, address))?.shift();
  }
}

function keyOf({ name }: ServiceConfig, address: Address): string {
  const isFree = address.transport === "tcp" && address.port === 0;
  return isFree ? `${formatAddress(address)} of ${name}` : formatAddress(address);
}
