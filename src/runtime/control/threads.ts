/** All threads that relay, as one: what is asked of them is asked of each, and a worker that dies is replaced. */

import type { Address } from "../../net/address.ts";
import {
  type ConnectionPage,
  type ConnectionQuery,
  mergeConnectionPages,
  queryOfEachThread,
} from "../../observe/counters/connection_list.ts";
import type { AbortCode } from "../../observe/counters/connection_record.ts";
import type { EndpointRecord, EndpointState } from "../../upstream/endpoint.ts";
import type { GroupAudience } from "../../upstream/group_controller.ts";
import type { ServiceFiles } from "../files/service_files.ts";
import type { BindOutcome, ListenPlan, ThreadCalls, ThreadPlan } from "../worker/thread_calls.ts";
import { ThreadEndedError } from "../worker/worker_thread.ts";

/** One of the threads, from start to stop; another may take its place. */
export interface ThreadSlot {
  /** Undefined while a new one is being started. */
  readonly thread: ThreadCalls | undefined;
  /** Has its thread bind addresses, as it is there; undefined while there is none. */
  prepare(listeners: readonly ListenPlan[]): Promise<BindOutcome> | undefined;
  /**
   * Applies the plan in the thread, and in its later replacement. Call `prepare` first. Rejects when the
   * thread cannot apply it.
   */
  commit(listeners: readonly ListenPlan[], plan: ThreadPlan): Promise<void>;
  /** No other thread takes its place from now on. */
  retire(): void;
  /** Ends it for good. */
  terminate(): void;
}

export class Threads implements GroupAudience {
  readonly #seats: readonly ThreadSlot[];
  readonly #watch: Disposable | undefined;

  /**
   * @param seats At least one.
   * @param watch Sees to it that they live; ended with them.
   */
  constructor(seats: readonly ThreadSlot[], watch?: Disposable) {
    this.#seats = seats;
    this.#watch = watch;
  }

  get count(): number {
    return this.#seats.length;
  }

  /**
   * Binds addresses in all threads that are there. Sockets in the file system are bound in the first one only.
   *
   * @returns the addresses with real ports, or why there are none: nothing is bound then that was not before.
   */
  async prepare(plans: readonly ListenPlan[]): Promise<BindOutcome> {
    const died: BindOutcome = {
      refused: { message: "A thread has died and is being started anew; try again", code: "io_error" },
    };
    // Nobody else can try out sockets in the file system.
    const needsFirst = plans.some(({ address }) => address.transport === "unix");
    if (needsFirst && this.#seats[0]!.thread === undefined) return died;
    const attempts = await Promise.allSettled(
      this.#seats.map((seat, index) => seat.prepare(plansOf(index, plans))),
    );
    const mistake = attempts.find((each) =>
      each.status === "rejected" && !(each.reason instanceof ThreadEndedError)
    );
    if (mistake !== undefined) {
      await this.discard();
      throw (mistake as PromiseRejectedResult).reason;
    }
    const outcomes = attempts.map((each) => each.status === "fulfilled" ? each.value : died);
    const refused = outcomes.find((outcome) => outcome !== undefined && "refused" in outcome);
    if (refused !== undefined) {
      await this.discard();
      return refused;
    }
    // The first thread has them all. While it is being started anew, ports are those of the plans, which are real.
    const [first] = outcomes as ({ addresses: readonly Address[] } | undefined)[];
    return { addresses: plans.map(({ address }, index) => first?.addresses[index] ?? address) };
  }

  async discard(): Promise<void> {
    await this.#ask((thread) => thread.discard(), undefined);
  }

  /**
   * Applies a plan in all threads; resolves with the errors of those that cannot, which are bugs of this
   * program.
   */
  async commit(listeners: readonly ListenPlan[], plan: ThreadPlan): Promise<unknown[]> {
    const commits = await Promise.allSettled(this.#seats.map(async (seat, index) => {
      const own = plansOf(index, listeners);
      await seat.commit(own, { ...plan, listeners: own.map(({ service }) => service) });
    }));
    return commits.filter(({ status }) => status === "rejected").map((commit) =>
      (commit as PromiseRejectedResult).reason
    );
  }

  /** Resolves when the listeners that the plan no longer contains are closed. */
  async unplannedClosed(): Promise<void> {
    await this.#ask((thread) => thread.unplannedClosed(), undefined);
  }

  setTls({ config: { name }, tls, upstreamTls }: ServiceFiles): void {
    this.#tell((thread) => thread.setTls(name, tls, upstreamTls));
  }

  setEndpoints(group: string, records: readonly EndpointRecord[]): void {
    this.#tell((thread) => thread.setEndpoints(group, records));
  }

  setState(group: string, endpoint: number, state: EndpointState, abort: boolean): void {
    this.#tell((thread) => thread.setState(group, endpoint, state, abort));
  }

  setSubscribed(isHeard: boolean): void {
    this.#tell((thread) => thread.setSubscribed(isHeard));
  }

  /** @param but The thread that says so. */
  wake(gauge: number, but?: number): void {
    this.#tell((thread) => thread.wake(gauge), but);
  }

  evictIdle(group: string, endpoint: number, but: number): void {
    this.#tell((thread) => thread.evictIdle(group, endpoint), but);
  }

  /** Of all threads, as if it were one. */
  async connections(query: ConnectionQuery): Promise<ConnectionPage> {
    // Each gives as many as could all be the first ones.
    const first = queryOfEachThread(query);
    const none: ConnectionPage = { total: 0, matching: 0, connections: [] };
    return mergeConnectionPages(await this.#ask((thread) => thread.connections(first), none), query);
  }

  async kill(id: number): Promise<boolean> {
    const found = await this.#ask((thread) => thread.kill(id), false);
    return found.includes(true);
  }

  async drainListeners(): Promise<void> {
    await this.#ask((thread) => thread.drainListeners(), undefined);
  }

  async closeListeners(): Promise<void> {
    await this.#ask((thread) => thread.closeListeners(), undefined);
  }

  async drained(): Promise<void> {
    await this.#ask((thread) => thread.drained(), undefined);
  }

  async abortConnections(code: AbortCode): Promise<void> {
    await this.#ask((thread) => thread.abortConnections(code), undefined);
  }

  /** Has everything reported that has happened so far. */
  async report(): Promise<void> {
    await this.#ask((thread) => thread.report(), undefined);
  }

  /** No thread is replaced from now on. */
  retire(): void {
    for (const seat of this.#seats) seat.retire();
  }

  /** Ends all, when they have said what is to be said. */
  async finish(): Promise<void> {
    await this.#ask((thread) => thread.finish(), undefined);
    this.terminate();
  }

  /** Ends all at once. */
  terminate(): void {
    this.#watch?.[Symbol.dispose]();
    for (const seat of this.#seats) seat.terminate();
  }

  #tell(call: (thread: ThreadCalls) => void, but?: number): void {
    for (const [index, { thread }] of this.#seats.entries()) {
      if (thread !== undefined && index !== but) call(thread);
    }
  }

  /** @param otherwise The answer of a thread that is not there, or ends before it has answered. */
  #ask<Answer>(
    call: (thread: ThreadCalls) => Promise<Answer>,
    otherwise: Answer,
  ): Promise<Answer[]> {
    return Promise.all(this.#seats.map(async ({ thread }) => {
      try {
        return thread === undefined ? otherwise : await call(thread);
      } catch (error) {
        if (error instanceof ThreadEndedError) return otherwise;
        throw error;
      }
    }));
  }
}

/** A socket in the file system can be bound once. */
function plansOf(thread: number, plans: readonly ListenPlan[]): ListenPlan[] {
  return plans.filter(({ address }) => thread === 0 || address.transport === "tcp");
}
