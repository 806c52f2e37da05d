import assert from "node:assert/strict";
import type { ProxyError } from "../../../../src/net/errors.ts";
import { PendingHandshakes } from "../../../../src/net/tls/pending.ts";

Deno.test("PendingHandshakes ends the oldest unfinished one at the cap, once", () => {
  const ended: [number, ProxyError][] = [];
  const pending = new PendingHandshakes(2);
  const entries = [0, 1].map((id) => pending.enter((reason) => ended.push([id, reason])));
  assert.equal(pending.size, 2);
  entries[0]![Symbol.dispose]();
  entries.push(pending.enter((reason) => ended.push([2, reason])));
  assert.equal(ended.length, 0);
  pending.enter((reason) => ended.push([3, reason]));
  assert.deepEqual(ended.map(([id]) => id), [1]);
  assert.equal(ended[0]![1].code, "tls_handshakes_full");
  entries[1]![Symbol.dispose]();
  assert.equal(pending.size, 2);
});

Deno.test("PendingHandshakes copes with a handshake that disposes of itself when ended", () => {
  const pending = new PendingHandshakes(1);
  const first: Disposable = pending.enter(() => first[Symbol.dispose]());
  pending.enter(() => {});
  assert.equal(pending.size, 1);
});

Deno.test("PendingHandshakes ends each of those that do not leave once", () => {
  const ended: number[] = [];
  const pending = new PendingHandshakes(1);
  for (const id of [0, 1, 2]) pending.enter(() => ended.push(id));
  assert.deepEqual(ended, [0, 1]);
  assert.equal(pending.size, 1);
});
