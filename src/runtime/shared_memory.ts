/** What all threads share: the accounts, and the gauges that limits go by. */

import type { Config } from "../config/config.ts";
import { Accounts, type AccountsSize } from "../observe/accounts.ts";
import { GaugeTable } from "../observe/gauge.ts";
import { LifeSigns } from "../observe/sign_of_life.ts";
import type { ThreadStart } from "./thread_calls.ts";

/** Endpoints that connections can be counted for, those that come and go in DNS included. */
const MAX_ENDPOINTS = 4096;
/** Services and groups that reloads can add, with those that still have connections. */
const MORE_SERVICES = 1024;

export class SharedMemory {
  readonly accounts: Accounts;
  readonly gauges: GaugeTable;
  readonly signs: LifeSigns;
  readonly threads: number;
  readonly #size: AccountsSize;

  constructor({ services, upstreams }: Config, threads: number) {
    this.threads = threads;
    this.#size = {
      services: services.length + MORE_SERVICES,
      upstreams: upstreams.length + MORE_SERVICES,
      endpoints: MAX_ENDPOINTS,
      threads,
    };
    this.accounts = new Accounts(this.#size);
    // An endpoint has two: its clients, and all that is open there. One is for all services together.
    const slots = 2 * MAX_ENDPOINTS + this.#size.services + 1;
    this.gauges = new GaugeTable({ slots, threads });
    this.signs = new LifeSigns(threads);
  }

  /** What a thread begins with. @param incarnation How often it was started before. */
  startOf(thread: number, incarnation: number): ThreadStart {
    return {
      thread,
      incarnation,
      accounts: { size: this.#size, memory: this.accounts.memory },
      gauges: { size: this.gauges.size, memory: this.gauges.buffer },
      signs: this.signs.buffer,
    };
  }

  /** The accounts as a thread that has died would keep them on. */
  accountsOf(thread: number): Accounts {
    return new Accounts(this.#size, thread, this.accounts.memory);
  }
}
