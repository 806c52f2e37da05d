/** Reads a stream of events of the admin interface, and makes enough events to fill one. */

import assert from "node:assert/strict";
import type { Fixture } from "../admin_fixture.ts";
import { CLOSED } from "../fake_backend.ts";

export interface Message {
  readonly event: string;
  readonly id: number | undefined;
  readonly data: Record<string, unknown>;
}

/** Reads the events of a stream one after the other. */
export class EventReader {
  readonly #reader: ReadableStreamDefaultReader<string>;
  /** Comments received so far. */
  comments = 0;
  #text = "";

  constructor(body: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = body.pipeThrough(new TextDecoderStream()).getReader();
  }

  static async open(admin: Fixture, query = ""): Promise<EventReader> {
    const response = await fetch(`${admin.url}/api/v1/events${query}`);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    return new EventReader(response.body!);
  }

  /** The next event; undefined at the end. */
  async next(): Promise<Message | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end < 0) {
        const { done, value } = await this.#reader.read();
        if (done) return undefined;
        this.#text += value;
        continue;
      }
      const block = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 2);
      if (!block.startsWith(":")) return messageOf(block);
      this.comments += 1;
    }
  }

  /** The events up to the first that `fits`, including it. */
  async until(fits: (message: Message) => boolean): Promise<Message[]> {
    const messages: Message[] = [];
    for (;;) {
      const message = await this.next();
      if (message === undefined) throw new Error(`The stream ended after ${messages.length} events`);
      messages.push(message);
      if (fits(message)) return messages;
    }
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }
}

function messageOf(block: string): Message {
  const fields = new Map(
    block.split("\n").map((line) => {
      const [, name, value] = /^(\w+): (.*)$/.exec(line)!;
      return [name!, value!];
    }),
  );
  const data = JSON.parse(fields.get("data")!);
  const id = fields.get("id");
  assert.equal(data.type, fields.get("event"));
  return { event: data.type, id: id === undefined ? undefined : Number(id), data };
}

/** Publishes some hundred megabytes of events, with turns in which they could be written. */
export async function publishMuch(admin: Fixture, count: number): Promise<void> {
  const detail = "x".repeat(20_000);
  for (let published = 0; published < count; published++) {
    admin.backend.publish({ type: "reload", time: CLOSED.time, ok: true, detail });
    if (published % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  admin.backend.publish({ type: "drain", time: CLOSED.time, open: 0 });
}
