/** Serves the Gateways of a cluster, and follows every change of it. */

import { sleep } from "../net/timers/sleep.ts";
import type { Log } from "../observe/log/log.ts";
import { ApiClient, type ApiServer } from "../upstream/discovery/kubernetes/api_client.ts";
import type { SourceParts } from "../upstream/discovery/source_parts.ts";
import { ClusterWatch } from "./cluster/cluster_watch.ts";
import { PortApplier, type PortApplierOptions } from "./port_applier.ts";
import { StatusWriter } from "./status_writer.ts";
import { statusUpdates } from "./translation/statuses.ts";
import { type GatewayOptions, translate } from "./translation/translate.ts";

/** How long changes are collected before they are applied, in milliseconds: most come several at a time. */
const COLLECT = 50;
/** After how many milliseconds what failed is tried again. */
const RETRY = 5000;

export interface ControllerOptions extends PortApplierOptions {
  readonly server: ApiServer;
  readonly gateway: GatewayOptions;
  readonly parts: SourceParts;
  readonly log: Log;
  /** Whether the proxy no longer takes changes. */
  readonly isStopping: () => boolean;
}

/** Runs until it is disposed of. The services that it has made stay. */
export class GatewayController implements AsyncDisposable {
  readonly #options: ControllerOptions;
  readonly #client: ApiClient;
  readonly #cluster: ClusterWatch;
  readonly #applier: PortApplier;
  readonly #writer: StatusWriter;
  readonly #stop = new AbortController();
  readonly #started = Promise.withResolvers<void>();
  #changed = Promise.withResolvers<void>();
  #running: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ControllerOptions) {
    const { server, parts, log } = options;
    this.#options = options;
    this.#client = new ApiClient(server, parts);
    this.#cluster = new ClusterWatch({
      client: this.#client,
      parts,
      log,
      onChange: () => this.#changed.resolve(),
    });
    this.#applier = new PortApplier(options);
    this.#writer = new StatusWriter({ client: this.#client, log, now: parts.now });
  }

  /** Begins. Resolves when all that the cluster asks for is served, as far as it can be; also once it stops before. */
  start(): Promise<void> {
    this.#changed.resolve();
    this.#running = this.#run().finally(() => this.#started.resolve());
    return this.#started.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("the controller stops"));
    clearTimeout(this.#timer);
    this.#changed.resolve();
    await this.#running;
    await this.#cluster[Symbol.asyncDispose]();
    this.#client[Symbol.dispose]();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#changed.promise;
      await sleep(COLLECT, signal);
      if (signal.aborted || this.#options.isStopping()) return;
      this.#changed = Promise.withResolvers();
      clearTimeout(this.#timer);
      try {
        const wait = await this.#reconcile(signal);
        if (wait !== undefined) this.#wakeAfter(wait);
      } catch (error) {
        if (signal.aborted || this.#options.isStopping()) return;
        this.#failed(error);
      }
    }
  }

  /** Resolves with the milliseconds after which to look again though nothing changes; undefined is never. */
  async #reconcile(signal: AbortSignal): Promise<number | undefined> {
    const snapshot = this.#cluster.snapshot();
    const translation = translate(snapshot, this.#options.gateway);
    this.#cluster.watch(snapshot.asked);
    // Until all is known, what is served stays.
    if (!this.#cluster.isSettled) return undefined;
    await this.#applier.apply(translation.ports);
    this.#started.resolve();
    const { failures } = this.#applier;
    const now = `${new Date().toISOString().slice(0, -".000Z".length)}Z`;
    const wait = await this.#writer.write(statusUpdates(translation, failures, now), signal);
    return failures.size === 0 ? wait : Math.min(wait ?? RETRY, RETRY);
  }

  /** A fault of this program must not end what is served. */
  #failed(error: unknown): void {
    const detail = error instanceof Error ? error.stack ?? error.message : String(error);
    this.#options.log.error(`Cannot follow the Gateways, keeping what is served: ${detail}`, {
      event: "gateway_failed",
    });
    this.#wakeAfter(RETRY);
  }

  #wakeAfter(milliseconds: number): void {
    this.#timer = setTimeout(() => this.#changed.resolve(), milliseconds);
  }
}
