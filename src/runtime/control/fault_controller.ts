/** Adds, changes and removes faults while the proxy runs, in all threads. */

import type { FaultConfig } from "../../config/config.ts";
import { decodeFault } from "../../config/fault.ts";
import { FaultError, FaultsDisabledError } from "./fault_error.ts";
import type { FaultState } from "./fault_list.ts";
import type { Reloader } from "./reloader.ts";
import type { ServiceController } from "./service_controller.ts";
import type { Supervisor } from "./supervisor.ts";

/** Every promise resolves when all threads have applied the change, also to open connections. */
export class FaultController {
  readonly #supervisor: Supervisor;
  readonly #reloader: Pick<Reloader, "change" | "isStopped">;

  constructor(supervisor: Supervisor, reloader: Pick<Reloader, "change" | "isStopped">) {
    this.#supervisor = supervisor;
    this.#reloader = reloader;
  }

  /**
   * In the order in which they act.
   *
   * @throws {FaultError} when there is no such service.
   * @throws {FaultsDisabledError}
   */
  list(service: string): FaultState[] {
    return this.#find(service).faults.states;
  }

  /**
   * Adds a fault behind the others.
   *
   * @throws {FaultError} also when there is one of that name.
   * @throws {FaultsDisabledError}
   */
  async add(service: string, config: FaultConfig): Promise<void> {
    const found = this.#find(service);
    await this.#change(found, () => {
      if (found.faults.find(config.name) !== undefined) {
        throw new FaultError("fault_exists", `Service "${service}" has a fault "${config.name}" already`);
      }
      found.faults.add(config);
    });
  }

  /**
   * Replaces a fault in its place; its name and its counts stay.
   *
   * @throws {FaultError} also when there is no such fault.
   * @throws {FaultsDisabledError}
   * @throws {ListenError} when it no longer keeps the service down, and that cannot be bound: it stays down.
   */
  async update(service: string, name: string, config: FaultConfig): Promise<void> {
    const found = this.#find(service);
    await this.#change(found, () => {
      expectFault(found, name);
      found.faults.update(name, { ...config, name });
    });
  }

  /**
   * @throws {FaultError} also when there is no such fault.
   * @throws {FaultsDisabledError}
   * @throws {ListenError} as {@linkcode update}.
   */
  async remove(service: string, name: string): Promise<void> {
    const found = this.#find(service);
    await this.#change(found, () => {
      expectFault(found, name);
      found.faults.remove(name);
    });
  }

  /**
   * Takes a service down or up again: while it is down, it refuses clients and has no connections.
   *
   * @throws {FaultError} when there is no such service.
   * @throws {FaultsDisabledError}
   * @throws {ListenError} when it cannot be bound again: it stays down.
   */
  async setDown(service: string, isDown: boolean): Promise<void> {
    const found = this.#find(service);
    const { faults } = found;
    // What came before may take it down or up again.
    await this.#inTurn(async () => {
      if (faults.isDown === isDown) return;
      await this.#relisten(
        found,
        isDown
          ? () => faults.add(decodeFault({ type: "down" }, { taken: faults.names }))
          : () => faults.removeDown(),
      );
    });
  }

  /**
   * Listeners change between two reloads, all else at once.
   *
   * @param change Called again when it is its turn: others may have changed the faults meanwhile.
   */
  async #change(service: ServiceController, change: () => void): Promise<void> {
    const { faults } = service;
    const undo = faults.remember();
    const wasDown = faults.isDown;
    change();
    if (faults.isDown === wasDown) return await this.#apply(service);
    undo();
    await this.#inTurn(() => this.#relisten(service, change));
  }

  async #inTurn(change: () => Promise<void>): Promise<void> {
    try {
      await this.#reloader.change(change);
    } catch (error) {
      throw this.#reloader.isStopped ? new FaultError("proxy_stopped", "The proxy has stopped") : error;
    }
  }

  async #relisten({ faults }: ServiceController, change: () => void): Promise<void> {
    const undo = faults.remember();
    change();
    try {
      await this.#supervisor.relisten();
    } catch (error) {
      undo();
      throw error;
    }
  }

  async #apply({ name, faults }: ServiceController): Promise<void> {
    await this.#supervisor.parts.threads.all.setFaults(name, faults.plans);
  }

  #find(name: string): ServiceController {
    const { services } = this.#supervisor;
    const service = services.find((each) => each.name === name);
    if (service === undefined) throw new FaultError("no_such_service", `There is no service "${name}"`);
    if (!service.faults.areEnabled) throw new FaultsDisabledError(name);
    return service;
  }
}

function expectFault({ name, faults }: ServiceController, fault: string): void {
  if (faults.find(fault) === undefined) {
    throw new FaultError("no_such_fault", `Service "${name}" has no fault "${fault}"`);
  }
}
