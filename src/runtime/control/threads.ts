/** All threads that relay, as one: a call goes to each of them. */

import type { ListenAddress } from "../../net/address.ts";
import {
  type ConnectionPage,
  type ConnectionQuery,
  mergeConnectionPages,
  queryOfEachThread,
} from "../../observe/counters/connection_list.ts";
import type { BindOutcome, ListenPlan, ThreadCalls, ThreadPlan } from "../worker/thread_calls.ts";
import { forwarder, invoke } from "../worker/rpc.ts";
import { ThreadEndedError } from "../worker/worker_thread.ts";

/** One of the threads, and its replacements when it dies. */
export interface ThreadSlot {
  /** Undefined while it is being replaced. */
  readonly thread: ThreadCalls | undefined;
  /** How often it was replaced. */
  readonly restarts: number;
  /** Binds addresses in its thread; undefined while there is none. */
  prepare(listeners: readonly ListenPlan[]): Promise<BindOutcome> | undefined;
  /**
   * Applies the plan in the thread, and in its later replacement. Call `prepare` first. Rejects when the
   * thread cannot apply it.
   */
  commit(listeners: readonly ListenPlan[], plan: ThreadPlan): Promise<void>;
  /** Replaces the thread no more. */
  retire(): void;
  terminate(): void;
}

/** Calls to several threads: answers come as a list, without those of threads that have ended. */
export type Broadcast<Calls> = {
  readonly [Name in keyof Calls]: Calls[Name] extends (...args: infer Args) => Promise<infer Answer>
    ? (...args: Args) => Promise<Answer[]>
    : Calls[Name];
};

/** {@linkcode Threads} itself does the rest. */
type Forwarded = Broadcast<Omit<ThreadCalls, "prepare" | "commit">>;

/** Watches the threads until it is disposed of. */
interface Monitor extends Disposable {
  /** Whether every thread has had a turn since the previous call. */
  areAlive(): boolean;
}

export class Threads {
  readonly #slots: readonly ThreadSlot[];
  readonly #monitor: Monitor | undefined;
  readonly #others: readonly Forwarded[];
  /** Calls to every thread that is there. */
  readonly all: Forwarded;

  /**
   * @param slots At least one.
   * @param monitor Watches the threads; disposed of when they are terminated.
   */
  constructor(slots: readonly ThreadSlot[], monitor?: Monitor) {
    this.#slots = slots;
    this.#monitor = monitor;
    this.all = broadcast(slots);
    this.#others = slots.map((slot) => broadcast(slots.filter((each) => each !== slot)));
  }

  get count(): number {
    return this.#slots.length;
  }

  /** Whether every thread has had a turn since the previous call; the one that calls this has. */
  areAlive(): boolean {
    return this.#monitor?.areAlive() ?? true;
  }

  /** How often threads were replaced. */
  get restarts(): number {
    return this.#slots.reduce((sum, { restarts }) => sum + restarts, 0);
  }

  /** Calls to every thread that is there but one. */
  others(thread: number): Forwarded {
    return this.#others[thread]!;
  }

  /**
   * Binds addresses in all threads that are there. Sockets in the file system are bound in the first one only.
   *
   * @returns the addresses with real ports, or the reason why a thread cannot bind; then nothing new is bound.
   */
  async prepare(plans: readonly ListenPlan[]): Promise<BindOutcome> {
    const died: BindOutcome = {
      refused: { message: "A thread has died and is being restarted; try again", code: "io_error" },
    };
    // Only the first thread can try sockets in the file system, and chooses free ports.
    const needsFirst = plans.some(({ address }) => address.transport === "unix" || isFree(address));
    if (needsFirst && this.#slots[0]!.thread === undefined) return died;
    const attempts = await this.#attempts(plans);
    const mistake = attempts.find((each) =>
      each.status === "rejected" && !(each.reason instanceof ThreadEndedError)
    );
    if (mistake !== undefined) {
      await this.all.discard();
      throw (mistake as PromiseRejectedResult).reason;
    }
    const outcomes = attempts.map((each) => each.status === "fulfilled" ? each.value : died);
    const refused = outcomes.find((outcome) => outcome !== undefined && "refused" in outcome);
    if (refused !== undefined) {
      await this.all.discard();
      return refused;
    }
    // The first thread has them all. While it is being restarted, ports are those of the plans, which are real.
    const [first] = outcomes as ({ addresses: readonly ListenAddress[] } | undefined)[];
    return { addresses: plans.map(({ address }, index) => first?.addresses[index] ?? address) };
  }

  /** The other threads bind the ports that the first one has found to be free. */
  async #attempts(plans: readonly ListenPlan[]): Promise<PromiseSettledResult<BindOutcome | undefined>[]> {
    const bind = (slots: readonly ThreadSlot[], known: readonly ListenPlan[]) =>
      Promise.allSettled(slots.map((slot) => slot.prepare(plansOf(this.#slots.indexOf(slot), known))));
    if (!plans.some(({ address }) => isFree(address))) return await bind(this.#slots, plans);
    const first = await bind(this.#slots.slice(0, 1), plans);
    const [outcome] = first;
    if (outcome?.status !== "fulfilled" || outcome.value === undefined || "refused" in outcome.value) {
      return first;
    }
    return [...first, ...await bind(this.#slots.slice(1), withPorts(plans, outcome.value.addresses))];
  }

  /** Applies a plan in all threads; resolves with the errors of those that cannot, which are bugs of this program. */
  async commit(listeners: readonly ListenPlan[], plan: ThreadPlan): Promise<unknown[]> {
    const commits = await Promise.allSettled(this.#slots.map(async (slot, index) => {
      const own = plansOf(index, listeners);
      await slot.commit(own, { ...plan, listeners: own.map(({ service }) => service) });
    }));
    return commits.filter(({ status }) => status === "rejected").map((commit) =>
      (commit as PromiseRejectedResult).reason
    );
  }

  /** One page of the connections of all threads. */
  async connections(query: ConnectionQuery): Promise<ConnectionPage> {
    return mergeConnectionPages(await this.all.connections(queryOfEachThread(query)), query);
  }

  /** Ends a connection; false when no thread has it. */
  async kill(id: number, isReset = false): Promise<boolean> {
    return (await this.all.kill(id, isReset)).includes(true);
  }

  /** Replaces no thread from now on. */
  retire(): void {
    for (const slot of this.#slots) slot.retire();
  }

  /** Terminates all threads after their last reports. */
  async finish(): Promise<void> {
    await this.all.finish();
    this.terminate();
  }

  /** Terminates all threads at once. */
  terminate(): void {
    this.#monitor?.[Symbol.dispose]();
    for (const slot of this.#slots) slot.terminate();
  }
}

/** Forwards each call to the threads of `slots` that are there. */
function broadcast(slots: readonly ThreadSlot[]): Forwarded {
  return forwarder((name, args) => {
    const threads = slots.map(({ thread }) => thread).filter((thread) => thread !== undefined);
    return answersOf(threads.map((thread) => invoke(thread, name, args)));
  });
}

/** The answers but those of threads that have ended. */
async function answersOf(answers: unknown[]): Promise<unknown[]> {
  const settled = await Promise.all(answers.map(async (answer) => {
    try {
      return { value: await answer };
    } catch (error) {
      if (error instanceof ThreadEndedError) return undefined;
      throw error;
    }
  }));
  return settled.filter((each) => each !== undefined).map(({ value }) => value);
}

/** A socket in the file system can be bound once. */
function plansOf(thread: number, plans: readonly ListenPlan[]): ListenPlan[] {
  return plans.filter(({ address }) => thread === 0 || address.transport !== "unix");
}

/** Plans with the ports that the kernel has chosen. @param addresses What is bound, in the same order. */
export function withPorts(
  plans: readonly ListenPlan[],
  addresses: readonly ListenPlan["address"][],
): ListenPlan[] {
  return plans.map((plan, index) => isFree(plan.address) ? { ...plan, address: addresses[index]! } : plan);
}

/** Whether the kernel chooses the port. */
function isFree(address: ListenPlan["address"]): boolean {
  return address.transport === "tcp" && address.port === 0;
}
