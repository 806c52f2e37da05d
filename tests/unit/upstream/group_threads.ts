/** Several simulated threads in this one. The test delivers the messages between them. */

import type { GroupConfig } from "../../../src/config/config.ts";
import { WakeUps } from "../../../src/shared/wake_ups.ts";
import type { Group } from "../../../src/upstream/group.ts";
import { GroupController } from "../../../src/upstream/group_controller.ts";
import {
  controllerParts,
  groupConfig,
  type Updates,
  UpstreamMemory,
} from "../../support/fakes/upstream_parts.ts";

/** Messages in transit. */
export class Post {
  readonly #messages: { readonly arrive: () => void; readonly way: unknown }[] = [];

  get size(): number {
    return this.#messages.length;
  }

  /**
   * @param arrive The effect of the message at its receiver.
   * @param way Messages on the same way arrive in order, as those from one thread to another do; by default, any
   *   message may overtake this one.
   */
  send(arrive: () => void, way: unknown = Symbol("any")): void {
    this.#messages.push({ arrive, way });
  }

  /** Delivers one of them, or an older one on its way; the oldest by default. False when there is none. */
  deliver(which = 0): boolean {
    const { way } = this.#messages[which % Math.max(this.#messages.length, 1)] ?? {};
    const [message] = this.#messages.splice(this.#messages.findIndex((each) => each.way === way), 1);
    message?.arrive();
    return message !== undefined;
  }

  /** Delivers all messages in transit; returns their number. */
  deliverAll(): number {
    const messages = this.#messages.splice(0);
    for (const { arrive } of messages) arrive();
    return messages.length;
  }
}

/** The messages about free places, from each of this many threads to all others. */
export function wakeUpsOf(threads: number, post: Post): readonly WakeUps[] {
  const all: WakeUps[] = Array.from({ length: threads }, (_, thread) =>
    new WakeUps((slot) => {
      for (const [other, wakeUps] of all.entries()) {
        if (other !== thread) post.send(() => wakeUps.wake(slot));
      }
    }));
  return all;
}

/** A group in several threads, with the controller that decides for all of them. */
export class GroupThreads implements AsyncDisposable {
  readonly post = new Post();
  readonly memory: UpstreamMemory;
  readonly controller: GroupController;
  /** The group in each thread. */
  readonly groups: Group[];
  readonly #wakeUps: readonly WakeUps[];

  constructor(threads: number, config: Partial<GroupConfig>) {
    const { post } = this;
    this.memory = new UpstreamMemory(threads);
    const updates: Updates = {
      setEndpoints: (_name, records) => this.#send((group) => group.setEndpoints(records)),
      setState: (_name, id, state, abort) => this.#send((group) => group.setState(id, state, abort)),
    };
    this.controller = new GroupController(groupConfig(config), controllerParts(this.memory, updates));
    this.#wakeUps = wakeUpsOf(threads, post);
    this.groups = this.#wakeUps.map((_, thread) => this.#start(thread));
  }

  /** A thread dies, and another one takes its place. */
  restart(thread: number): void {
    this.memory.reclaim(thread);
    const { queue } = this.controller;
    if (queue !== undefined) {
      for (const wakeUps of this.#wakeUps) this.post.send(() => wakeUps.wake(queue.slot));
    }
    this.groups[thread] = this.#start(thread);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.controller.stop();
  }

  #start(thread: number): Group {
    const { post } = this;
    return this.memory.groupIn(thread, this.controller, {
      connectionFailed: (_name, id, failure) =>
        post.send(() => this.controller.connectionFailed(id, failure)),
      stickFailed: (_name, id, tried, reason) =>
        new Promise((resolve) =>
          post.send(() => {
            this.controller.stickFailed(id, tried, reason);
            resolve();
          })
        ),
      evictIdle: (_name, id) => this.#send((group) => group.evictIdleById(id), thread),
    }, this.#wakeUps[thread]!);
  }

  #send(update: (group: Group) => void, but?: number): void {
    for (const [thread, group] of this.groups.entries()) {
      if (thread !== but) this.post.send(() => update(group), thread);
    }
  }
}
