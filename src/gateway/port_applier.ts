/** Brings the services of a running proxy in line with the plans of ports. */

import { ConfigError } from "../config/config_error.ts";
import { inTurns } from "../config/input/steps.ts";
import { ListenError } from "../net/socket/listen_error.ts";
import { AccountsFullError } from "../observe/counters/accounts.ts";
import type { Log } from "../observe/log/log.ts";
import { CredentialFolder, FolderError } from "./credential_folder.ts";
import { type DecodedPort, decodePort, type DocumentOptions, pairsOf, serviceName } from "./port_document.ts";
import type { KeyPair } from "./resources/secret.ts";
import { isSamePlan, type PlannedService, withoutRoutes } from "./same_plan.ts";
import type { PortPlan } from "./translation/ports.ts";
import type { PortFailure } from "./translation/statuses.ts";

export interface PortApplierOptions extends DocumentOptions {
  readonly log: Log;
  /** Adds, replaces or removes a service; connections that are open go on. */
  readonly change: (name: string, change: DecodedPort | undefined) => Promise<void>;
}

/** What a port was made of. */
interface AppliedPort {
  readonly plan: PlannedService;
  readonly pairs: readonly KeyPair[];
  readonly faults: DecodedPort["faults"];
}

export class PortApplier {
  readonly #options: PortApplierOptions;
  /** What was applied last, by port. */
  readonly #applied = new Map<number, AppliedPort>();
  readonly #failures = new Map<number, PortFailure>();
  readonly #folder: CredentialFolder;

  constructor(options: PortApplierOptions) {
    this.#options = options;
    this.#folder = new CredentialFolder(options);
  }

  /** Ports that cannot be served. A port that was served before keeps its last good configuration. */
  get failures(): ReadonlyMap<number, PortFailure> {
    return this.#failures;
  }

  /** What is wrong with groups of ports that are served, by their names. */
  get faults(): ReadonlyMap<string, string> {
    return new Map([...this.#applied.values()].flatMap(({ faults }) => [...faults]));
  }

  /** Applies all plans. A port that fails does not hold up others. Rejects once the program stops. */
  async apply(plans: readonly PortPlan[]): Promise<void> {
    const wanted = new Set(plans.map(({ port }) => port));
    for (const port of this.#failures.keys()) if (!wanted.has(port)) this.#failures.delete(port);
    try {
      for (const port of this.#applied.keys()) {
        if (wanted.has(port)) continue;
        await this.#options.change(serviceName(port), undefined);
        this.#applied.delete(port);
      }
      for (const plan of plans) await this.#applyPort(plan);
    } finally {
      await this.#folder.keep([...this.#applied.values()].flatMap(({ pairs }) => pairs));
    }
  }

  async #applyPort(plan: PortPlan): Promise<void> {
    const { port } = plan;
    const applied = this.#applied.get(port);
    if (applied !== undefined && await inTurns(isSamePlan(applied.plan, plan))) {
      this.#failures.delete(port);
      return;
    }
    const pairs = pairsOf(plan);
    try {
      for (const pair of pairs) await this.#folder.write(pair);
      const decoded = await inTurns(decodePort(plan, this.#options));
      await this.#options.change(serviceName(port), decoded);
      this.#applied.set(port, { plan: withoutRoutes(plan), pairs, faults: decoded.faults });
      this.#failures.delete(port);
      for (const [group, fault] of decoded.faults) this.#faulty(port, group, fault);
    } catch (error) {
      this.#failed(port, error);
    }
  }

  #faulty(port: number, group: string, fault: string): void {
    this.#options.log.warn(`Refusing clients of ${group} on port ${port}: ${fault}`, {
      event: "gateway_route_failed",
      port,
      group,
      error: fault,
    });
  }

  #failed(port: number, error: unknown): void {
    const reason = error instanceof ListenError ? "PortUnavailable" : "Invalid";
    const isKnown = error instanceof ListenError || error instanceof ConfigError ||
      error instanceof AccountsFullError || error instanceof FolderError;
    if (!isKnown) throw error;
    const message = error instanceof ConfigError ? error.summary : error.message;
    if (this.#failures.get(port)?.message !== message) {
      this.#options.log.error(`Cannot serve port ${port}: ${message}`, {
        event: "gateway_port_failed",
        port,
        error: message,
      });
    }
    this.#failures.set(port, { reason, message });
  }
}
