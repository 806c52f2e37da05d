/** Wrong usage: what it is about, and what to say. */

import type { AdminCommandName } from "./admin/registry.ts";

/** What `--help` can be about. */
export type Topic = "sluice" | "check" | "demo" | AdminCommandName;

/** The arguments make no command. The message says what to type instead. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly topic: Topic;

  constructor(message: string, topic: Topic) {
    super(message);
    this.topic = topic;
  }
}
