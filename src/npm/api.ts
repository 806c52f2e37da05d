/** The admin interface of the program, for the process that started it. */

import type { ProxyEvent } from "../observe/events/events.ts";

/** The program refused a request. */
export class SluiceApiError extends Error {
  override readonly name = "SluiceApiError";
  /** Such as `no_such_fault`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

type OnEvent = (event: ProxyEvent) => void;

export class Api {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #ending = new AbortController();
  readonly #subscribers = new Set<OnEvent>();

  /** @param address Where it listens: `127.0.0.1:40123`. */
  constructor(address: string, token: string) {
    this.#url = `http://${address}/api/v1`;
    this.#headers = { authorization: `Bearer ${token}` };
  }

  /** The JSON value of the answer. @throws {SluiceApiError} */
  async ask<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(this.#url + path, {
      method,
      headers: { ...this.#headers, ...body === undefined ? {} : { "content-type": "application/json" } },
      ...body === undefined ? {} : { body: JSON.stringify(body, plain) },
      signal: this.#ending.signal,
    });
    const text = await response.text();
    const value = text === "" ? undefined : JSON.parse(text);
    if (response.ok) return value;
    throw new SluiceApiError(value.error.code, value.error.message);
  }

  /** Calls `onEvent` for every event until the result is disposed of. */
  subscribe(onEvent: OnEvent): Disposable {
    this.#subscribers.add(onEvent);
    return { [Symbol.dispose]: () => void this.#subscribers.delete(onEvent) };
  }

  /** Resolves once events are being received. */
  async follow(): Promise<void> {
    const { signal } = this.#ending;
    const response = await fetch(`${this.#url}/events?stats=0`, { headers: this.#headers, signal });
    void this.#receive(response.body!).catch(() => {
      // Aborted by close(), or by the end of the program, which its exit shows.
    });
  }

  close(): void {
    this.#ending.abort();
  }

  /**
   * Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), each with one line of data.
   */
  async #receive(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    const reader = body.getReader();
    let text = "";
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      const lines = (text + decoder.decode(piece.value, { stream: true })).split("\n");
      text = lines.pop()!;
      for (const line of lines) {
        if (line.startsWith("data: ")) this.#emit(JSON.parse(line.slice("data: ".length)));
      }
    }
  }

  #emit(event: ProxyEvent): void {
    for (const onEvent of this.#subscribers) onEvent(event);
  }
}

/** JSON has no bytes. */
export function plain(_key: string, value: unknown): unknown {
  if (!(value instanceof Uint8Array)) return value;
  return `hex:${[...value].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
