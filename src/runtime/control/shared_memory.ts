/** The memory that all threads share: counters, gauges for limits, and heartbeats. */

import type { Config } from "../../config/config.ts";
import { memoryTricks } from "../../net/workarounds/memory.ts";
import { Accounts, type AccountsSize } from "../../observe/counters/accounts.ts";
import { GaugeTable } from "../../shared/gauge.ts";
import { newConnectionNumbers } from "../../observe/counters/open_connections.ts";
import { StuckEndpoints } from "../../shared/stuck_endpoint.ts";
import { TicketTable } from "../../shared/ticket_queue.ts";
import { WorkerEpoch } from "../../shared/worker_epoch.ts";
import { TurnCredits } from "../../upstream/balance/smooth_weighted_round_robin.ts";
import type { ThreadStart } from "../worker/thread_calls.ts";

/** Endpoints at the same time, including those that discovery adds. */
const MAX_ENDPOINTS = 4096;
/** Clients at the same time, per service with per-client limits. */
const MAX_CLIENTS = 65_536;
/** Services and groups that reloads can add, including removed ones with open connections. */
const MORE_SERVICES = 1024;

/** Room for what comes later, where a program needs more than is usual. */
export interface Room {
  /** Groups, including removed ones with open connections. */
  readonly groups: number;
  /** Endpoints of all groups. */
  readonly endpoints: number;
}

const USUAL_ROOM: Room = { groups: MORE_SERVICES, endpoints: MAX_ENDPOINTS };

export class SharedMemory {
  readonly threads: number;
  /** The supervisor counts nothing with it, and ends the epochs of dead workers. */
  readonly epoch: WorkerEpoch;
  readonly accounts: Accounts;
  readonly gauges: GaugeTable;
  /** Of the queues of groups, by their rows. */
  readonly tickets: TicketTable;
  /** A word for each thread. */
  readonly heartbeats: SharedArrayBuffer;
  /** Clients of a service that can be counted. */
  readonly clients = MAX_CLIENTS;
  readonly credits: TurnCredits;
  readonly stuck: StuckEndpoints;
  readonly #numbers: SharedArrayBuffer;
  readonly #size: AccountsSize;

  /** What random decisions of faults and filters follow from. */
  readonly seed: string;

  constructor({ services, upstreams, seed }: Config, threads: number, room = USUAL_ROOM) {
    this.threads = threads;
    this.seed = seed ?? String(crypto.getRandomValues(new Uint32Array(1))[0]);
    this.#size = {
      services: services.length + MORE_SERVICES,
      upstreams: upstreams.length + room.groups,
      endpoints: room.endpoints,
    };
    this.epoch = new WorkerEpoch({ threads });
    this.accounts = new Accounts(this.#size, this.epoch);
    const { services: ofServices, upstreams: queues } = this.#size;
    // An endpoint has two: its clients, and all that is open there. One is for all services together.
    this.gauges = new GaugeTable(2 * room.endpoints + ofServices + queues + 1, this.epoch);
    this.tickets = new TicketTable(queues, this.epoch);
    this.heartbeats = new SharedArrayBuffer(threads * Int32Array.BYTES_PER_ELEMENT);
    this.credits = new TurnCredits(room.endpoints);
    this.stuck = new StuckEndpoints(this.#size.upstreams);
    this.#numbers = newConnectionNumbers(threads);
  }

  /** Takes a dead worker out of gauges and queues; returns the gauges whose waiters must be woken. */
  reclaimWaiters(thread: number): number[] {
    this.tickets.reclaimWorker(thread);
    return this.gauges.reclaimWorker(thread);
  }

  /** What a thread starts with. */
  startOf(thread: number): ThreadStart {
    return {
      epoch: this.epoch.startOf(thread),
      numbers: this.#numbers,
      credits: { endpoints: this.#size.endpoints, memory: this.credits.memory },
      stuck: { groups: this.#size.upstreams, memory: this.stuck.memory },
      accounts: { size: this.#size, memory: this.accounts.memory },
      gauges: { slots: this.gauges.capacity, memory: this.gauges.memory },
      tickets: this.tickets.memory,
      clients: this.clients,
      seed: this.seed,
      heartbeats: this.heartbeats,
      memoryTricks: memoryTricks.areOn,
    };
  }
}
