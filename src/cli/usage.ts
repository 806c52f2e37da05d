/** Wrong usage: its topic and the message. */

import type { AdminCommandName } from "./admin/registry.ts";

/** The commands that need no running proxy, and `sluice` for running one. */
export type OwnTopic =
  | "sluice"
  | "check"
  | "demo"
  | "gateway"
  | "toxiproxy"
  | "toxic"
  | "version"
  | "completions"
  | "man";

/** The topics of `--help`. */
export type Topic = OwnTopic | AdminCommandName;

/** The arguments are not a command. The message says what to type instead. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly topic: Topic;

  constructor(message: string, topic: Topic) {
    super(message);
    this.topic = topic;
  }
}
