/** The faults of a service in the supervisor: those of the configuration, then those that were added since. */

import { isDeepStrictEqual } from "node:util";
import type { FaultConfig } from "../../config/config.ts";
import { kindOf } from "../../faults/registry.ts";
import type { FaultPlan } from "../../proxy/faults.ts";
import { SharedCounter } from "../../shared/shared_counter.ts";

/** A fault, and how it has done so far. */
export interface FaultState {
  /** Unique among all faults the service ever had. */
  readonly id: number;
  readonly config: FaultConfig;
  /** Whether the configuration has it: a reload brings it back as it is there. */
  readonly isConfigured: boolean;
  /** On how many connections it has acted. */
  readonly applied: number;
}

interface Entry {
  readonly plan: FaultPlan;
  readonly isConfigured: boolean;
}

export class FaultList {
  /** How many connections the service has had, in all threads. */
  readonly connections = new SharedCounter();
  /** Whether the configuration permits faults; those that were added go when it no longer does. */
  areEnabled = false;
  #entries: readonly Entry[] = [];
  #lastVersion = 0;

  /** In the order in which they act. */
  get plans(): FaultPlan[] {
    return this.#entries.map(({ plan }) => plan);
  }

  get states(): FaultState[] {
    return this.#entries.map(({ plan: { id, config, applied }, isConfigured }) => ({
      id,
      config,
      isConfigured,
      applied: new SharedCounter(applied).value,
    }));
  }

  /** Whether one of them takes the service down. */
  get isDown(): boolean {
    return isDown(this.#entries.map(({ plan }) => plan.config));
  }

  get names(): string[] {
    return this.#entries.map(({ plan }) => plan.config.name);
  }

  find(name: string): FaultConfig | undefined {
    return this.#entries.find(({ plan }) => plan.config.name === name)?.plan.config;
  }

  /** Whether the service will be down after {@linkcode configure}. */
  willBeDown(configured: readonly FaultConfig[], areEnabled: boolean): boolean {
    const added = areEnabled ? this.#addedBeside(configured) : [];
    return isDown([...configured, ...added.map(({ plan }) => plan.config)]);
  }

  /**
   * Replaces the configured ones. Those that were added stay, but for one whose name the configuration has now. A fault
   * of the same name goes on with its counts.
   */
  configure(configured: readonly FaultConfig[], areEnabled: boolean): void {
    const added = areEnabled ? this.#addedBeside(configured) : [];
    this.areEnabled = areEnabled;
    this.#entries = [...configured.map((config) => this.#entryOf(config, true)), ...added];
  }

  /** Adds one behind the others. Its name must be new. */
  add(config: FaultConfig): void {
    this.#entries = [...this.#entries, this.#entryOf(config, false)];
  }

  /** Replaces one in its place. It goes on with its counts. */
  update(name: string, config: FaultConfig): void {
    this.#entries = this.#entries.map((entry) => {
      if (entry.plan.config.name !== name) return entry;
      return { ...entry, plan: { ...entry.plan, config, version: this.#lastVersion += 1 } };
    });
  }

  remove(name: string): void {
    this.#entries = this.#entries.filter(({ plan }) => plan.config.name !== name);
  }

  /** Removes those that take the service down. */
  removeDown(): void {
    this.#entries = this.#entries.filter(({ plan }) => !isDown([plan.config]));
  }

  /** The result undoes what later changes did to faults that take the service down. Other changes stay. */
  remember(): () => void {
    const before = this.#entries;
    return () => {
      const others = this.#entries.filter((entry) => !canBeDown(entry.plan.config));
      const known = before.flatMap((entry) =>
        canBeDown(entry.plan.config) ? [entry] : others.filter(({ plan }) => plan.id === entry.plan.id)
      );
      this.#entries = [...known, ...others.filter((entry) => !known.includes(entry))];
    };
  }

  #addedBeside(configured: readonly FaultConfig[]): Entry[] {
    return this.#entries.filter(({ plan, isConfigured }) =>
      !isConfigured && !configured.some(({ name }) => name === plan.config.name)
    );
  }

  #entryOf(config: FaultConfig, isConfigured: boolean): Entry {
    const plan = this.#entries.find((each) => each.plan.config.name === config.name)?.plan;
    if (plan !== undefined && isDeepStrictEqual(plan.config, config)) return { plan, isConfigured };
    const version = this.#lastVersion += 1;
    const counts = plan ??
      { id: version, addedAt: this.connections.value, applied: new SharedCounter().memory };
    return { plan: { ...counts, config, version }, isConfigured };
  }
}

function isDown(faults: readonly FaultConfig[]): boolean {
  return faults.some((fault) => fault.isEnabled && canBeDown(fault));
}

/** Whether it takes its service down while it is enabled. */
export function canBeDown({ type }: FaultConfig): boolean {
  return kindOf(type).isDown === true;
}
