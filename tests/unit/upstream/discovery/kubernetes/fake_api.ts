/** A Kubernetes API that a test answers for. */

import assert from "node:assert/strict";
import { FakeTime, settled } from "../../../../support/fakes/fake_time.ts";
import {
  listAndWatch,
  type WatchEvent,
} from "../../../../../src/upstream/discovery/kubernetes/list_watch.ts";
import { sleep } from "../../../../../src/net/timers/sleep.ts";
import type { JsonObject } from "../../../../../src/upstream/discovery/kubernetes/endpoint_slice.ts";

export type Query = Readonly<Record<string, string>>;

/** A watch that the server has answered. */
export class FakeWatch {
  readonly query: Query;
  readonly signal: AbortSignal;
  readonly response: Response;
  /** Whether the client has ended it. */
  isCancelled = false;
  #controller!: ReadableStreamDefaultController<Uint8Array>;

  constructor(query: Query, signal: AbortSignal) {
    this.query = query;
    this.signal = signal;
    this.response = new Response(
      new ReadableStream<Uint8Array>({
        start: (controller) => {
          this.#controller = controller;
          signal.addEventListener("abort", () => this.fail(signal.reason as Error));
        },
        cancel: () => void (this.isCancelled = true),
      }),
    );
  }

  /** Sends events in one piece. */
  send(...events: readonly unknown[]): Promise<void> {
    return this.sendText(events.map((event) => `${JSON.stringify(event)}\n`).join(""));
  }

  sendText(text: string): Promise<void> {
    return this.sendBytes(new TextEncoder().encode(text));
  }

  async sendBytes(bytes: Uint8Array): Promise<void> {
    this.#controller.enqueue(bytes);
    await settled();
  }

  async end(): Promise<void> {
    this.#controller.close();
    await settled();
  }

  fail(error: Error): void {
    try {
      this.#controller.error(error);
    } catch {
      // The client has ended it.
    }
  }
}

/** A `listAndWatch()` over an API whose answers a test gives. */
export class FakeApi implements AsyncDisposable {
  /** What a list answers: items and their version, an answer, or an error. */
  list: (query: Query) => unknown = () => listObject([], "1");
  /** What a watch answers instead of a stream. */
  refusal: (() => Response | Error) | undefined;
  readonly queries: Query[] = [];
  readonly watches: FakeWatch[] = [];
  readonly #time = new FakeTime();
  readonly #stop = new AbortController();
  readonly #seen: string[] = [];
  #isFailing = false;
  readonly #done: Promise<void>;

  constructor(random = 0.5, setUp: (api: FakeApi) => void = () => {}) {
    setUp(this);
    this.#done = listAndWatch({
      readsLabels: false,
      get: (query, signal) => this.#get(query, signal),
      onList: (objects) => void this.#seen.push(`list ${objects.map(nameOf).join(",")}`),
      onEvents: (events) => void this.#seen.push(events.map(shown).join(" ")),
      onFailed: (error) => {
        if (!this.#isFailing) this.#seen.push(`error: ${(error as Error).message}`);
        this.#isFailing = true;
      },
      onAnswered: () => {
        if (this.#isFailing) this.#seen.push("recovered");
        this.#isFailing = false;
      },
      parts: { now: () => performance.now(), wait: sleep, random: () => random },
      signal: this.#stop.signal,
    });
  }

  /** The only watch that is open. */
  get watch(): FakeWatch {
    return this.watches.at(-1)!;
  }

  /** What was reported since the last call, when all has happened that waits for no timer. */
  async take(): Promise<string[]> {
    await settled();
    return this.#seen.splice(0);
  }

  /** The queries since the last call. */
  takeQueries(): Query[] {
    return this.queries.splice(0);
  }

  pass(milliseconds: number): Promise<void> {
    return this.#time.advance(milliseconds);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("stopped"));
    await this.#done;
    this.#time[Symbol.dispose]();
    assert.deepEqual(this.#seen, [], "reports that the test did not take");
  }

  async #get(query: Query, signal: AbortSignal): Promise<Response> {
    await Promise.resolve();
    this.queries.push(query);
    const answer = query.watch === undefined
      ? this.list(query)
      : this.refusal?.() ?? new FakeWatch(query, signal);
    if (answer instanceof Error) throw answer;
    if (answer instanceof Promise) return await abortable(answer as Promise<Response>, signal);
    if (answer instanceof Response) return answer;
    if (!(answer instanceof FakeWatch)) return Response.json(answer);
    this.watches.push(answer);
    return answer.response;
  }
}

/** An object with a name and a version. */
export function object(name: string, version: string): JsonObject {
  return { metadata: { name, resourceVersion: version } };
}

export function listObject(items: readonly JsonObject[], resourceVersion: string, next?: string) {
  return { items, metadata: { resourceVersion, ...next === undefined ? {} : { continue: next } } };
}

export function status(
  code: number,
  reason: string,
  message: string,
  headers: Record<string, string> = {},
): Response {
  return Response.json({ kind: "Status", code, reason, message }, { status: code, headers });
}

function nameOf(object: JsonObject): string {
  return (object.metadata as { name: string }).name;
}

function shown({ type, object }: WatchEvent): string {
  return `${type} ${nameOf(object)}`;
}

function abortable(answer: Promise<Response>, signal: AbortSignal): Promise<Response> {
  return new Promise((resolve, reject) => {
    answer.then(resolve, reject);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}
