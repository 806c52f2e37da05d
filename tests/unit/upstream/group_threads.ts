/** Several threads that are all this one, and what they say to each other, which arrives when the test says so. */

import type { GroupConfig } from "../../../src/config/config.ts";
import { WakeUps } from "../../../src/shared/wake_ups.ts";
import type { Group } from "../../../src/upstream/group.ts";
import { GroupController, type GroupUpdates } from "../../../src/upstream/group_controller.ts";
import { controllerParts, groupConfig, UpstreamMemory } from "../../support/fakes/upstream_parts.ts";

/** Messages under way. */
export class Post {
  readonly #messages: (() => void)[] = [];

  get size(): number {
    return this.#messages.length;
  }

  /** @param arrive What the message does where it is for. */
  send(arrive: () => void): void {
    this.#messages.push(arrive);
  }

  /** Lets one of them arrive, the oldest unless another is meant; false when there is none. */
  deliver(which = 0): boolean {
    const [arrive] = this.#messages.splice(which % Math.max(this.#messages.length, 1), 1);
    arrive?.();
    return arrive !== undefined;
  }

  /** Lets all arrive that are under way now; tells how many. */
  deliverAll(): number {
    const messages = this.#messages.splice(0);
    for (const arrive of messages) arrive();
    return messages.length;
  }
}

/** The word that places are free, from each of so many threads to all others. */
export function wakeUpsOf(threads: number, post: Post): readonly WakeUps[] {
  const all: WakeUps[] = Array.from({ length: threads }, (_, thread) =>
    new WakeUps((slot) => {
      for (const [other, wakeUps] of all.entries()) {
        if (other !== thread) post.send(() => wakeUps.wake(slot));
      }
    }));
  return all;
}

/** A group in several threads, with the controller that decides for all. */
export class GroupThreads implements AsyncDisposable {
  readonly post = new Post();
  readonly memory: UpstreamMemory;
  readonly controller: GroupController;
  /** That of each thread. */
  readonly groups: readonly Group[];

  constructor(threads: number, config: Partial<GroupConfig>) {
    const { post } = this;
    this.memory = new UpstreamMemory(threads);
    const updates: GroupUpdates = {
      setEndpoints: (_name, records) => this.#tell((group) => group.setEndpoints(records)),
      setState: (_name, id, state, abort) => this.#tell((group) => group.setState(id, state, abort)),
    };
    this.controller = new GroupController(groupConfig(config), controllerParts(this.memory, updates));
    const wakeUps = wakeUpsOf(threads, post);
    this.groups = wakeUps.map((own, thread) =>
      this.memory.groupIn(thread, this.controller, {
        connectionFailed: (_name, id, failure) =>
          post.send(() => this.controller.connectionFailed(id, failure)),
        evictIdle: (_name, id) => this.#tell((group) => group.makeRoomFor(id), thread),
      }, own)
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.controller.stop();
  }

  #tell(say: (group: Group) => void, but?: number): void {
    for (const [thread, group] of this.groups.entries()) {
      if (thread !== but) this.post.send(() => say(group));
    }
  }
}
