/**
 * sluice for the tests of programs that run in Node.js: the proxy is a process of its own, and is driven over its API.
 */

import "./node20.ts";
import { randomUUID } from "node:crypto";
import type { SingleProxyOptions } from "../config/single_options.ts";
import type { FaultOptions, ProxyOptions } from "../config/options.ts";
import type { ProxyEvent } from "../observe/events/events.ts";
import type { FaultsView, ServiceView } from "../admin/views.ts";
import { DEFAULT_TIMEOUT, EventLog, type EventOf, type EventWait } from "../runtime/library/event_log.ts";
import { onlyService, serviceNamed } from "../runtime/library/named_services.ts";
import { type OpenConnection, OpenConnections } from "../runtime/library/open_connections.ts";
import { Api } from "./api.ts";
import { type Faults, Service, type SluiceService } from "./service.ts";
import { SluiceProcess } from "./process.ts";

export { WaitTimeoutError } from "../runtime/library/event_log.ts";
export type {
  EventOf,
  EventWait,
  FaultOptions,
  OpenConnection,
  ProxyEvent,
  ProxyOptions,
  SingleProxyOptions,
};
export { SluiceApiError } from "./api.ts";
export type { FaultView, ServiceView } from "../admin/views.ts";
export type { AddedFault, Faults, SluiceService } from "./service.ts";
export { StartError } from "./process.ts";

/** What a proxy is started with: the options of the library for Deno, but for filters, which are functions. */
export type SluiceOptions = (SingleProxyOptions | ProxyOptions) & {
  readonly admin?: undefined;
  readonly filter?: undefined;
};

/** A running proxy. */
export interface SluiceProxy extends AsyncDisposable {
  /** Those of its only service. */
  readonly address: string;
  readonly port: number;
  readonly faults: Faults;
  readonly services: readonly SluiceService[];
  /** What random decisions of faults follow from; errors of waits name it. */
  readonly seed: string;
  /** The process id of the program. */
  readonly pid: number;
  service(name: string): SluiceService;
  down(): Promise<void>;
  up(): Promise<void>;
  /** The open connections, in the order of acceptance. */
  connections(): readonly OpenConnection[];
  /** The next event of a type that no earlier call has returned; it may have happened already. */
  nextEvent<Type extends ProxyEvent["type"]>(type: Type, wait?: EventWait): Promise<EventOf<Type>>;
  /** Every event from this call on, until the proxy has stopped. */
  events(): AsyncIterableIterator<ProxyEvent>;
  /** Resolves when no connection is open. */
  settled(options?: { readonly timeout?: number }): Promise<void>;
  /** Closes what is open and ends the program. */
  stop(): Promise<void>;
}

/** How often {@linkcode SluiceProxy.settled} asks, in milliseconds. */
const ASK_EVERY = 10;

/**
 * Starts a proxy in a process of its own; `await using` or `stop()` ends it.
 *
 * @throws {StartError} with what the program said, such as what is wrong with the options.
 */
export async function startSluice(options: SluiceOptions): Promise<SluiceProxy> {
  const token = randomUUID();
  const program = await SluiceProcess.start({ ...options, admin: { listen: "127.0.0.1:0", token } });
  const api = new Api(program.ready.admin, token);
  try {
    await api.follow();
    const { seed } = await api.ask<FaultsView>("GET", "/faults");
    return new RunningSluice(program, api, seed);
  } catch (error) {
    await program.stop();
    throw error;
  }
}

class RunningSluice implements SluiceProxy {
  readonly #program: SluiceProcess;
  readonly #api: Api;
  readonly #log: EventLog;
  readonly #connections: OpenConnections;
  readonly services: readonly SluiceService[];

  readonly seed: string;

  constructor(program: SluiceProcess, api: Api, seed: string) {
    this.#program = program;
    this.#api = api;
    this.seed = seed;
    this.#log = new EventLog(api, seed);
    this.#connections = new OpenConnections(api, async (id, isReset) => {
      const answer = await api.ask<unknown>("DELETE", `/connections/${id}`, { reset: isReset }).catch(
        () => undefined,
      );
      return answer !== undefined;
    });
    this.services = program.ready.services.map((service) => new Service(api, service));
    void program.ended.then(() => this.#close());
  }

  get address(): string {
    return onlyService(this.services).address;
  }

  get port(): number {
    return onlyService(this.services).port;
  }

  get faults(): Faults {
    return onlyService(this.services).faults;
  }

  get pid(): number {
    return this.#program.ready.pid;
  }

  service(name: string): SluiceService {
    return serviceNamed(this.services, name);
  }

  async down(): Promise<void> {
    await onlyService(this.services).down();
  }

  async up(): Promise<void> {
    await onlyService(this.services).up();
  }

  connections(): readonly OpenConnection[] {
    return this.#connections.list();
  }

  nextEvent<Type extends ProxyEvent["type"]>(type: Type, wait?: EventWait): Promise<EventOf<Type>> {
    return this.#log.next(type, wait);
  }

  events(): AsyncIterableIterator<ProxyEvent> {
    return this.#log.all();
  }

  async settled({ timeout = DEFAULT_TIMEOUT }: { readonly timeout?: number } = {}): Promise<void> {
    const until = Date.now() + timeout;
    for (;;) {
      const services = await this.#api.ask<readonly ServiceView[]>("GET", "/services");
      const open = services.reduce((sum, { connections }) => sum + connections.active, 0);
      if (open === 0 && this.#connections.list().length === 0) return;
      if (Date.now() >= until) {
        throw this.#log.failure(`${open} connections are still open after ${timeout} ms`);
      }
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY));
    }
  }

  async stop(): Promise<void> {
    await this.#program.stop();
    this.#close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #close(): void {
    this.#log.close();
    this.#connections.close();
    this.#api.close();
  }
}
