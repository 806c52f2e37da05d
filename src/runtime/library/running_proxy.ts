/** A running proxy as a program sees it. */

import type { ReloadOutcome } from "../../admin/backend.ts";
import type { ServiceFigures } from "../../observe/metrics/service_figures.ts";
import type { ProxyEvent } from "../../observe/events/events.ts";
import type { UpstreamFigures } from "../../observe/metrics/upstream_figures.ts";
import { sleep } from "../../net/timers/sleep.ts";
import type { FaultController } from "../control/fault_controller.ts";
import type { StopOptions, StopReport } from "../control/shutdown.ts";
import type { BoundService, Proxy } from "../proxy.ts";
import { DEFAULT_TIMEOUT, EventLog, type EventOf, type EventWait } from "./event_log.ts";
import { type Faults, ProgramFaults } from "./faults.ts";
import { onlyService, portOf, serviceNamed } from "./named_services.ts";
import { type OpenConnection, OpenConnections } from "./open_connections.ts";

/**
 * A service that listens.
 *
 * @example Connect to one of two services
 * ```ts
 * import { type RunningService, startProxy } from "@sluice/sluice";
 *
 * await using proxy = await startProxy({
 *   services: [
 *     { name: "pg", listen: 0, upstream: "127.0.0.1:5432" },
 *     { name: "redis", listen: 0, upstream: "127.0.0.1:6379" },
 *   ],
 * });
 * const pg: RunningService = proxy.service("pg");
 * console.log(pg.address, pg.port); // 127.0.0.1:40123 40123
 * ```
 */
export interface RunningService {
  /** Its name in the configuration. */
  readonly name: string;
  /** As in a configuration, with the real ports: `127.0.0.1:40123`, `[::1]:5000`, `unix:/run/x.sock`. */
  readonly listen: readonly string[];
  /** The first of these. */
  readonly address: string;
  /** The port of the first that has one. @throws {TypeError} when it listens on unix sockets only. */
  readonly port: number;
  /** What goes wrong on its connections on purpose. */
  readonly faults: Faults;
  /** What it has counted. */
  figures(): ServiceFigures;
  /** Refuses clients and cuts open connections, until {@linkcode up}; other services go on. */
  down(): Promise<void>;
  /** Listens again, on the same port. @throws {ListenError} when another program has the port by now. */
  up(): Promise<void>;
}

/**
 * A running proxy. `await using` stops it, closing what is open, without a drain.
 *
 * @example Stop when the last connection has ended, after a minute at most
 * ```ts
 * import { type RunningProxy, startProxy } from "@sluice/sluice";
 *
 * const proxy: RunningProxy = await startProxy({ upstream: "127.0.0.1:5432" });
 * const { cut } = await proxy.stop({ drain: 60_000 });
 * console.log(cut); // 0
 * ```
 */
export interface RunningProxy extends AsyncDisposable {
  /** The address of its only service. @throws {TypeError} when it has several. */
  readonly address: string;
  /** The port of its only service. @throws {TypeError} when it has several, or listens on a unix socket. */
  readonly port: number;
  /** What goes wrong on connections of its only service. @throws {TypeError} when it has several. */
  readonly faults: Faults;
  /** Its services, in the order of the configuration. */
  readonly services: readonly RunningService[];
  /** The address of the admin interface, if there is one. */
  readonly admin: string | undefined;
  /** What random decisions of faults follow from: the `seed` of the options, else `SLUICE_SEED`, else a random one. */
  readonly seed: string;
  /** Resolves when it has stopped, for whatever cause. */
  readonly stopped: Promise<StopReport>;
  /** The service of this name. @throws {TypeError} when there is none. */
  service(name: string): RunningService;
  /** Refuses clients and cuts open connections of its only service, until {@linkcode up}. */
  down(): Promise<void>;
  /** Listens again, on the same port. @throws {ListenError} when another program has the port by now. */
  up(): Promise<void>;
  /** The figures of every service, now. */
  figures(): ServiceFigures[];
  /** The figures of every upstream group, now. */
  upstreams(): UpstreamFigures[];
  /** The open connections, in the order of acceptance. */
  connections(): readonly OpenConnection[];
  /**
   * The next event of a type: the first that happened since the start and that no earlier call has returned, or the
   * one that comes.
   *
   * @throws {WaitTimeoutError} when none comes within `wait.timeout`, 5000 ms by default.
   */
  nextEvent<Type extends ProxyEvent["type"]>(type: Type, wait?: EventWait): Promise<EventOf<Type>>;
  /** Every event from this call on. The loop ends when the proxy has stopped. */
  events(): AsyncIterableIterator<ProxyEvent>;
  /**
   * Resolves when no connection is open: the figures are final then.
   *
   * @param options The longest wait in milliseconds; 5000 when left out.
   * @throws {WaitTimeoutError} with the connections that are still open.
   */
  settled(options?: { readonly timeout?: number }): Promise<void>;
  /**
   * Rereads the configuration if it is from a file, and the certificates and keys for new handshakes, and reopens the
   * file of the access log. Errors are logged, and what was in use stays.
   */
  reload(): Promise<ReloadOutcome>;
  /** Reopens the file of the access log after it was renamed; resolves with errors, which are logged. */
  reopenLogs(): Promise<string[]>;
  /**
   * Stops accepting, waits for open connections, then closes the rest. Another call with `drain` may shorten the wait.
   */
  stop(options?: StopOptions): Promise<StopReport>;
}

/** @param proxy Started; stopping it ends what this follows. */
export function libraryProxy(proxy: Proxy): RunningProxy {
  return new LibraryProxy(proxy);
}

class LibraryProxy implements RunningProxy {
  readonly #proxy: Proxy;
  readonly #log: EventLog;
  readonly #connections: OpenConnections;

  constructor(proxy: Proxy) {
    const { events, threads } = proxy.supervisor.parts;
    this.#proxy = proxy;
    this.#log = new EventLog(events, proxy.seed);
    this.#connections = new OpenConnections(events, (id, isReset) => threads.kill(id, isReset));
    const close = () => {
      this.#log.close();
      this.#connections.close();
    };
    void proxy.stopped.then(close, close);
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

  get services(): readonly RunningService[] {
    return this.#proxy.services.map((bound, index) =>
      new LibraryService(bound, this.#proxy.faults, () => this.figures()[index]!)
    );
  }

  get admin(): string | undefined {
    return this.#proxy.admin;
  }

  get seed(): string {
    return this.#proxy.seed;
  }

  get stopped(): Promise<StopReport> {
    return this.#proxy.stopped;
  }

  service(name: string): RunningService {
    return serviceNamed(this.services, name);
  }

  async down(): Promise<void> {
    await onlyService(this.services).down();
  }

  async up(): Promise<void> {
    await onlyService(this.services).up();
  }

  figures(): ServiceFigures[] {
    return this.#proxy.figures();
  }

  upstreams(): UpstreamFigures[] {
    return this.#proxy.upstreams();
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
    const late = new AbortController();
    try {
      await Promise.race([
        this.#drained(late.signal),
        sleep(timeout, late.signal).then(() => {
          if (!late.signal.aborted) throw this.#notSettled(timeout);
        }),
      ]);
    } finally {
      late.abort();
    }
  }

  reload(): Promise<ReloadOutcome> {
    return this.#proxy.reload();
  }

  reopenLogs(): Promise<string[]> {
    return this.#proxy.reopenLogs();
  }

  stop(options?: StopOptions): Promise<StopReport> {
    return this.#proxy.stop(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy[Symbol.asyncDispose]();
  }

  /** A connection that one thread accepts while another thread answers is waited for too. */
  async #drained(late: AbortSignal): Promise<void> {
    const { threads } = this.#proxy.supervisor.parts;
    do {
      await threads.all.drained();
      // Reports of worker threads come in batches: this brings the last events.
      await threads.all.report();
    } while (this.#proxy.supervisor.active > 0 && !late.aborted);
  }

  #notSettled(timeout: number): Error {
    const open = this.connections().map(({ id, service, client }) => `#${id} (${service}, from ${client})`);
    const list = open.length === 0 ? "" : `: ${open.join(", ")}`;
    return this.#log.failure(`Connections are still open after ${timeout} ms${list}`);
  }
}

class LibraryService implements RunningService {
  readonly name: string;
  readonly listen: readonly string[];
  readonly faults: Faults;
  readonly #controller: FaultController;
  readonly #figures: () => ServiceFigures;

  constructor({ name, listen }: BoundService, controller: FaultController, figures: () => ServiceFigures) {
    this.name = name;
    this.listen = listen;
    this.faults = new ProgramFaults(controller, name);
    this.#controller = controller;
    this.#figures = figures;
  }

  get address(): string {
    return this.listen[0]!;
  }

  get port(): number {
    return portOf(this);
  }

  figures(): ServiceFigures {
    return this.#figures();
  }

  down(): Promise<void> {
    return this.#controller.setDown(this.name, true);
  }

  up(): Promise<void> {
    return this.#controller.setDown(this.name, false);
  }
}
