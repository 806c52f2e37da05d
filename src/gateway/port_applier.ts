/** Brings the services of a running proxy in line with the plans of ports. */

import { ConfigError } from "../config/config_error.ts";
import { ListenError } from "../net/socket/listen_error.ts";
import { AccountsFullError } from "../observe/counters/accounts.ts";
import type { Log } from "../observe/log/log.ts";
import {
  certificateFiles,
  type DecodedPort,
  decodePort,
  documentOf,
  type DocumentOptions,
  pairsOf,
  serviceName,
} from "./port_document.ts";
import type { KeyPair } from "./resources/secret.ts";
import type { PortPlan } from "./translation/ports.ts";
import type { PortFailure } from "./translation/statuses.ts";

/** Only this user may read keys. */
const PRIVATE = 0o600;

export interface PortApplierOptions extends DocumentOptions {
  readonly log: Log;
  /** Adds, replaces or removes a service; connections that are open go on. */
  readonly change: (name: string, change: DecodedPort | undefined) => Promise<void>;
}

export class PortApplier {
  readonly #options: PortApplierOptions;
  /** What is served, by port. */
  readonly #served = new Map<number, { readonly text: string; readonly pairs: readonly KeyPair[] }>();
  readonly #failures = new Map<number, PortFailure>();
  readonly #files = new Set<string>();

  constructor(options: PortApplierOptions) {
    this.#options = options;
  }

  /** Ports that cannot be served. One that was keeps its last good configuration. */
  get failures(): ReadonlyMap<number, PortFailure> {
    return this.#failures;
  }

  /** Applies all plans. A port that fails does not keep others back. Rejects once the program stops. */
  async apply(plans: readonly PortPlan[]): Promise<void> {
    const wanted = new Set(plans.map(({ port }) => port));
    for (const port of this.#failures.keys()) if (!wanted.has(port)) this.#failures.delete(port);
    for (const port of this.#served.keys()) {
      if (wanted.has(port)) continue;
      await this.#options.change(serviceName(port), undefined);
      this.#served.delete(port);
    }
    for (const plan of plans) await this.#applyPort(plan);
    await this.#removeFiles();
  }

  async #applyPort(plan: PortPlan): Promise<void> {
    const { port } = plan;
    const text = JSON.stringify(documentOf(plan, this.#options));
    if (this.#served.get(port)?.text === text) {
      this.#failures.delete(port);
      return;
    }
    const pairs = pairsOf(plan);
    try {
      for (const pair of pairs) await this.#writeFiles(pair);
      await this.#options.change(serviceName(port), decodePort(plan, this.#options));
    } catch (error) {
      this.#failed(port, error);
      return;
    }
    this.#served.set(port, { text, pairs });
    this.#failures.delete(port);
  }

  #failed(port: number, error: unknown): void {
    const reason = error instanceof ListenError ? "PortUnavailable" : "Invalid";
    const isKnown = error instanceof ListenError || error instanceof ConfigError ||
      error instanceof AccountsFullError;
    if (!isKnown) throw error;
    const message = error instanceof ConfigError ? error.summary : (error as Error).message;
    if (this.#failures.get(port)?.message !== message) {
      this.#options.log.error(`Cannot serve port ${port}: ${message}`, {
        event: "gateway_port_failed",
        port,
        error: message,
      });
    }
    this.#failures.set(port, { reason, message });
  }

  async #writeFiles(pair: KeyPair): Promise<void> {
    const { cert, key } = certificateFiles(pair, this.#options.directory);
    for (const [path, text] of [[cert, pair.cert], [key, pair.key]] as const) {
      if (this.#files.has(path)) continue;
      await Deno.writeTextFile(path, text, { mode: PRIVATE });
      this.#files.add(path);
    }
  }

  /** Those that no port uses any more. */
  async #removeFiles(): Promise<void> {
    const used = new Set(
      this.#served.values().flatMap(({ pairs }) => pairs).flatMap((pair) =>
        Object.values(certificateFiles(pair, this.#options.directory))
      ),
    );
    for (const path of this.#files) {
      if (used.has(path)) continue;
      await Deno.remove(path);
      this.#files.delete(path);
    }
  }
}
