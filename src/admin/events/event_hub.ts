/** All event streams. Each event, and the figures of each second, are serialized once for all streams. */

import type { Log } from "../../observe/log/log.ts";
import { ApiError } from "../api_error.ts";
import type { ProxyEvent } from "../../observe/events/events.ts";
import type { AdminBackend } from "../backend.ts";
import { EventStream } from "./event_stream.ts";
import type { EventQuery } from "../input.ts";
import type { DroppedEvent, StatsEvent } from "../views.ts";

/** The most streams. They also take at most half of all connections, which leaves the other half for requests. */
export const MAX_STREAMS = 32;

/** The time between two `stats`, in milliseconds. */
const TICK = 1000;

/** The number of ticks between two comments on a quiet stream: intermediaries close silent connections. */
const TICKS_PER_KEEPALIVE = 15;

/** Does nothing while there are no streams. */
export class EventHub {
  readonly #backend: AdminBackend;
  readonly #log: Log;
  readonly #tick: number;
  readonly #most: number;
  readonly #streams = new Map<EventStream, EventQuery>();
  #source: Disposable | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #ticks = 0;
  /** The id of the last event. */
  #id = 0;

  /** @param options `tick` in milliseconds; `connections`: the most that the admin interface may have. */
  constructor(
    backend: AdminBackend,
    log: Log,
    { tick = TICK, connections = Infinity }: { tick?: number; connections?: number } = {},
  ) {
    this.#backend = backend;
    this.#log = log;
    this.#tick = tick;
    this.#most = Math.max(1, Math.min(MAX_STREAMS, Math.floor(connections / 2)));
  }

  /**
   * The body of a new stream, which begins with `stats`.
   *
   * @throws {ApiError} `too_many_streams`
   */
  open(query: EventQuery): EventStream["body"] {
    if (this.#streams.size === this.#most) {
      throw new ApiError("too_many_streams", `The limit of ${this.#most} event streams is reached`);
    }
    const stream = new EventStream(dropped, () => this.#remove(stream));
    if (query.stats) stream.pushStats(this.#stats());
    this.#streams.set(stream, query);
    this.#source ??= this.#backend.subscribe((event) => this.#publish(event));
    this.#timer ??= setInterval(() => this.#onTick(), this.#tick);
    return stream.body;
  }

  /** Ends every stream after its queued events. */
  close(): void {
    for (const stream of this.#streams.keys()) {
      stream.end();
      this.#remove(stream);
    }
  }

  #remove(stream: EventStream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    this.#source?.[Symbol.dispose]();
    this.#source = undefined;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #publish(event: ProxyEvent): void {
    let frame: string | undefined;
    for (const [stream, { types }] of this.#streams) {
      if (types === undefined || types.has(event.type)) stream.push(frame ??= this.#numbered(event));
    }
  }

  #onTick(): void {
    this.#ticks += 1;
    try {
      let stats: string | undefined;
      for (const [stream, query] of this.#streams) {
        if (query.stats) stream.pushStats(stats ??= this.#stats());
        else if (this.#ticks % TICKS_PER_KEEPALIVE === 0) stream.keepAlive();
      }
    } catch (error) {
      this.#log.error("Cannot collect figures; event streams are closed", {
        event: "admin_error",
        detail: (error as Error).stack,
      });
      this.close();
    }
  }

  #stats(): string {
    return this.#numbered({
      type: "stats",
      time: new Date().toISOString(),
      status: this.#backend.status(),
      services: this.#backend.services(),
      upstreams: this.#backend.upstreams(),
    });
  }

  #numbered(event: ProxyEvent | StatsEvent): string {
    this.#id += 1;
    return `id: ${this.#id}\n${frameOf(event)}`;
  }
}

/** Without an id: each stream drops different events. */
function dropped(count: number): string {
  return frameOf({ type: "dropped", time: new Date().toISOString(), count });
}

function frameOf(event: ProxyEvent | StatsEvent | DroppedEvent): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
