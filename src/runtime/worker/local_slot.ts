/** The one thread of a proxy without workers: that in which it was started. */

import type { AccessSink } from "../../observe/log/access_log.ts";
import type { EventFeed } from "../../observe/events/event_feed.ts";
import type { Log } from "../../observe/log/log.ts";
import { RelayThread } from "./relay_thread.ts";
import type { BindOutcome, ListenPlan, SupervisorCalls, ThreadPlan, ThreadStart } from "./thread_calls.ts";
import type { ThreadSlot } from "../control/threads.ts";

/** What the supervisor itself says things with. */
export interface LocalReporter {
  readonly log: Log;
  readonly accessFile: AccessSink;
  readonly events: EventFeed;
}

export class LocalSlot implements ThreadSlot {
  readonly thread: RelayThread;

  constructor(start: ThreadStart, voice: LocalReporter, supervisor: SupervisorCalls) {
    const nothing = () => {};
    this.thread = new RelayThread(start, {
      ...voice,
      supervisor,
      // The log and the feed are those of the supervisor, who sees to it.
      setLevel: nothing,
      setSubscribed: nothing,
      flush: nothing,
    });
  }

  prepare(listeners: readonly ListenPlan[]): Promise<BindOutcome> {
    return this.thread.prepare(listeners);
  }

  commit(_listeners: readonly ListenPlan[], plan: ThreadPlan): Promise<void> {
    return this.thread.commit(plan);
  }

  retire(): void {}

  terminate(): void {}
}
