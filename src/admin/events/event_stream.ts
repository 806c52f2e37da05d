/** One reader of events: a bounded queue, written out as fast as the reader takes it. */

/** Events that wait for a slow reader. */
export const MAX_WAITING = 256;

/** Text of Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html), one reader's. */
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
   * @param describeDrops makes the event that stands where events were dropped.
   * @param onCancel is called when the reader has gone.
   */
  constructor(describeDrops: (count: number) => string, onCancel: () => void) {
    this.#describeDrops = describeDrops;
    this.body = new ReadableStream({
      pull: (controller) => this.#pull(controller),
      cancel: onCancel,
      // Nothing is taken out of the queue before the connection has room for it.
    }, { highWaterMark: 0 });
  }

  /** Adds an event; the oldest that waits makes room for it. */
  push(frame: string): void {
    if (this.#frames.length === MAX_WAITING) {
      this.#frames.shift();
      this.#dropped += 1;
    }
    this.#frames.push(frame);
    this.#wake?.();
  }

  /** Adds figures; those that a slow reader has not taken yet are out of date and go. */
  pushStats(frame: string): void {
    const waiting = this.#frames.indexOf(this.#stats);
    if (waiting >= 0) this.#frames.splice(waiting, 1);
    this.#stats = frame;
    this.push(frame);
  }

  /** Writes a comment when there is nothing else to write: a connection that has died is noticed by writing to it. */
  beat(): void {
    if (this.#wake !== undefined) this.push(": still here\n\n");
  }

  /** What waits is the last that the reader gets. */
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
