/** A relay thread that does nothing, and notes what it is asked. */

import type { Address } from "../../../../src/net/address.ts";
import type { ConnectionPage } from "../../../../src/observe/counters/connection_list.ts";
import type {
  BindOutcome,
  ListenPlan,
  ThreadCalls,
  ThreadPlan,
} from "../../../../src/runtime/worker/thread_calls.ts";
import type { ThreadSlot } from "../../../../src/runtime/control/threads.ts";

const NO_CONNECTIONS: ConnectionPage = { total: 0, matching: 0, connections: [] };

/** What it answers can be replaced. */
export class FakeThread implements ThreadCalls {
  /** The names of the calls so far, with their arguments where they are simple. */
  readonly calls: unknown[][] = [];
  /** The plan it works by. */
  plan: ThreadPlan | undefined;

  prepare(listeners: readonly ListenPlan[]): Promise<BindOutcome> {
    this.calls.push(["prepare", ...listeners.map(({ service }) => service)]);
    return Promise.resolve({ addresses: listeners.map(({ address }) => withPort(address)) });
  }

  commit(plan: ThreadPlan): Promise<void> {
    this.plan = plan;
    return this.#noted("commit", ...plan.listeners);
  }

  connections(): Promise<ConnectionPage> {
    return Promise.resolve(NO_CONNECTIONS);
  }

  kill(id: number): Promise<boolean> {
    this.calls.push(["kill", id]);
    return Promise.resolve(false);
  }

  discard = () => this.#noted("discard");
  setTls = (...args: Parameters<ThreadCalls["setTls"]>) => void this.#noted("setTls", ...args);
  setEndpoints = (...args: Parameters<ThreadCalls["setEndpoints"]>) =>
    void this.#noted("setEndpoints", ...args);
  setState = (...args: Parameters<ThreadCalls["setState"]>) => void this.#noted("setState", ...args);
  wake = (gauge: number) => void this.#noted("wake", gauge);
  evictIdle = (group: string, endpoint: number) => void this.#noted("evictIdle", group, endpoint);
  setSubscribed = (isHeard: boolean) => void this.#noted("setSubscribed", isHeard);
  unplannedClosed = () => this.#noted("unplannedClosed");
  drainListeners = () => this.#noted("drainListeners");
  closeListeners = () => this.#noted("closeListeners");
  drained = () => this.#noted("drained");
  abortConnections = (code: string) => this.#noted("abortConnections", code);
  report = () => this.#noted("report");
  finish = () => this.#noted("finish");

  #noted(...call: unknown[]): Promise<void> {
    this.calls.push(call);
    return Promise.resolve();
  }
}

/** A seat whose thread is the test's to take away. */
export class FakeSeat implements ThreadSlot {
  thread: FakeThread | undefined = new FakeThread();
  /** What it was told to work by. */
  readonly committed: { readonly listeners: readonly ListenPlan[]; readonly plan: ThreadPlan }[] = [];
  isRetired = false;
  isTerminated = false;

  prepare(listeners: readonly ListenPlan[]): Promise<BindOutcome> | undefined {
    return this.thread?.prepare(listeners);
  }

  commit(listeners: readonly ListenPlan[], plan: ThreadPlan): Promise<void> {
    this.committed.push({ listeners, plan });
    return Promise.resolve();
  }

  retire(): void {
    this.isRetired = true;
  }

  terminate(): void {
    this.isTerminated = true;
  }
}

/** As a thread says where it is bound: port 0 is another one then. */
function withPort(address: Address): Address {
  return address.transport === "tcp" && address.port === 0 ? { ...address, port: 40_000 } : address;
}
