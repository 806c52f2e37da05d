/** A relay thread in a worker, as the supervisor calls it. */

import type { ConnectionPage, ConnectionQuery } from "../../observe/counters/connection_list.ts";
import type { AbortCode } from "../../observe/counters/connection_record.ts";
import type { EndpointRecord, EndpointState } from "../../upstream/endpoint.ts";
import type { TlsMaterial } from "../../proxy/tls_termination.ts";
import type { UpstreamTlsMaterial } from "../../upstream/upstream_tls.ts";
import type {
  BindOutcome,
  CallMessage,
  FromThread,
  ListenPlan,
  Report,
  SupervisorCalls,
  ThreadCalls,
  ThreadPlan,
  ThreadStart,
  ToThread,
} from "./thread_calls.ts";

/** The worker has ended; what was asked of it is not answered any more. */
export class ThreadEndedError extends Error {
  override readonly name = "ThreadEndedError";
}

export interface WorkerListener {
  readonly supervisor: SupervisorCalls;
  onReports(reports: readonly Report[]): void;
  /** It has died, for a reason in words. Called once, and not after {@linkcode WorkerThread.terminate}. */
  onDeath(reason: string): void;
}

export class WorkerThread implements ThreadCalls {
  readonly #worker: Worker;
  readonly #listener: WorkerListener;
  readonly #asked = new Map<number, PromiseWithResolvers<unknown>>();
  #lastRequest = 0;
  #hasEnded = false;

  constructor(start: ThreadStart, listener: WorkerListener) {
    this.#listener = listener;
    this.#worker = new Worker(import.meta.resolve("./worker.ts"), {
      type: "module",
      name: `sluice-${start.numbers.thread}`,
    });
    this.#worker.onmessage = ({ data }: MessageEvent<FromThread>) => this.#onMessage(data);
    this.#worker.onerror = (event) => {
      // Else it would end the whole program.
      event.preventDefault();
      this.die(event.message);
    };
    this.#worker.onmessageerror = () => this.die("a message could not be read");
    this.#post({ type: "start", start });
  }

  /** Ends it, as it has died or counts as dead. */
  die(reason: string): void {
    if (this.#hasEnded) return;
    this.terminate();
    this.#listener.onDeath(reason);
  }

  /** Ends it for good. */
  terminate(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#worker.terminate();
    for (const { reject } of this.#asked.values()) reject(new ThreadEndedError("The thread has ended"));
    this.#asked.clear();
  }

  prepare(listeners: readonly ListenPlan[]): Promise<BindOutcome> {
    return this.#ask({ type: "call", name: "prepare", args: [listeners] });
  }

  discard(): Promise<void> {
    return this.#ask({ type: "call", name: "discard", args: [] });
  }

  commit(plan: ThreadPlan): Promise<void> {
    return this.#ask({ type: "call", name: "commit", args: [plan] });
  }

  unplannedClosed(): Promise<void> {
    return this.#ask({ type: "call", name: "unplannedClosed", args: [] });
  }

  setTls(...args: [string, TlsMaterial | undefined, UpstreamTlsMaterial | undefined]): void {
    this.#post({ type: "call", name: "setTls", args });
  }

  setEndpoints(...args: [string, readonly EndpointRecord[]]): void {
    this.#post({ type: "call", name: "setEndpoints", args });
  }

  setState(...args: [string, number, EndpointState, boolean]): void {
    this.#post({ type: "call", name: "setState", args });
  }

  wake(gauge: number): void {
    this.#post({ type: "call", name: "wake", args: [gauge] });
  }

  evictIdle(...args: [string, number]): void {
    this.#post({ type: "call", name: "evictIdle", args });
  }

  setSubscribed(isHeard: boolean): void {
    this.#post({ type: "call", name: "setSubscribed", args: [isHeard] });
  }

  connections(query: ConnectionQuery): Promise<ConnectionPage> {
    return this.#ask({ type: "call", name: "connections", args: [query] });
  }

  kill(id: number): Promise<boolean> {
    return this.#ask({ type: "call", name: "kill", args: [id] });
  }

  drainListeners(): Promise<void> {
    return this.#ask({ type: "call", name: "drainListeners", args: [] });
  }

  closeListeners(): Promise<void> {
    return this.#ask({ type: "call", name: "closeListeners", args: [] });
  }

  drained(): Promise<void> {
    return this.#ask({ type: "call", name: "drained", args: [] });
  }

  abortConnections(code: AbortCode): Promise<void> {
    return this.#ask({ type: "call", name: "abortConnections", args: [code] });
  }

  report(): Promise<void> {
    return this.#ask({ type: "call", name: "report", args: [] });
  }

  finish(): Promise<void> {
    return this.#ask({ type: "call", name: "finish", args: [] });
  }

  #post(message: ToThread): void {
    if (!this.#hasEnded) this.#worker.postMessage(message);
  }

  /** @throws {ThreadEndedError} */
  #ask<Value>(call: CallMessage<ThreadCalls>): Promise<Value> {
    if (this.#hasEnded) return Promise.reject(new ThreadEndedError("The thread has ended"));
    const answer = Promise.withResolvers<unknown>();
    this.#lastRequest += 1;
    this.#asked.set(this.#lastRequest, answer);
    this.#post({ ...call, request: this.#lastRequest });
    return answer.promise as Promise<Value>;
  }

  #onMessage(message: FromThread): void {
    switch (message.type) {
      case "reports":
        return this.#listener.onReports(message.reports);
      case "call":
        return this.#onCall(message);
      case "answer":
        return this.#take(message.request)?.resolve(message.value);
      case "failed":
        return this.#take(message.request)?.reject(new Error(message.message));
    }
  }

  #onCall({ name, args }: CallMessage<SupervisorCalls>): void {
    const { supervisor } = this.#listener;
    const call = supervisor[name] as (...args: readonly unknown[]) => void;
    call.apply(supervisor, args);
  }

  #take(request: number): PromiseWithResolvers<unknown> | undefined {
    const asked = this.#asked.get(request);
    this.#asked.delete(request);
    return asked;
  }
}
