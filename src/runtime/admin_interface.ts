/** The admin interface of a running proxy, where its configuration asks for one. */

import { AdminListenError } from "../admin/http_listener.ts";
import { pageFiles } from "../admin/page/page.ts";
import { type AdminServer, serveAdmin } from "../admin/server.ts";
import type { AdminConfig } from "../config/config.ts";
import { parseDuration } from "../config/duration.ts";
import { type Address, formatAddress } from "../net/address.ts";
import { listen } from "../net/listen.ts";
import { ListenError } from "../net/listen_error.ts";
import { ProxyBackend, type ProxyBackendOptions } from "./admin_backend.ts";

export class AdminInterface {
  readonly #config: AdminConfig | undefined;
  readonly #options: ProxyBackendOptions;
  #server: AdminServer | undefined;

  constructor(config: AdminConfig | undefined, options: ProxyBackendOptions) {
    this.#config = config;
    this.#options = options;
  }

  /** Where it listens, if it does. */
  get address(): string | undefined {
    return this.#server && formatAddress(this.#server.address);
  }

  /** @throws {AdminListenError} */
  async start(): Promise<void> {
    const config = this.#config;
    if (config === undefined) return;
    if (config.listen.transport === "unix") await removeStaleSocket(config.listen);
    const { log } = this.#options.supervisor.parts;
    const backend = new ProxyBackend(this.#options);
    this.#server = await serveAdmin({ ...config, backend, pageFiles, parseDuration, log });
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }
}

/** Deno.serve calls a socket file in use that a killed program has left behind; a listener of ours removes it. */
async function removeStaleSocket(address: Address): Promise<void> {
  try {
    (await listen(address, { adapter: "deno" })).close();
  } catch (error) {
    throw error instanceof ListenError ? new AdminListenError(address, error.cause as Error) : error;
  }
}
