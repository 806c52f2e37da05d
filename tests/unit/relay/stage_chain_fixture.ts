/** A chain of stages between a feed and a connection without a socket, and the calls to its host. */

import type { ProxyError } from "../../../src/net/errors.ts";
import { type ChainHost, StageChain } from "../../../src/relay/stage_chain.ts";
import { PlacedStage } from "../../../src/relay/stages.ts";
import { StageSink } from "../../../src/relay/sinks.ts";
import { FakeConn } from "../../support/fakes/fake_conn.ts";
import { settled } from "../../support/fakes/fake_time.ts";

export type Bytes = TransformStreamDefaultController<Uint8Array>;
export type Transform = ReadableWritablePair<Uint8Array, Uint8Array>;

/** Holds up writes while `gate` is set; they fail with `error` if it is. */
class GatedConn extends FakeConn {
  gate: Promise<void> | undefined;
  error: Error | undefined;

  override async write(bytes: Uint8Array): Promise<number> {
    await this.gate;
    if (this.error !== undefined) throw this.error;
    return await super.write(bytes);
  }
}

const NOTHING = () => {};
const OBSERVER = {
  stopped: () => undefined,
  onActivity: NOTHING,
  onEnd: NOTHING,
  onFailure: NOTHING,
  closesNext: () => false,
};

export class ChainFixture implements ChainHost {
  /** The calls to the host, with causes. */
  readonly calls: unknown[] = [];
  /** The names of disposed stages. */
  readonly disposed: string[] = [];
  readonly conn = new GatedConn();
  readonly chain = new StageChain(
    this,
    new StageSink({ conn: this.conn, side: "upstream", observer: OBSERVER }),
  );
  /** How many chunks the feed was asked for. */
  pulls = 0;
  isCancelled = false;
  #feed!: ReadableStreamDefaultController<Uint8Array>;

  add(name: string, transform: Transform, before?: PlacedStage): PlacedStage {
    const dispose = () => void this.disposed.push(name);
    const placed = new PlacedStage("upload", { name, transform, dispose }, new AbortController());
    this.chain.add(placed, before);
    return placed;
  }

  /** Begins to feed the chain. */
  run(): void {
    this.chain.run(
      new ReadableStream({
        start: (controller) => void (this.#feed = controller),
        pull: () => void (this.pulls += 1),
        cancel: () => void (this.isCancelled = true),
      }, { highWaterMark: 0 }),
    );
  }

  /** Sends chunks, each of which has passed as far as it can before the next. */
  async send(...chunks: string[]): Promise<void> {
    for (const chunk of chunks) {
      this.#feed.enqueue(new TextEncoder().encode(chunk));
      await settled();
    }
  }

  /** Ends the feed. */
  async finish(): Promise<void> {
    this.#feed.close();
    await settled();
  }

  onWanted(): void {
    this.calls.push("wanted");
  }

  onEmpty(): void {
    this.calls.push("empty");
  }

  onFailure(cause: unknown): void {
    this.calls.push(cause);
  }

  onEnd(): void {
    this.calls.push("end");
  }

  onBroken(error: ProxyError): void {
    this.calls.push(error.code);
  }
}

export function identity(transformer: Transformer<Uint8Array, Uint8Array> = {}): Transform {
  return new TransformStream({ transform: (chunk, controller) => controller.enqueue(chunk), ...transformer });
}

/** Streams that are no TransformStream: neither side knows of the other. */
export function pair(
  write: (chunk: Uint8Array, readable: ReadableStreamDefaultController<Uint8Array>) => void | Promise<void>,
  onAbort: (side: "readable" | "writable") => void = NOTHING,
): Transform {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  return {
    readable: new ReadableStream<Uint8Array>({
      start: (own) => void (controller = own),
      cancel: () => onAbort("readable"),
    }),
    writable: new WritableStream<Uint8Array>({
      write: (chunk) => write(chunk, controller),
      abort: () => onAbort("writable"),
    }),
  };
}

/** Lets this many microtasks run. */
export async function microtasks(count: number): Promise<void> {
  for (; count > 0; count--) await Promise.resolve();
}
