import assert from "node:assert/strict";
import type { AdminConfig } from "../../../../src/config/config.ts";
import { DescriptorBudget } from "../../../../src/runtime/files/descriptors.ts";

Deno.test({
  name: "DescriptorBudget.check() opens nothing, and uses the number at the start",
  ignore: Deno.build.os === "windows",
  fn: () => {
    const system = new Descriptors(377);
    const budget = DescriptorBudget.probe({ limits: { connections: 80 }, admin: undefined }, system.open);
    assert.deepEqual([system.opened, system.left], [377, 377]);
    // Clients already have some of them, and the rest is reserved for them.
    assert.equal(budget.check(120), true);
    assert.equal(budget.check(172), true);
    assert.equal(budget.check(0), true);
    assert.throws(() => budget.check(173), {
      name: "DescriptorError",
      message:
        "Cannot have 173 connections (limits.connections): each takes two descriptors, and there are " +
        'enough for 172. Raise the limit ("ulimit -n 410") or lower the key',
    });
    assert.equal(system.opened, 377);
  },
});

Deno.test({
  name: "DescriptorBudget.check() returns false above what was probed",
  ignore: Deno.build.os === "windows",
  fn: () => {
    const system = new Descriptors(1_000_000);
    const budget = DescriptorBudget.probe({ limits: { connections: 80 }, admin: undefined }, system.open);
    assert.equal(system.opened, 1024);
    assert.equal(budget.check(496), true);
    assert.equal(budget.check(497), false);
    const unlimited = DescriptorBudget.probe({ limits: { connections: 0 }, admin: undefined }, system.open);
    assert.equal(system.opened, 1024);
    assert.equal(unlimited.check(1), false);
  },
});

Deno.test({
  name: "DescriptorBudget leaves the admin interface what limits.connections does not need",
  ignore: Deno.build.os === "windows",
  fn: () => {
    const most = (free: number, connections: number, maxConnections = 64) => {
      const config = { limits: { connections }, admin: { ...ADMIN, maxConnections } };
      return DescriptorBudget.probe(config, new Descriptors(free).open).adminConnections;
    };
    assert.equal(most(1_000_000, 0), 64);
    assert.equal(most(1_000_000, 80), 64);
    assert.equal(most(400, 100), 64);
    assert.equal(most(282, 100), 50);
    assert.equal(most(240, 100), 8);
    assert.equal(most(232, 100), 4);
    assert.equal(most(233, 0), 58);
    assert.equal(most(233, 0, 8), 8);
  },
});

const ADMIN: AdminConfig = {
  listen: { transport: "tcp", hostname: "127.0.0.1", port: 0 },
  token: undefined,
  hosts: [],
  maxConnections: 64,
  toxiproxy: undefined,
  unixMode: undefined,
};

/** A system with this many descriptors. */
class Descriptors {
  left: number;
  opened = 0;

  constructor(left: number) {
    this.left = left;
  }

  readonly open = (): Disposable => {
    if (this.left === 0) throw new Error("Too many open files (os error 24)");
    this.left -= 1;
    this.opened += 1;
    return { [Symbol.dispose]: () => void (this.left += 1) };
  };
}
