/** Serves the Gateways of a cluster, and follows every change of it. */

import { inTurns } from "../config/input/steps.ts";
import { sleep } from "../net/timers/sleep.ts";
import { stackOf } from "../observe/log/error_text.ts";
import type { Log } from "../observe/log/log.ts";
import { ApiClient, type ApiServer } from "../upstream/discovery/kubernetes/api_client.ts";
import type { SourceParts } from "../upstream/discovery/source_parts.ts";
import { ClusterWatch } from "./cluster/cluster_watch.ts";
import { PortApplier, type PortApplierOptions } from "./port_applier.ts";
import { StatusWriter } from "./status_writer.ts";
import { statusPaths, type StatusUpdate, statusUpdates } from "./translation/statuses.ts";
import { type GatewayOptions, translate } from "./translation/translate.ts";

/** How long changes are collected before they are applied, in milliseconds: most come several at a time. */
const COLLECT = 50;
/** The longest such pause. It grows with the duration of a round, so that clients get half of the thread at least. */
const LONGEST_COLLECT = 2000;
/** The pause before another attempt, in milliseconds. */
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
  /** What is left to write, and that it is being written. */
  #unwritten: readonly StatusUpdate[] = [];
  #paths: ReadonlySet<string> = new Set();
  #writing: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wakeAt = Infinity;

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
    this.#changed.resolve();
    await this.#running;
    clearTimeout(this.#timer);
    await this.#cluster[Symbol.asyncDispose]();
    this.#client[Symbol.dispose]();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let last = 0;
    while (!signal.aborted) {
      await this.#changed.promise;
      await sleep(Math.min(Math.max(COLLECT, last), LONGEST_COLLECT), signal);
      if (signal.aborted || this.#options.isStopping()) break;
      this.#changed = Promise.withResolvers();
      clearTimeout(this.#timer);
      this.#wakeAt = Infinity;
      const start = this.#options.parts.now();
      try {
        await this.#reconcile();
      } catch (error) {
        if (signal.aborted || this.#options.isStopping()) break;
        this.#failed(error);
      }
      last = this.#options.parts.now() - start;
    }
    await this.#writing;
  }

  async #reconcile(): Promise<void> {
    const snapshot = this.#cluster.snapshot();
    const translation = await inTurns(translate(snapshot, this.#options.gateway));
    this.#cluster.watch(snapshot.asked);
    // Until all is known, or known not to be readable, what is served stays.
    if (!snapshot.isComplete) return;
    await this.#applier.apply(translation.ports);
    this.#started.resolve();
    const { failures, faults } = this.#applier;
    if (failures.size > 0) this.#wakeAfter(RETRY);
    const now = `${new Date().toISOString().slice(0, -".000Z".length)}Z`;
    this.#unwritten = await inTurns(statusUpdates(translation, failures, now, faults));
    this.#paths = statusPaths(translation);
    if (this.#unwritten.length > 0) this.#writing ??= this.#write().finally(() => this.#writing = undefined);
  }

  /** Writes the last status of all. Clients do not wait for it: the next change is applied meanwhile. */
  async #write(): Promise<void> {
    const { signal } = this.#stop;
    while (this.#unwritten.length > 0 && !signal.aborted) {
      const updates = this.#unwritten;
      this.#unwritten = [];
      try {
        const wait = await this.#writer.write(updates, {
          exists: (path) => this.#paths.has(path),
          isOutdated: () => this.#unwritten.length > 0,
          signal,
        });
        if (wait !== undefined) this.#wakeAfter(wait);
      } catch (error) {
        if (!signal.aborted) this.#failed(error);
      }
    }
  }

  /** A fault of this program must not end what is served. */
  #failed(error: unknown): void {
    const detail = stackOf(error);
    this.#options.log.error(`Cannot follow the Gateways, keeping what is served: ${detail}`, {
      event: "gateway_failed",
    });
    this.#wakeAfter(RETRY);
  }

  /** Looks again after this many milliseconds, or before if that was asked for. */
  #wakeAfter(milliseconds: number): void {
    const at = this.#options.parts.now() + milliseconds;
    if (at >= this.#wakeAt) return;
    clearTimeout(this.#timer);
    this.#wakeAt = at;
    this.#timer = setTimeout(() => this.#changed.resolve(), milliseconds);
  }
}
