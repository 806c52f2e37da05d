/**
 * The ledgers of a thread: one for all services of the same name, so that each connection stays counted over a reload.
 */

import type { ServiceLedger } from "../../observe/counters/ledger.ts";

export class ThreadLedgers {
  readonly #current = new Map<string, ServiceLedger>();
  /** Those of removed services, until their last connection has ended. */
  readonly #leaving = new Set<ServiceLedger>();

  /** The ledger of a service. @param make Makes it, if there is none. */
  of(service: string, make: () => ServiceLedger): ServiceLedger {
    return this.#current.getOrInsertComputed(service, make);
  }

  /** Drops those of services that are not in `services`. @param closed Resolves when their listeners are closed. */
  keep(services: { has(name: string): boolean }, closed: Promise<void>): void {
    for (const [name, ledger] of this.#current) {
      if (services.has(name)) continue;
      this.#current.delete(name);
      this.#leaving.add(ledger);
      void closed.then(() => ledger.drained()).then(() => this.#leaving.delete(ledger));
    }
  }

  /** Resolves when no connection is open. */
  async drained(): Promise<void> {
    await Promise.all([...this.#current.values(), ...this.#leaving].map((ledger) => ledger.drained()));
  }
}
