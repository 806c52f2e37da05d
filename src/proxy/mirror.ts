/** The mirror of a service: copies what some of its clients send to another upstream. */

import type { MirrorConfig } from "../config/config.ts";
import { Linked, LinkedList } from "../net/linked_list.ts";
import { ProxyError, proxyErrorOf } from "../net/errors.ts";
import { Deadlines } from "../net/timers/timeouts.ts";
import type { ServiceRow } from "../observe/counters/accounts.ts";
import type { ConnectionRecord } from "../observe/counters/ledger.ts";
import type { Log } from "../observe/log/log.ts";
import { LogRateLimiter } from "../observe/log/log_rate_limiter.ts";
import { isSampled, SPREAD } from "../observe/sampling.ts";
import { Copy, type CopyObserver, type GivenUp } from "../relay/copy.ts";
import type { Relay } from "../relay/relay.ts";
import type { PlacedStage, Stage, StageContext } from "../relay/stages.ts";
import type { ClientAddress } from "../upstream/balance/endpoint_choice.ts";
import type { Connector } from "../upstream/connector.ts";
import type { Abortable, Lease } from "../upstream/endpoint.ts";
import type { WaitingClient, WaitState } from "../upstream/waiting/wait.ts";

/** How long a copy may live on without its connection, in milliseconds. */
const LONGEST_END = 5000;
/** The largest chunk that it copies, in bytes: one that takes most of `buffer` would often find no room. */
const LARGEST_CHUNK = 64 * 1024;
/** One line a second for each reason, in each thread. */
const SHARE_OF_LINES = 10;

export interface MirrorParts {
  readonly connector: Connector;
  readonly cells: Pick<ServiceRow["cells"], "mirrored" | "bytesMirrored" | "mirrorsGivenUp">;
  readonly log: Pick<Log, "warn">;
  /** A copy has begun, and has ended. */
  readonly onBegin: () => void;
  readonly onEnd: () => void;
}

export class Mirror {
  readonly config: MirrorConfig;
  readonly parts: MirrorParts;
  readonly lastDeadlines = new Deadlines(LONGEST_END, () => new ProxyError("timed_out", "upstream"));
  readonly #copies = new LinkedList<MirroredConnection>();
  readonly #limiter = new LogRateLimiter(() => performance.now(), SHARE_OF_LINES);

  constructor(config: MirrorConfig, parts: MirrorParts) {
    this.config = config;
    this.parts = parts;
  }

  /** Copies the connection if it is in the share. Call it before other stages are added, which may change bytes. */
  addTo(relay: Relay, record: ConnectionRecord, client: ClientAddress): void {
    if (!isSampled(record.id, this.config.share, SPREAD.mirror)) return;
    const copied = new MirroredConnection(this, relay, record);
    this.#copies.add(copied);
    copied.begin(client);
  }

  /** Ends all copies. */
  stop(reason: ProxyError): void {
    for (const copied of this.#copies.all()) copied.abort(reason);
  }

  givenUp({ service, id, client }: ConnectionRecord, endpoint: string, why: GivenUp): void {
    const { cells, log } = this.parts;
    const reason = why === "behind" ? why : why.code;
    cells.mirrorsGivenUp.add(reason);
    const extra = this.#limiter.admit(reason);
    if (extra === undefined) return;
    log.warn(`${service}: a mirror was given up, ${why === "behind" ? "it was behind" : why.reason}`, {
      event: "mirror_given_up",
      service,
      id,
      client,
      upstream: this.config.upstream.name,
      endpoint: endpoint || undefined,
      reason,
      ...extra,
    });
  }
}

/** One connection and its copy. */
class MirroredConnection extends Linked<MirroredConnection> implements CopyObserver, WaitingClient {
  readonly #mirror: Mirror;
  readonly #relay: Relay;
  readonly #record: ConnectionRecord;
  readonly #copy: Copy;
  readonly #progress = { endpoint: "", attempts: 0 };
  /** Set while it waits for a place at an endpoint, or for one that is up. */
  #wait: Abortable | undefined;
  #lease: Lease | undefined;
  #placed: PlacedStage | undefined;
  #begunAt = 0;
  #deadline: Disposable | undefined;
  #isOver = false;

  constructor(mirror: Mirror, relay: Relay, record: ConnectionRecord) {
    super();
    this.#mirror = mirror;
    this.#relay = relay;
    this.#record = record;
    this.#copy = new Copy(mirror.config.buffer, this);
  }

  begin(client: ClientAddress): void {
    const { parts } = this.#mirror;
    parts.cells.mirrored.add();
    parts.onBegin();
    this.#record.mirror = "copied";
    this.#placed = this.#relay.addStage("upload", (context) => this.#stage(context));
    if (this.#placed === undefined) return this.#copy.end();
    parts.connector.connect(client, this.#progress, undefined, this).then((lease) => {
      if (this.#isOver) return lease[Symbol.dispose]();
      this.#lease = lease;
      this.#begunAt = performance.now();
      lease.whenDown(this);
      this.#copy.begin(lease.conn);
    }, (cause) => this.abort(proxyErrorOf(cause, "upstream")));
  }

  waits(_state: WaitState, wait: Abortable): Disposable {
    this.#wait = wait;
    return { [Symbol.dispose]: () => this.#wait = undefined };
  }

  abort(error: ProxyError): void {
    this.#copy.end(error);
  }

  onWritten(count: number): void {
    this.#mirror.parts.cells.bytesMirrored.add(count);
  }

  onOver(reason?: GivenUp): void {
    this.#isOver = true;
    if (reason !== undefined) this.#giveUp(reason);
    this[Symbol.dispose]();
    this.#deadline?.[Symbol.dispose]();
    this.#wait?.abort(new ProxyError("client_left", "client"));
    this.#lease?.[Symbol.dispose]();
    if (this.#placed !== undefined) void this.#relay.removeStage(this.#placed);
    this.#mirror.parts.onEnd();
  }

  #giveUp(reason: GivenUp): void {
    const { endpoint } = this.#progress;
    this.#record.mirror = reason === "behind" ? reason : reason.code;
    if (reason !== "behind") {
      this.#lease?.failed(reason, this.#copy.answered, performance.now() - this.#begunAt);
    }
    this.#mirror.givenUp(this.#record, endpoint, reason);
  }

  #stage({ signal }: StageContext): Stage {
    const copy = this.#copy;
    signal.addEventListener("abort", () => this.#outlive(), { once: true });
    return {
      name: "mirror",
      transform: new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          copy.push(chunk);
          controller.enqueue(chunk);
        },
      }),
      largestChunk: LARGEST_CHUNK,
      dispose: () => copy.complete(),
    };
  }

  /** The connection has ended: what it sent is still written, for a while. */
  #outlive(): void {
    if (this.#isOver) return;
    this.#copy.complete();
    const deadline = this.#deadline = this.#mirror.lastDeadlines.start();
    deadline.signal.addEventListener("abort", () => this.#copy.end("behind"));
  }
}
