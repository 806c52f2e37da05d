/**
 * Where a thread logs and reports events, and calls the supervisor: a worker over its channel, the main thread at once.
 */

import type { LogLevel } from "../../config/config.ts";
import type { EventFeed } from "../../observe/events/event_feed.ts";
import type { AccessSink } from "../../observe/log/access_log.ts";
import type { Log } from "../../observe/log/log.ts";
import type { ConnectionSpans } from "../../observe/telemetry/connection_spans.ts";
import type { SupervisorCalls } from "./thread_calls.ts";

export interface Reporter {
  readonly log: Log;
  /** Takes closed connections if the access log has a file of its own. */
  readonly accessFile: AccessSink;
  readonly events: EventFeed;
  /** Exports a span for each connection; undefined while nothing is exported. */
  readonly spans: ConnectionSpans | undefined;
  readonly supervisor: SupervisorCalls;
  /** The lowest level that is logged. */
  setLevel(level: LogLevel): void;
  /** Whether events have a subscriber. */
  setSubscribed(isSubscribed: boolean): void;
  /** Sends the reports that wait for a full batch. */
  flush(): void;
}
