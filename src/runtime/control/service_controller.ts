/** A service in the supervisor: its configuration, and its rows and slots in shared memory. */

import { isDeepStrictEqual } from "node:util";
import type { ServiceConfig } from "../../config/config.ts";
import type { ListenAddress } from "../../net/address.ts";
import { AccountsFullError, type ServiceCounts, type ServiceRow } from "../../observe/counters/accounts.ts";
import { ClientTable } from "../../shared/client_table.ts";
import type { Gauge } from "../../shared/gauge.ts";
import { type ServiceFigures, serviceFigures } from "../../observe/metrics/service_figures.ts";
import { RateLimit } from "../../shared/rate_limit.ts";
import { FaultList } from "./fault_list.ts";
import { haveFilters } from "../files/filter_modules.ts";
import type { SharedMemory } from "./shared_memory.ts";
import type { ServicePlan } from "../worker/thread_calls.ts";

/** As a reason, beside those of `CLOSE_REASONS`. */
const THREAD_DIED = "thread_died";

export class ServiceController {
  readonly #memory: SharedMemory;
  readonly #row: ServiceRow;
  readonly #gauge: Gauge;
  #config: ServiceConfig;
  #rate: RateLimit | undefined;
  #lost = 0;
  #clients: ClientTable | undefined;
  /** The addresses with real ports, in the order of the configuration. */
  addresses: readonly ListenAddress[] = [];
  /** A fault keeps it from listening. */
  isDown = false;
  readonly faults = new FaultList();

  /** @throws {AccountsFullError} when there is no room for another service. */
  constructor(config: ServiceConfig, memory: SharedMemory) {
    const row = memory.accounts.services.claim();
    const gauge = memory.gauges.claim();
    if (row === undefined || gauge === undefined) {
      row?.release();
      gauge?.release();
      throw new AccountsFullError("services");
    }
    this.#memory = memory;
    this.#row = row;
    this.#gauge = gauge;
    this.#config = config;
    this.#makeTables(undefined);
  }

  get config(): ServiceConfig {
    return this.#config;
  }

  set config(config: ServiceConfig) {
    const before = this.#config;
    this.#config = config;
    this.#makeTables(before);
  }

  get name(): string {
    return this.#config.name;
  }

  /** Without TLS. */
  get plan(): Omit<ServicePlan, "isSame" | "tls" | "upstreamTls"> {
    const { areEnabled, connections: { memory: connections }, plans } = this.faults;
    return {
      faults: areEnabled || haveFilters([{ config: this.#config }])
        ? { connections, faults: plans }
        : undefined,
      config: this.#config,
      addresses: this.addresses,
      row: this.#row.number,
      gauge: this.#gauge.slot,
      rate: this.#rate?.buffer,
      clients: this.#clients?.memory,
    };
  }

  figures(): ServiceFigures {
    return serviceFigures(this.name, this.counted());
  }

  /** Connections lost with a thread are closed: the thread that would have counted their end is gone. */
  counted(): ServiceCounts {
    const counted = this.#row.figures();
    if (this.#lost === 0) return counted;
    return { ...counted, closed: { ...counted.closed, [THREAD_DIED]: this.#lost } };
  }

  /** Takes the connections of a dead worker off the service's clients. @param lost How many there were. */
  reclaimWorker(thread: number, lost: number): void {
    this.#clients?.reclaimWorker(thread);
    this.#lost += lost;
  }

  /** Frees its row and gauge, once its last connection has ended. */
  release(): void {
    this.#row.release();
    this.#gauge.release();
  }

  /** Keeps the current counts, except those of a changed rate. */
  #makeTables(before: ServiceConfig | undefined): void {
    const { connectsPerSecond, connectionsPerClient, connectsPerSecondPerClient } = this.#config.limits;
    const isSameRate = isDeepStrictEqual(before?.limits.connectsPerSecond, connectsPerSecond);
    if (!isSameRate || before === undefined) {
      this.#rate = connectsPerSecond && new RateLimit(undefined, connectsPerSecond);
    }
    const countsClients = connectionsPerClient > 0 || connectsPerSecondPerClient !== undefined;
    if (!countsClients) this.#clients = undefined;
    else {
      this.#clients ??= new ClientTable(this.#memory.clients, {
        connections: connectionsPerClient,
        rate: connectsPerSecondPerClient,
      }, { epoch: this.#memory.epoch });
    }
  }
}
