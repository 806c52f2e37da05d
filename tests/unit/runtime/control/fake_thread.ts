/** A relay thread that does nothing but record its calls. */

import type { ListenAddress } from "../../../../src/net/address.ts";
import type { ConnectionPage } from "../../../../src/observe/counters/connection_list.ts";
import type {
  BindOutcome,
  ListenPlan,
  ThreadCalls,
  ThreadPlan,
} from "../../../../src/runtime/worker/thread_calls.ts";
import type { ThreadSlot } from "../../../../src/runtime/control/threads.ts";

const NO_CONNECTIONS: ConnectionPage = { total: 0, matching: 0, connections: [] };

/** Tests replace methods to change the answers. */
export class FakeThread implements ThreadCalls {
  /** The names of the calls so far, with simple arguments. */
  readonly calls: unknown[][] = [];
  /** The last plan. */
  plan: ThreadPlan | undefined;

  prepare(listeners: readonly ListenPlan[]): Promise<BindOutcome> {
    this.calls.push(["prepare", ...listeners.map(({ service }) => service)]);
    return Promise.resolve({ addresses: listeners.map(({ address }) => withPort(address)) });
  }

  commit(plan: ThreadPlan): Promise<void> {
    this.plan = plan;
    return this.#record("commit", ...plan.listeners);
  }

  connections(): Promise<ConnectionPage> {
    return Promise.resolve(NO_CONNECTIONS);
  }

  kill(id: number): Promise<boolean> {
    this.calls.push(["kill", id]);
    return Promise.resolve(false);
  }

  discard = () => this.#record("discard");
  setTls = (...args: Parameters<ThreadCalls["setTls"]>) => this.#record("setTls", ...args).then(() => true);
  setLists = () => void this.#record("setLists");
  setFaults = (service: string) => this.#record("setFaults", service);
  cutService = (service: string) => this.#record("cutService", service);
  setEndpoints = (...args: Parameters<ThreadCalls["setEndpoints"]>) =>
    void this.#record("setEndpoints", ...args);
  setState = (...args: Parameters<ThreadCalls["setState"]>) => void this.#record("setState", ...args);
  wake = (gauge: number) => void this.#record("wake", gauge);
  evictIdle = (group: string, endpoint: number) => void this.#record("evictIdle", group, endpoint);
  setSubscribed = (isSubscribed: boolean) => void this.#record("setSubscribed", isSubscribed);
  endable = () => this.#record("endable").then(() => []);
  endConnections = () => this.#record("endConnections").then(() => 0);
  unplannedClosed = () => this.#record("unplannedClosed");
  drainListeners = () => this.#record("drainListeners");
  closeListeners = () => this.#record("closeListeners");
  drained = () => this.#record("drained");
  abortConnections = (code: string) => this.#record("abortConnections", code);
  report = () => this.#record("report");
  finish = () => this.#record("finish");

  #record(...call: unknown[]): Promise<void> {
    this.calls.push(call);
    return Promise.resolve();
  }
}

/** A slot whose thread the test can take away. */
export class FakeSlot implements ThreadSlot {
  thread: FakeThread | undefined = new FakeThread();
  restarts = 0;
  /** The work of each `commit`. */
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

/** The address as a thread has bound it: port 0 becomes a real one. */
function withPort(address: ListenAddress): ListenAddress {
  return address.transport === "tcp" && address.port === 0 ? { ...address, port: 40_000 } : address;
}
