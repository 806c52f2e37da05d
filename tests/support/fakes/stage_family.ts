/** A small family of stages, none of which loses a byte. */

import { setImmediate } from "node:timers/promises";
import type { StageFactory } from "../../../src/relay/stages.ts";

type Bytes = TransformStreamDefaultController<Uint8Array>;

export const FAMILY = {
  identity: () => ({}),
  /** Passes one byte, then the rest. */
  splitter: () => ({
    transform(chunk: Uint8Array, controller: Bytes) {
      controller.enqueue(chunk.subarray(0, 1));
      controller.enqueue(chunk.subarray(1));
    },
  }),
  /** Holds back chunks until it has ten, or has to leave. */
  joiner: () => {
    let held: Uint8Array[] = [];
    const flush = (controller: Bytes) => {
      const size = held.reduce((sum, { byteLength }) => sum + byteLength, 0);
      const joined = new Uint8Array(size);
      let at = 0;
      for (const chunk of held) {
        joined.set(chunk, at);
        at += chunk.byteLength;
      }
      held = [];
      controller.enqueue(joined);
    };
    return {
      transform(chunk: Uint8Array, controller: Bytes) {
        if (held.push(chunk) === 10) flush(controller);
      },
      flush,
    };
  },
  delay: () => ({
    async transform(chunk: Uint8Array, controller: Bytes) {
      for (let turns = 0; turns < 5; turns++) await Promise.resolve();
      if (chunk.byteLength % 3 === 0) await setImmediate();
      controller.enqueue(chunk);
    },
  }),
  /** Changes chunks in place, as each has a buffer of its own. */
  upperCase: () => ({
    transform(chunk: Uint8Array, controller: Bytes) {
      for (const [at, byte] of chunk.entries()) if (byte >= 97 && byte <= 122) chunk[at] = byte - 32;
      controller.enqueue(chunk);
    },
  }),
} satisfies Record<string, () => Transformer<Uint8Array, Uint8Array>>;

export type Kind = keyof typeof FAMILY;

export const KINDS = Object.keys(FAMILY) as Kind[];

/** @param onDispose Called when no more bytes pass the stage. */
export function stageOf(kind: Kind, onDispose: () => void = () => {}): StageFactory {
  return () => ({
    name: kind,
    transform: new TransformStream<Uint8Array, Uint8Array>(FAMILY[kind]()),
    dispose: onDispose,
  });
}
