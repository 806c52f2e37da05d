/** A whole proxy in this thread: all services of a configuration, from bind to drain. */

import type { Config } from "../config/config.ts";
import { formatAddress } from "../net/address.ts";
import { ProxyError } from "../net/errors.ts";
import { GaugeTable } from "../observe/gauge.ts";
import type { ServiceFigures } from "../observe/ledger.ts";
import { addUpPools, type UpstreamFigures } from "../observe/upstream_figures.ts";
import type { Log } from "../observe/log.ts";
import { checkDescriptors } from "./descriptors.ts";
import { CountLimit } from "../proxy/count_limit.ts";
import { Service } from "../proxy/service.ts";
import { Group } from "../upstream/group.ts";

export { ListenError } from "../net/listen.ts";

/** Endpoints that connections can be counted for, those that come and go in DNS included. */
const MAX_ENDPOINTS = 4096;

/** A service that listens. */
export interface BoundService {
  readonly name: string;
  /** As in a configuration, with the real ports: `127.0.0.1:40123`, `[::1]:5000`, `unix:/run/x.sock`. */
  readonly listen: readonly string[];
}

export interface StopOptions {
  /** Milliseconds to wait for open connections; the configuration's `shutdown.drain` when absent. */
  readonly drain?: number;
}

/** A running proxy. `await using` stops it, closing what is open, without a drain. */
export interface RunningProxy extends AsyncDisposable {
  readonly services: readonly BoundService[];
  /** The figures of every service, now. */
  figures(): ServiceFigures[];
  /** The figures of every upstream group, now. */
  upstreams(): UpstreamFigures[];
  /** Stops accepting, waits for open connections, then closes those left. Calling it again shortens the wait. */
  stop(options?: StopOptions): Promise<StopReport>;
}

export interface StopReport {
  /** Connections that were still open when the wait was over, and were closed. */
  readonly cut: number;
}

/**
 * Binds every address of every service, then starts accepting on all of them: all or nothing.
 *
 * @throws {ListenError} when an address cannot be bound; nothing listens then.
 * @throws {DescriptorError} when the process may not open enough descriptors for `limits.connections`.
 */
export async function runProxy(config: Config, log: Log): Promise<RunningProxy> {
  checkDescriptors(config.limits.connections);
  const gauges = new GaugeTable(MAX_ENDPOINTS + config.services.length + 1);
  const all = new CountLimit(gauges.claim()!, config.limits.connections);
  const groups = new Map(config.upstreams.map((group) => [group, new Group(group, gauges, log)]));
  const services = config.services.map((service) =>
    new Service(service, { groups, gauge: gauges.claim()!, all, log })
  );
  try {
    for (const service of services) await service.bind();
  } catch (error) {
    for (const service of services) service.stopAccepting();
    throw error;
  }
  const proxy = new Proxy(services, [...groups.values()], config.shutdown.drain);
  for (const group of groups.values()) group.start();
  for (const service of services) service.start();
  return proxy;
}

class Proxy implements RunningProxy {
  readonly services: readonly BoundService[];
  readonly #services: readonly Service[];
  readonly #groups: readonly Group[];
  readonly #drain: number;
  #stopping: Promise<StopReport> | undefined;
  readonly #cutNow = Promise.withResolvers<void>();

  constructor(services: readonly Service[], groups: readonly Group[], drain: number) {
    this.#services = services;
    this.#groups = groups;
    this.#drain = drain;
    this.services = services.map((service) => ({
      name: service.config.name,
      listen: service.addresses.map(formatAddress),
    }));
  }

  figures(): ServiceFigures[] {
    return this.#services.map((service) => service.ledger.figures());
  }

  upstreams(): UpstreamFigures[] {
    return this.#groups.map((group) => ({
      name: group.name,
      endpoints: group.endpoints.map((endpoint) => endpoint.figures()),
      pool: addUpPools(this.#services.map((service) => service.poolFigures(group))),
    }));
  }

  stop(options: StopOptions = {}): Promise<StopReport> {
    const drain = options.drain ?? this.#drain;
    if (this.#stopping === undefined) this.#stopping = this.#stop(drain);
    else if (drain === 0) this.#cutNow.resolve();
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop({ drain: 0 });
  }

  async #stop(drain: number): Promise<StopReport> {
    for (const service of this.#services) service.stopAccepting();
    const drained = Promise.all(this.#services.map((service) => service.drained()));
    if (drain > 0) {
      const deadline = setTimeout(() => this.#cutNow.resolve(), drain);
      await Promise.race([drained, this.#cutNow.promise]);
      clearTimeout(deadline);
    }
    const cut = this.#services.reduce((sum, service) => sum + service.active, 0);
    const error = new ProxyError("shutdown", "proxy");
    await Promise.all(this.#services.map((service) => service.abortConnections(error)));
    await drained;
    await Promise.all(this.#services.map((service) => service.closed()));
    await Promise.all(this.#groups.map((group) => group.stop()));
    return { cut };
  }
}
