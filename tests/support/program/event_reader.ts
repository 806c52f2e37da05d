/** The events of a stream of the admin interface. */

import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { createParser } from "eventsource-parser";
import type { AdminEvent } from "../../../src/admin/views.ts";
import { PATIENCE } from "../peers/line_reader.ts";
import { within } from "./program.ts";

/** Events of a stream, in the order of arrival. */
export class EventReader implements Disposable {
  readonly #response: IncomingMessage;
  readonly #seen: AdminEvent[] = [];
  readonly #ended: Promise<void>;
  #changed = Promise.withResolvers<void>();
  #isOver = false;

  constructor(response: IncomingMessage) {
    assert.equal(response.statusCode, 200);
    this.#response = response;
    this.#ended = this.#read();
  }

  /** All events so far, as soon as one `fits`. */
  until(fits: (event: AdminEvent) => boolean): Promise<readonly AdminEvent[]> {
    const wait = async () => {
      while (!this.#seen.some(fits)) {
        if (this.#isOver) throw new Error(`The stream ended after ${JSON.stringify(this.#seen)}`);
        await this.#changed.promise;
      }
      return this.#seen;
    };
    return within(PATIENCE, "An event", wait());
  }

  /** All events, once the program has ended the stream in order. */
  async ended(): Promise<readonly AdminEvent[]> {
    await within(PATIENCE, "The end of the stream", this.#ended);
    assert.ok(this.#response.complete, "the stream was broken off");
    return this.#seen;
  }

  [Symbol.dispose](): void {
    this.#response.destroy();
  }

  async #read(): Promise<void> {
    const parser = createParser({ onEvent: ({ data }) => this.#seen.push(JSON.parse(data)) });
    this.#response.setEncoding("utf8");
    try {
      for await (const text of this.#response) {
        parser.feed(text);
        this.#wake();
      }
    } catch {
      // Aborted by a test that has seen enough; a test that waits for the end notices it.
    }
    this.#isOver = true;
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** An event in a few words: its type, and its reason if it has one. */
export function brief(event: AdminEvent): string {
  return "reason" in event ? `${event.type} ${event.reason}` : event.type;
}
