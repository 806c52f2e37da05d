/** Streams that write to a connection. */

import { RelayBuffer } from "../net/buffers.ts";
import type { ProxyError } from "../net/errors.ts";
import { ConnWriter, type FlowEnd, type FlowObserver, ROOMY, type WriteHandlers } from "./streams.ts";

/** For writes of chunks that have their own buffers. */
const NO_BUFFER = new RelayBuffer(1);

/** A stream that writes to the connection of `writer`. */
export function writableTo(writer: ConnWriter): WritableStream<Uint8Array> {
  return new WritableStream(new WriterSink(writer), ROOMY);
}

/** A writer as the sink of a stream. Closing it sends no FIN. */
class WriterSink implements UnderlyingSink<Uint8Array>, WriteHandlers {
  readonly #writer: ConnWriter;
  #resolve!: () => void;
  #reject!: (error: ProxyError) => void;

  constructor(writer: ConnWriter) {
    this.#writer = writer;
  }

  write(chunk: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#writer.send(chunk, this);
    });
  }

  onWritten(): void {
    this.#resolve();
  }

  fail(error: ProxyError): void {
    this.#reject(error);
  }
}

/** Writes the output of stages. */
export class StageSink implements UnderlyingSink<Uint8Array> {
  readonly stream: WritableStream<Uint8Array> = new WritableStream(this);
  readonly #writer: WriterSink;
  readonly #observer: FlowObserver;
  /** The bytes so far. */
  bytes = 0;

  constructor(end: Omit<FlowEnd, "buffer">) {
    this.#writer = new WriterSink(new ConnWriter({ ...end, buffer: NO_BUFFER }));
    this.#observer = end.observer;
  }

  /** @throws {TypeError} when a stage sends something other than bytes. */
  async write(chunk: unknown): Promise<void> {
    if (!(chunk instanceof Uint8Array)) throw new TypeError("The chunks of a filter must be Uint8Arrays");
    if (chunk.byteLength > 0) await this.#writer.write(chunk);
    this.bytes += chunk.byteLength;
    // A stage may release bytes long after the last one was read: that is activity too.
    this.#observer.onActivity();
  }
}
