/** The counters and gauges of one thread in shared memory. */

import { Accounts, type UpstreamRow } from "../../observe/counters/accounts.ts";
import { ClientTable } from "../../shared/client_table.ts";
import { EventLoopDelay } from "../../observe/metrics/event_loop_delay.ts";
import { GaugeTable } from "../../shared/gauge.ts";
import { ServiceLedger } from "../../observe/counters/ledger.ts";
import { OpenConnections } from "../../observe/counters/open_connections.ts";
import { RateLimit } from "../../shared/rate_limit.ts";
import { Heartbeat } from "../../shared/heartbeat.ts";
import { type StuckEndpoint, StuckEndpoints } from "../../shared/stuck_endpoint.ts";
import { TicketTable } from "../../shared/ticket_queue.ts";
import { WakeUps } from "../../shared/wake_ups.ts";
import { WorkerEpoch } from "../../shared/worker_epoch.ts";
import { type AdmissionParts, CountLimit } from "../../proxy/admission.ts";
import { ServiceFaults } from "../../proxy/faults.ts";
import type { EndpointAccounts, EndpointRecord } from "../../upstream/endpoint.ts";
import { TurnCredits } from "../../upstream/balance/smooth_weighted_round_robin.ts";
import type { QueueAccounts } from "../../upstream/waiting/place_queue.ts";
import type { GroupPlan, ServicePlan, ThreadPlan, ThreadStart } from "./thread_calls.ts";

export class ThreadAccounts implements Disposable {
  readonly connections: OpenConnections;
  readonly credits: TurnCredits;
  readonly wakeUps: WakeUps;
  readonly #epoch: WorkerEpoch;
  readonly #maxClients: number;
  readonly #accounts: Accounts;
  readonly #seed: string;
  readonly #gauges: GaugeTable;
  readonly #tickets: TicketTable;
  readonly #stuck: StuckEndpoints;
  readonly #limits = new Map<number, CountLimit>();
  readonly #vitals = new DisposableStack();

  /** @param onFreed This thread left a place in a gauge that another thread may wait for. */
  constructor(start: ThreadStart, onFreed: (gauge: number) => void) {
    const { accounts, gauges, heartbeats, credits, numbers } = start;
    const epoch = this.#epoch = new WorkerEpoch(start.epoch);
    this.#maxClients = start.clients;
    this.#seed = start.seed;
    this.#accounts = new Accounts(accounts.size, epoch, accounts.memory);
    this.#gauges = new GaugeTable(gauges.slots, epoch, gauges.memory);
    this.#tickets = new TicketTable(accounts.size.upstreams, epoch, start.tickets);
    this.connections = new OpenConnections({ thread: epoch.thread, threads: epoch.threads, memory: numbers });
    this.#stuck = new StuckEndpoints(start.stuck.groups, start.stuck.memory);
    this.credits = new TurnCredits(credits.endpoints, credits.memory);
    this.wakeUps = new WakeUps(onFreed);
    this.#vitals.use(new EventLoopDelay(this.#accounts.program.cells.eventLoopDelay));
    this.#vitals.use(new Heartbeat(heartbeats, epoch.thread));
  }

  /** The number of threads. */
  get threads(): number {
    return this.#epoch.threads;
  }

  /** This thread's share of a number for all threads. */
  shareOf(whole: number): number {
    const { thread, threads } = this.#epoch;
    return Math.floor(whole / threads) + (thread < whole % threads ? 1 : 0);
  }

  /** Where the new clients of a group go, by the group's row. */
  stuckAt(row: number): StuckEndpoint {
    return this.#stuck.at(row);
  }

  upstreamRow(row: number): UpstreamRow {
    return this.#accounts.upstreams.at(row);
  }

  /** The queue of a group. */
  queue({ row, queue }: GroupPlan): QueueAccounts | undefined {
    if (queue === undefined) return undefined;
    return { waiting: this.#gauges.at(queue), tickets: this.#tickets.at(row), wakeUps: this.wakeUps };
  }

  /** Undefined for an endpoint that was just removed: `setEndpoints` is on its way. */
  endpoint({ id, clients, open }: EndpointRecord): EndpointAccounts | undefined {
    const row = this.#accounts.endpoints.find(id);
    return row && {
      row,
      clients: this.#gauges.at(clients),
      open: this.#gauges.at(open),
      wakeUps: this.wakeUps,
    };
  }

  ledger({ config: { name }, row }: ServicePlan): ServiceLedger {
    return new ServiceLedger(name, { row: this.#accounts.services.at(row), connections: this.connections });
  }

  faults({ config: { name }, faults }: ServicePlan): ServiceFaults {
    return new ServiceFaults(name, this.#seed, faults!.connections);
  }

  /** @param all The gauge and the limit for the connections of all services. */
  admission({ config, gauge, rate, clients }: ServicePlan, all: ThreadPlan["all"]): AdmissionParts {
    const { connections, connectsPerSecond, connectionsPerClient, connectsPerSecondPerClient } =
      config.limits;
    return {
      own: this.#limitOf(gauge, connections),
      all: this.#limitOf(all.gauge, all.limit),
      rate: rate && connectsPerSecond && new RateLimit(rate, connectsPerSecond),
      clients: clients && new ClientTable(
        this.#maxClients,
        { connections: connectionsPerClient, rate: connectsPerSecondPerClient },
        { memory: clients, epoch: this.#epoch },
      ),
    };
  }

  /** The limit of all services together, which also applies to unchanged services. */
  setLimit({ gauge, limit }: ThreadPlan["all"]): void {
    this.#limitOf(gauge, limit);
  }

  /** One for each gauge: clients that wait since before a reload get the new limit. */
  #limitOf(gauge: number, limit: number): CountLimit {
    const known = this.#limits.get(gauge);
    if (known?.isClaimed === true) {
      known.limit = limit;
      return known;
    }
    const made = new CountLimit(this.#gauges.at(gauge), limit, this.wakeUps);
    this.#limits.set(gauge, made);
    return made;
  }

  /** Stops the timers. */
  [Symbol.dispose](): void {
    this.#vitals.dispose();
  }
}
