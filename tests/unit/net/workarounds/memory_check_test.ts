import assert from "node:assert/strict";
import { mock } from "node:test";
import { setImmediate } from "node:timers";
import { ConnDuplex } from "../../../../src/net/tls/duplex.ts";
import { checkMemoryTricks } from "../../../../src/net/workarounds/memory_check.ts";
import { memoryTricks } from "../../../../src/net/workarounds/memory.ts";

type WriteArgs = Parameters<ConnDuplex["_write"]>;

/** A version that no Deno has. */
const UNTESTED = "0.0.0";

/** Behaviour that a later Deno may have without breaking a documented promise. */
const CHANGES: [what: string, change: () => { readonly mock: { restore(): void } }][] = [
  ["takes the bytes it is given a moment later", () => {
    const { push } = ConnDuplex.prototype;
    return mock.method(ConnDuplex.prototype, "push", function (this: ConnDuplex, bytes: Uint8Array | null) {
      setImmediate(() => push.call(this, bytes));
      return true;
    });
  }],
  ["uses the memory of what it has written again", () => {
    const memories = new WeakMap<ConnDuplex, Map<number, Uint8Array>>();
    const { _write } = ConnDuplex.prototype;
    return mock.method(ConnDuplex.prototype, "_write", function (this: ConnDuplex, ...args: WriteArgs) {
      const [bytes, encoding, callback] = args;
      const memory = memories.get(this) ?? new Map<number, Uint8Array>();
      memories.set(this, memory);
      const again = memory.get(bytes.byteLength) ?? new Uint8Array(bytes.byteLength);
      memory.set(bytes.byteLength, again);
      if (again.byteLength < bytes.byteLength) return callback(new Error("Its memory is gone"));
      again.set(bytes);
      _write.call(this, again, encoding, callback);
    });
  }],
];

for (const [what, change] of CHANGES) {
  Deno.test(`checkMemoryTricks() turns them off where node:tls ${what}`, async () => {
    const changed = change();
    try {
      assert.match(String(await checkMemoryTricks(UNTESTED)), /^Deno 0\.0\.0 treats memory in another way/);
      assert.equal(memoryTricks.areOn, false);
    } finally {
      changed.mock.restore();
      memoryTricks.areOn = true;
    }
  });
}

Deno.test("checkMemoryTricks() leaves them on in this Deno, whatever its version", async () => {
  assert.equal(await checkMemoryTricks(UNTESTED), undefined);
  assert.equal(memoryTricks.areOn, true);
});

Deno.test("checkMemoryTricks() says so where TLS does not work at all", async () => {
  const broken = mock.method(ConnDuplex.prototype, "_read", function (this: ConnDuplex) {
    this.destroy(new Error("broken"));
  });
  try {
    assert.match(String(await checkMemoryTricks(UNTESTED)), /^TLS does not work with Deno 0\.0\.0/);
  } finally {
    broken.mock.restore();
    memoryTricks.areOn = true;
  }
});

Deno.test("checkMemoryTricks() makes no connection in a version that was tested", async () => {
  const read = mock.method(ConnDuplex.prototype, "_read");
  try {
    assert.equal(await checkMemoryTricks("2.9.6"), undefined);
    assert.equal(read.mock.callCount(), 0);
  } finally {
    read.mock.restore();
  }
});
