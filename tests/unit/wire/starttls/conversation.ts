/** Runs a dialogue over bytes that arrive at once, or one at a time. */

import type { Dialogue, Step } from "../../../../src/wire/starttls/starttls.ts";

export interface Said {
  /** All bytes it sent, one character per byte. */
  readonly sent: string;
  /** How it ended; `need_more` if it waits for more. */
  readonly end: Step["kind"];
  readonly reason?: string;
  /** The bytes that are left for whatever comes next. */
  readonly left: string;
}

export function converse(dialogue: Dialogue, text: string, size = Infinity): Said {
  let sent = latin1(dialogue.opening);
  let received: number[] = [];
  for (let at = 0; at < Math.max(text.length, 1);) {
    const piece = text.slice(at, at + Math.min(size, text.length));
    at += Math.max(piece.length, 1);
    received.push(...piece.split("").map((character) => character.charCodeAt(0)));
    for (;;) {
      const step = dialogue.next(Uint8Array.from(received));
      if (step.kind === "need_more") break;
      sent += latin1(step.bytes);
      if ("reason" in step) return { sent, end: step.kind, reason: step.reason, left: "" };
      received = received.slice(step.length);
      if (step.kind === "send") continue;
      const left = latin1(Uint8Array.from(received)) + text.slice(at);
      return { sent, end: step.kind, left };
    }
  }
  return { sent, end: "need_more", left: "" };
}

export function latin1(bytes: Uint8Array = new Uint8Array(0)): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}
