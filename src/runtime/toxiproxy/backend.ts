/** The services of a running proxy, and their faults, for clients of toxiproxy. */

import {
  type Toxic,
  type ToxiproxyBackend,
  ToxiproxyError,
  type ToxiproxyProxy,
} from "../../admin/toxiproxy/backend.ts";
import type { FaultConfig } from "../../config/config.ts";
import { ConfigError } from "../../config/config_error.ts";
import { decodeOptions } from "../../config/library.ts";
import { formatAddress } from "../../net/address.ts";
import { ListenError } from "../../net/socket/listen_error.ts";
import { AccountsFullError } from "../../observe/counters/accounts.ts";
import type { FaultController } from "../control/fault_controller.ts";
import { FaultError } from "../control/fault_error.ts";
import { canBeDown } from "../control/fault_list.ts";
import type { ServiceWithGroups } from "../control/service_changes.ts";
import type { Supervisor } from "../control/supervisor.ts";
import { faultOf, toxicOf } from "./toxics.ts";

export interface RunningToxiproxyOptions {
  readonly supervisor: Pick<Supervisor, "services">;
  readonly faults: Pick<FaultController, "list" | "add" | "update" | "remove" | "setDown">;
  /** Adds, replaces or removes a service. */
  readonly change: (name: string, change: ServiceWithGroups | undefined) => Promise<void>;
  /** In the Prometheus text format; undefined when metrics are not asked for. */
  readonly metrics?: (() => string) | undefined;
}

export class RunningToxiproxy implements ToxiproxyBackend {
  readonly #options: RunningToxiproxyOptions;

  constructor(options: RunningToxiproxyOptions) {
    this.#options = options;
  }

  proxies(): ReadonlyMap<string, ToxiproxyProxy> {
    return new Map(this.#options.supervisor.services.map(({ name, config, addresses, isDown }) => [name, {
      name,
      listen: formatAddress(addresses[0]!),
      upstream: config.upstream?.name ?? "",
      enabled: !isDown,
    }]));
  }

  toxics(proxy: string): readonly Toxic[] {
    return this.#faults(proxy).filter((fault) => !canBeDown(fault)).map(toxicOf);
  }

  async create(proxy: ToxiproxyProxy): Promise<void> {
    const { name, enabled } = proxy;
    if (this.proxies().has(name)) await this.delete(name);
    await explained(this.#options.change(name, serviceOf(proxy)), proxy);
    if (!enabled) await this.#options.faults.setDown(name, true);
  }

  async update(proxy: ToxiproxyProxy): Promise<void> {
    const { name, listen, upstream, enabled } = proxy;
    const before = this.proxies().get(name)!;
    const differs = upstream !== before.upstream || !this.isSameListen(listen, before.listen);
    const changed = differs ? serviceOf(proxy) : undefined;
    if (before.enabled && (differs || !enabled)) await this.#options.faults.setDown(name, true);
    if (changed !== undefined) await explained(this.#options.change(name, changed), proxy);
    if (enabled && (differs || !before.enabled)) {
      await explained(this.#options.faults.setDown(name, false), proxy);
    }
  }

  async delete(proxy: string): Promise<void> {
    // Its connections end with it.
    await this.#options.faults.setDown(proxy, true);
    await this.#options.change(proxy, undefined);
  }

  async addToxic(proxy: string, toxic: Toxic): Promise<void> {
    try {
      await this.#options.faults.add(proxy, faultOf(toxic));
    } catch (error) {
      // The fault that disables a proxy is no toxic, but has a name too.
      if (!(error instanceof FaultError) || error.code !== "fault_exists") throw error;
      throw new ToxiproxyError("toxic already exists", 409);
    }
  }

  async updateToxic(proxy: string, toxic: Toxic): Promise<void> {
    const before = this.#faults(proxy).find(({ name }) => name === toxic.name)!;
    const { values, trigger: { probability } } = faultOf(toxic);
    await this.#options.faults.update(proxy, toxic.name, {
      ...before,
      values: { ...before.values, ...values },
      trigger: { ...before.trigger, probability },
    });
  }

  async removeToxic(proxy: string, toxic: string): Promise<void> {
    await this.#options.faults.remove(proxy, toxic);
  }

  isSameListen(a: string, b: string): boolean {
    return normalised(a) === normalised(b);
  }

  get metrics(): (() => string) | undefined {
    return this.#options.metrics;
  }

  #faults(proxy: string): FaultConfig[] {
    return this.#options.faults.list(proxy).map(({ config }) => config);
  }
}

/** @throws {ToxiproxyError} */
function serviceOf({ name, listen, upstream }: ToxiproxyProxy): ServiceWithGroups {
  try {
    const single = { name, upstream, ...listen !== "" && { listen } };
    const { services, upstreams } = decodeOptions(single, { faults: true });
    return { service: services[0]!, groups: upstreams };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const problems = error.problems.map(({ path, message }) => `${path}: ${message}`);
    throw new ToxiproxyError(`bad request body: ${problems.join("; ")}`, 400);
  }
}

/** Rejects as toxiproxy does. */
async function explained(changed: Promise<void>, { listen }: ToxiproxyProxy): Promise<void> {
  try {
    await changed;
  } catch (error) {
    if (error instanceof ListenError) {
      const detail = error.code === "address_in_use" ? "bind: address already in use" : error.detail;
      throw new ToxiproxyError(`listen tcp ${listen}: ${detail}`, 500);
    }
    if (error instanceof AccountsFullError) throw new ToxiproxyError(error.message, 500);
    throw error;
  }
}

/** The same text for the same address, as far as no name has to be looked up. */
function normalised(listen: string): string {
  return listen.replace(/^localhost:/, "127.0.0.1:").replace(/^(0\.0\.0\.0|\[::\]):/, ":");
}
