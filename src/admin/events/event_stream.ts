/** One event stream: a bounded queue, sent as fast as the client reads. */

/** The most events queued for a slow client. */
export const MAX_QUEUED = 256;

/** Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html) for one client. */
export class EventStream {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #describeDrops: (count: number) => string;
  readonly #encoder = new TextEncoder();
  #frames: string[] = [];
  #dropped = 0;
  #stats = "";
  #isEnded = false;
  #wake: (() => void) | undefined;

  /**
   * @param describeDrops Makes the event that stands for dropped events.
   * @param onCancel Called when the client has disconnected.
   */
  constructor(describeDrops: (count: number) => string, onCancel: () => void) {
    this.#describeDrops = describeDrops;
    this.body = new ReadableStream({
      pull: (controller) => this.#pull(controller),
      cancel: onCancel,
      // Events stay in the queue until the connection has room for them.
    }, { highWaterMark: 0 });
  }

  /** Adds an event; drops the oldest if the queue is full. */
  push(frame: string): void {
    if (this.#frames.length === MAX_QUEUED) {
      this.#frames.shift();
      this.#dropped += 1;
    }
    this.#frames.push(frame);
    this.#wake?.();
  }

  /** Adds figures; replaces older ones that are still queued. */
  pushStats(frame: string): void {
    const outdated = this.#frames.indexOf(this.#stats);
    if (outdated >= 0) this.#frames.splice(outdated, 1);
    this.#stats = frame;
    this.push(frame);
  }

  /** Sends a comment if the queue is empty: only a write can detect a dead connection. */
  keepAlive(): void {
    if (this.#wake !== undefined) this.push(": still here\n\n");
  }

  /** Ends the stream after the queued events. */
  end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>): Promise<void> {
    if (!this.#isEnded && this.#frames.length === 0) {
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
    const text = this.#take();
    if (text !== "") controller.enqueue(this.#encoder.encode(text));
    if (this.#isEnded) controller.close();
  }

  #take(): string {
    const drops = this.#dropped > 0 ? this.#describeDrops(this.#dropped) : "";
    const text = drops + this.#frames.join("");
    this.#dropped = 0;
    this.#frames = [];
    return text;
  }
}
