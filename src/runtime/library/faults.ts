/** The faults of a service, as a program adds and removes them. */

import type { FaultConfig } from "../../config/config.ts";
import { changeFault, decodeFault, encodeFault } from "../../config/fault.ts";
import type { FaultOptions } from "../../config/options.ts";
import type { FaultController } from "../control/fault_controller.ts";
import { FaultError } from "../control/fault_error.ts";
import type { FaultState } from "../control/fault_list.ts";

/**
 * What changes of a fault: all keys but its type and its name. A key that is `null` is as if it was left out.
 *
 * @example Make a latency longer
 * ```ts
 * import { type FaultChanges, startProxy } from "@sluice/sluice";
 *
 * await using proxy = await startProxy({ upstream: "127.0.0.1:5432" });
 * await using slow = await proxy.faults.add({ type: "latency", latency: 100 });
 * const longer: FaultChanges = { latency: 200 };
 * await slow.update(longer);
 * ```
 */
export type FaultChanges = {
  [Type in FaultOptions["type"]]: {
    readonly [Key in Exclude<keyof Extract<FaultOptions, { readonly type: Type }>, "type" | "name">]?:
      | Extract<FaultOptions, { readonly type: Type }>[Key]
      | null;
  };
}[FaultOptions["type"]];

/**
 * A fault that was added. `using` and `await using` remove it; only the latter waits until all threads have done so.
 *
 * @example A fault that is gone at the end of the block
 * ```ts
 * import { type AddedFault, startProxy } from "@sluice/sluice";
 *
 * await using proxy = await startProxy({ upstream: "127.0.0.1:5432" });
 * {
 *   using slow: AddedFault = await proxy.faults.add({ type: "latency", latency: 200, jitter: 50 });
 *   console.log(slow.name); // latency_download
 * }
 * console.log(proxy.faults.list()); // []
 * ```
 */
export interface AddedFault extends Disposable, AsyncDisposable {
  /** As logs, events and metrics show it. */
  readonly name: string;
  /** On how many connections it has acted. */
  readonly applied: number;
  /**
   * Changes it, also on open connections; resolves when all threads have done so.
   *
   * @throws {ConfigError} when a change is wrong.
   * @throws {FaultError} when it was removed.
   */
  update(changes: FaultChanges): Promise<void>;
  /** Removes it, also from open connections; resolves when all threads have done so. May be called twice. */
  remove(): Promise<void>;
}

/**
 * The faults of a service. Changes apply to open connections too, and lose no byte that should pass.
 *
 * @example Every third connection is reset after 100 bytes
 * ```ts
 * import { type Faults, startProxy } from "@sluice/sluice";
 *
 * await using proxy = await startProxy({ upstream: "127.0.0.1:5432" });
 * const faults: Faults = proxy.faults;
 * await faults.add({ type: "reset_peer", every: 3, afterBytes: 100, direction: "download" });
 * ```
 */
export interface Faults {
  /**
   * Adds a fault behind the others; resolves when all threads have done so.
   *
   * @throws {ConfigError} when an option is wrong.
   * @throws {FaultsDisabledError} when the proxy was started with `faults: false`.
   */
  add(options: FaultOptions): Promise<AddedFault>;
  /** All of them, in the order in which they act. */
  list(): FaultInfo[];
  /**
   * Removes the fault of this name, also one of the configuration.
   *
   * @throws {FaultError} when there is none.
   */
  remove(name: string): Promise<void>;
}

/**
 * A fault as it is now.
 *
 * @example
 * ```ts
 * import { type FaultInfo, startProxy } from "@sluice/sluice";
 *
 * await using proxy = await startProxy({ upstream: "127.0.0.1:5432" });
 * await proxy.faults.add({ type: "refuse", first: 3 });
 * const [refuse]: FaultInfo[] = proxy.faults.list();
 * console.log(refuse!.name, refuse!.applied); // refuse 0
 * ```
 */
export interface FaultInfo {
  /** As logs, events and metrics show it. */
  readonly name: string;
  /** On how many connections it has acted. */
  readonly applied: number;
  /** All its options as a file has them. */
  readonly options: Readonly<Record<string, unknown>>;
}

export class ProgramFaults implements Faults {
  readonly #controller: FaultController;
  readonly #service: string;

  constructor(controller: FaultController, service: string) {
    this.#controller = controller;
    this.#service = service;
  }

  async add(options: FaultOptions): Promise<AddedFault> {
    const taken = this.#states.map(({ config }) => config.name);
    const config = decodeFault(options, { taken });
    await this.#controller.add(this.#service, config);
    return new Added(this, config, this.#states.find(({ config: { name } }) => name === config.name)?.id);
  }

  /** The fault with this id, unless it was removed: by its handle, by its name, or by a reload. */
  find(id: number | undefined): FaultState | undefined {
    return this.#states.find((state) => state.id === id);
  }

  list(): FaultInfo[] {
    return this.#states.map(({ config, applied }) => ({
      name: config.name,
      applied,
      options: encodeFault(config),
    }));
  }

  async remove(name: string): Promise<void> {
    await this.#controller.remove(this.#service, name);
  }

  async update(before: FaultConfig, changes: FaultChanges): Promise<FaultConfig> {
    const after = changeFault(before, changes);
    await this.#controller.update(this.#service, before.name, after);
    return after;
  }

  get #states() {
    return this.#controller.list(this.#service);
  }
}

class Added implements AddedFault {
  readonly #faults: ProgramFaults;
  /** Another fault may have its name once it was removed. */
  readonly #id: number | undefined;
  #config: FaultConfig;
  #applied = 0;
  #removed: Promise<void> | undefined;

  constructor(faults: ProgramFaults, config: FaultConfig, id: number | undefined) {
    this.#faults = faults;
    this.#config = config;
    this.#id = id;
  }

  get name(): string {
    return this.#config.name;
  }

  get applied(): number {
    return this.#applied = this.#faults.find(this.#id)?.applied ?? this.#applied;
  }

  async update(changes: FaultChanges): Promise<void> {
    if (this.#faults.find(this.#id) === undefined) {
      throw new FaultError("no_such_fault", `The fault "${this.name}" was removed`);
    }
    this.#config = await this.#faults.update(this.#config, changes);
  }

  remove(): Promise<void> {
    return this.#removed ??= this.#remove();
  }

  [Symbol.dispose](): void {
    void this.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }

  async #remove(): Promise<void> {
    const found = this.#faults.find(this.#id);
    if (found === undefined) return;
    this.#applied = found.applied;
    await this.#faults.remove(this.name).catch((error) => {
      if (!(error instanceof FaultError)) throw error;
    });
  }
}
