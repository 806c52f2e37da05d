/** The memory that all threads share: counters, gauges for limits, and heartbeats. */

import type { Config } from "../../config/config.ts";
import { memoryTricks } from "../../net/workarounds/memory.ts";
import { Accounts, type AccountsSize } from "../../observe/counters/accounts.ts";
import { GaugeTable } from "../../shared/gauge.ts";
import { newConnectionNumbers } from "../../observe/counters/connection_record.ts";
import { Heartbeats } from "../../shared/heartbeat.ts";
import { WorkerEpoch } from "../../shared/worker_epoch.ts";
import { TurnCredits } from "../../upstream/balance/smooth_weighted_round_robin.ts";
import type { ThreadStart } from "../worker/thread_calls.ts";

/** Endpoints at the same time, including those that discovery adds. */
const MAX_ENDPOINTS = 4096;
/** Clients at the same time, per service with per-client limits. */
const MAX_CLIENTS = 65_536;
/** Services and groups that reloads can add, including removed ones with open connections. */
const MORE_SERVICES = 1024;

export class SharedMemory {
  readonly threads: number;
  /** The supervisor counts nothing with it, and ends the epochs of dead workers. */
  readonly epoch: WorkerEpoch;
  readonly accounts: Accounts;
  readonly gauges: GaugeTable;
  readonly heartbeats: Heartbeats;
  /** Clients of a service that can be counted. */
  readonly clients = MAX_CLIENTS;
  readonly credits: TurnCredits;
  readonly #numbers: SharedArrayBuffer;
  readonly #size: AccountsSize;

  constructor({ services, upstreams }: Config, threads: number) {
    this.threads = threads;
    this.#size = {
      services: services.length + MORE_SERVICES,
      upstreams: upstreams.length + MORE_SERVICES,
      endpoints: MAX_ENDPOINTS,
    };
    this.epoch = new WorkerEpoch({ threads });
    this.accounts = new Accounts(this.#size, this.epoch);
    // An endpoint has two: its clients, and all that is open there. One is for all services together.
    this.gauges = new GaugeTable(2 * MAX_ENDPOINTS + this.#size.services + 1, this.epoch);
    this.heartbeats = new Heartbeats(threads);
    this.credits = new TurnCredits(MAX_ENDPOINTS);
    this.#numbers = newConnectionNumbers(threads);
  }

  /** What a thread starts with. */
  startOf(thread: number): ThreadStart {
    return {
      epoch: this.epoch.startOf(thread),
      numbers: this.#numbers,
      credits: { endpoints: MAX_ENDPOINTS, memory: this.credits.memory },
      accounts: { size: this.#size, memory: this.accounts.memory },
      gauges: { slots: this.gauges.capacity, memory: this.gauges.memory },
      clients: this.clients,
      heartbeats: this.heartbeats.memory,
      memoryTricks: memoryTricks.areOn,
    };
  }
}
