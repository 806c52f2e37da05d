/** Services that were added, replaced or removed while the proxy runs, on top of its configuration. */

import type { Config, GroupConfig, ServiceConfig } from "../../config/config.ts";

/** A service, and the groups that its connections go to. */
export interface ServiceWithGroups {
  readonly service: ServiceConfig;
  readonly groups: readonly GroupConfig[];
}

export class ServiceChanges {
  /** By the names of services; undefined is one that was removed. */
  readonly #changes: ReadonlyMap<string, ServiceWithGroups | undefined>;

  constructor(changes: ReadonlyMap<string, ServiceWithGroups | undefined> = new Map()) {
    this.#changes = changes;
  }

  /** The same with one more change. Undefined removes the service. */
  with(name: string, change: ServiceWithGroups | undefined): ServiceChanges {
    return new ServiceChanges(new Map(this.#changes).set(name, change));
  }

  /** The configuration with these changes. */
  applyTo(config: Config): Config {
    if (this.#changes.size === 0) return config;
    const known = new Set(config.services.map(({ name }) => name));
    const kept = config.services.flatMap((service) => {
      if (!this.#changes.has(service.name)) return [service];
      return this.#changes.get(service.name)?.service ?? [];
    });
    const changed = [...this.#changes.values()].filter((change) => change !== undefined);
    const added = changed.map(({ service }) => service).filter(({ name }) => !known.has(name));
    const groups = new Map(
      [...changed.flatMap((each) => each.groups), ...config.upstreams].map((group) => [group.name, group]),
    );
    return { ...config, services: [...kept, ...added], upstreams: [...groups.values()] };
  }
}
