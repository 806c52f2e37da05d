/** The admin interface of a running proxy, if its configuration has one. */

import { pageFiles } from "../../admin/page/page.ts";
import type { AdminConfig } from "../../config/config.ts";
import { parseDuration } from "../../config/values/duration.ts";
import { formatAddress } from "../../net/address.ts";
import { ProxyBackend, type ProxyBackendOptions } from "./backend.ts";
import type { ListeningAdmin } from "./listener.ts";

export class AdminInterface {
  readonly #config: AdminConfig | undefined;
  readonly #options: ProxyBackendOptions;
  #server: ListeningAdmin | undefined;

  /** @param maxConnections Its limit, lower than configured when descriptors are few. */
  constructor(config: AdminConfig | undefined, maxConnections: number, options: ProxyBackendOptions) {
    this.#config = config && { ...config, maxConnections };
    this.#options = options;
  }

  /** The bound address, if there is one. */
  get address(): string | undefined {
    return this.#server && formatAddress(this.#server.address);
  }

  /** @throws {AdminListenError} */
  async start(): Promise<void> {
    const config = this.#config;
    if (config === undefined) return;
    // Loading node:http takes 2 ms, which a start without the interface need not spend.
    const { listenAdmin } = await import("./listener.ts");
    const { log } = this.#options.supervisor.parts;
    const backend = new ProxyBackend(this.#options);
    this.#server = await listenAdmin({ ...config, backend, pageFiles, parseDuration, log });
  }

  /** Closes idle connections when descriptors are short: clients of services come first. */
  evictIdle(): void {
    this.#server?.evictIdle();
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }
}
