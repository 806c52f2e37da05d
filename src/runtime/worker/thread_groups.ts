/** The groups of a thread, and those of a plan that is not in effect yet. */

import type { GroupConfig } from "../../config/config.ts";
import { type Steps, stepThrough } from "../../config/input/steps.ts";
import type { OwnListeners } from "../../net/socket/own_listeners.ts";
import { Group } from "../../upstream/group.ts";
import type { GroupOwner } from "../../upstream/group_parts.ts";
import type { ThreadAccounts } from "./thread_accounts.ts";
import type { GroupPlan } from "./thread_calls.ts";

export class ThreadGroups {
  readonly #accounts: ThreadAccounts;
  readonly #owner: GroupOwner;
  readonly #ownListeners: OwnListeners | undefined;
  readonly #all = new Map<string, Group>();
  /** What is left of the plan: new groups, and those that have changed. */
  readonly #left = new Map<string, GroupPlan>();
  /** Groups in the plan whose endpoints are older than those that came meanwhile. */
  readonly #outdated = new Set<string>();
  /** What groups of the plan will have, by name. */
  readonly planned = new Map<string, GroupConfig>();

  constructor(accounts: ThreadAccounts, owner: GroupOwner, ownListeners?: OwnListeners) {
    this.#accounts = accounts;
    this.#owner = owner;
    this.#ownListeners = ownListeners;
  }

  get all(): ReadonlyMap<string, Group> {
    return this.#all;
  }

  /** Takes over a plan, which {@linkcode make} and {@linkcode set} put into effect. */
  plan(plans: readonly GroupPlan[]): void {
    this.#left.clear();
    this.#outdated.clear();
    this.planned.clear();
    for (const plan of plans) {
      const { name } = plan.config;
      this.planned.set(name, this.#withOwnShare(plan.config));
      if (!plan.isSame || !this.#all.has(name)) this.#left.set(name, plan);
    }
  }

  /** Makes new groups, and changes others, one per step, but not `later`: groups of services that change with them. */
  *make(later: ReadonlySet<string>): Steps<void> {
    yield* stepThrough(this.#left, ([name, plan]) => {
      if (!this.#all.has(name) || !later.has(name)) this.#set(plan);
    });
  }

  /** Changes the rest. The program may listen elsewhere from now on. */
  set(): void {
    for (const plan of this.#left.values()) this.#set(plan);
    for (const group of this.#all.values()) group.findOwn();
  }

  /** Drops all but these. They stay until the listeners of their services are closed: pending clients are still served. */
  keep(plans: readonly GroupPlan[], closed: Promise<void>): void {
    const names = new Set(plans.map(({ config }) => config.name));
    for (const [name, group] of this.#all) {
      if (names.has(name)) continue;
      this.#all.delete(name);
      void closed.then(() => group.retire());
    }
  }

  /** The group that a message is for, which is later than the plan. */
  find(name: string): Group | undefined {
    const plan = this.#left.get(name);
    if (plan !== undefined && !this.#all.has(name)) this.#set(plan);
    else if (plan !== undefined) this.#outdated.add(name);
    return this.#all.get(name);
  }

  #set(plan: GroupPlan): void {
    const { config: { name }, row, endpoints } = plan;
    const config = this.planned.get(name)!;
    const group = this.#all.get(name) ?? new Group(config, {
      row: this.#accounts.upstreamRow(row),
      accountsOf: (record) => this.#accounts.endpoint(record),
      credits: this.#accounts.credits,
      stuck: this.#accounts.stuckAt(row),
      owner: this.#owner,
      ...this.#ownListeners === undefined ? {} : { ownListeners: this.#ownListeners },
    });
    group.config = config;
    group.waits.open(this.#accounts.queue(plan));
    if (!this.#outdated.has(name)) group.setEndpoints(endpoints);
    this.#all.set(name, group);
    this.#left.delete(name);
  }

  /** `max_idle` is for all threads together: each keeps its share ready. */
  #withOwnShare(config: GroupConfig): GroupConfig {
    const { pool } = config;
    return pool === undefined
      ? config
      : { ...config, pool: { ...pool, maxIdle: this.#accounts.shareOf(pool.maxIdle) } };
  }
}
