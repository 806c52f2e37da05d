/** A proxy in this process with a connection pool, and its figures. */

import {
  type EndpointFigures,
  type PoolFigures,
  type ProxyOptions,
  type RunningProxy,
  type ServiceFigures,
  startProxy,
} from "../../../main.ts";
import { eventually } from "../eventually.ts";

type Group = NonNullable<ProxyOptions["upstreams"]>[string];
type Endpoint = NonNullable<Group["endpoints"]>[number];
type Service = ProxyOptions["services"][number];

/** The default `max_idle_time`, longer than any test, in milliseconds. */
const NO_EXPIRY = 600_000;

export class PooledProxy implements AsyncDisposable {
  readonly #proxy: RunningProxy;

  private constructor(proxy: RunningProxy) {
    this.#proxy = proxy;
  }

  /**
   * Starts one service, or several that are alike, with more keys of them, before a group of one endpoint, with more
   * keys of that.
   */
  static async before(
    endpoint: Endpoint,
    pool: NonNullable<Group["pool"]>,
    { group = {}, service = {}, services = 1 }: {
      group?: Partial<Group>;
      service?: Partial<Service>;
      services?: number;
    } = {},
  ): Promise<PooledProxy> {
    const all = Array.from(
      { length: services },
      (_, index) => ({ name: `test${index}`, listen: 0, upstream: "group", ...service }),
    );
    return new PooledProxy(
      await startProxy({
        upstreams: { group: { endpoints: [endpoint], pool: { maxIdleTime: NO_EXPIRY, ...pool }, ...group } },
        services: all,
      }),
    );
  }

  get port(): number {
    return this.ports[0]!;
  }

  /** Of each service. */
  get ports(): number[] {
    return this.#proxy.services.map(({ listen }) => Number(listen[0]!.split(":").at(-1)));
  }

  get pool(): PoolFigures {
    return this.#proxy.upstreams()[0]!.pool!;
  }

  get service(): ServiceFigures {
    return this.#proxy.figures()[0]!;
  }

  get endpoint(): EndpointFigures {
    return this.#proxy.upstreams()[0]!.endpoints[0]!;
  }

  /** Resolves when this many connections are idle, with the figures at that time. */
  holds(idle: number): Promise<PoolFigures> {
    return this.until(`${idle} waiting connections`, (pool) => pool.idle === idle);
  }

  /** Resolves when the figures are as expected. */
  until(what: string, fits: (pool: PoolFigures) => boolean): Promise<PoolFigures> {
    return eventually(what, () => this.pool, fits);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy[Symbol.asyncDispose]();
  }
}
