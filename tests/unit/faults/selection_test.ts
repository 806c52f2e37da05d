import assert from "node:assert/strict";
import { type Candidate, selectionOf } from "../../../src/faults/selection.ts";
import type { Trigger } from "../../../src/faults/trigger.ts";
import { NO_TRIGGER } from "../../../src/faults/trigger.ts";

const CANDIDATE: Candidate = {
  seed: 1,
  service: "postgres",
  number: 1,
  addedAt: 0,
  clientIp: "192.0.2.7",
  serverName: undefined,
};

function selects(trigger: Partial<Trigger>, candidate: Partial<Candidate> = {}): boolean {
  return selectionOf("fault", { ...NO_TRIGGER, ...trigger })({ ...CANDIDATE, ...candidate });
}

/** The numbers of the selected connections, of `count` connections. */
function selected(
  trigger: Partial<Trigger>,
  { count = 500, fault = "fault", ...candidate }: Partial<Candidate> & { count?: number; fault?: string } =
    {},
): number[] {
  const isSelected = selectionOf(fault, { ...NO_TRIGGER, ...trigger });
  return Array.from({ length: count }, (_, index) => index + 1)
    .filter((number) => isSelected({ ...CANDIDATE, ...candidate, number }));
}

Deno.test("a trigger that restricts nothing selects every connection", () => {
  assert.equal(selected({}).length, 500);
  assert.equal(selects({}, { number: 1, addedAt: 5 }), true, "those too that were there before the fault");
});

Deno.test("every selects each nth connection since the fault was added", () => {
  assert.deepEqual(selected({ every: 3 }, { count: 10 }), [3, 6, 9]);
  assert.deepEqual(selected({ every: 3 }, { count: 12, addedAt: 4 }), [7, 10]);
  assert.deepEqual(selected({ every: 1 }, { count: 5, addedAt: 3 }), [4, 5]);
});

Deno.test("first selects the first n connections since the fault was added", () => {
  assert.deepEqual(selected({ first: 2 }), [1, 2]);
  assert.deepEqual(selected({ first: 2 }, { addedAt: 4 }), [5, 6]);
});

Deno.test("client selects by address and block", () => {
  const client = ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"];
  assert.equal(selects({ client }, { clientIp: "10.9.8.7" }), true);
  assert.equal(selects({ client }, { clientIp: "192.0.2.7" }), true);
  assert.equal(selects({ client }, { clientIp: "2001:db8::1" }), true);
  assert.equal(selects({ client }, { clientIp: "192.0.2.8" }), false);
  assert.equal(selects({ client }, { clientIp: "" }), false);
});

Deno.test("sni selects by the name in the ClientHello", () => {
  const sni = ["db.example.com", "*.test"];
  assert.equal(selects({ sni }, { serverName: "DB.example.com" }), true);
  assert.equal(selects({ sni }, { serverName: "a.test" }), true);
  assert.equal(selects({ sni }, { serverName: "example.com" }), false);
  assert.equal(selects({ sni }), false);
});

Deno.test("probability selects its share, 0 none and 1 all", () => {
  assert.deepEqual(selected({ probability: 0 }), []);
  assert.equal(selected({ probability: 1 }).length, 500);
  const count = 20_000;
  const share = 0.3;
  const deviation = Math.sqrt(count * share * (1 - share));
  for (let seed = 1; seed <= 20; seed++) {
    const { length } = selected({ probability: share }, { count, seed });
    assert.ok(Math.abs(length - count * share) < 4 * deviation, `${length} of ${count}`);
  }
});

Deno.test("probability selects the same of 500 connections for the same seed, and others for another", () => {
  const trigger = { probability: 0.5 };
  const once = selected(trigger, { seed: 7 });
  assert.deepEqual(selected(trigger, { seed: 7 }), once);
  // Two independent selections agree on about half of them.
  const others = [
    selected(trigger, { seed: 8 }),
    selected(trigger, { seed: 7, service: "redis" }),
    selected(trigger, { seed: 7, fault: "other" }),
  ];
  for (const other of others) {
    const both = once.filter((number) => other.includes(number)).length;
    assert.ok(both > 75 && both < 175, `${both} in both`);
  }
});

Deno.test("all conditions of a trigger must hold", () => {
  assert.deepEqual(selected({ every: 2, first: 5, client: ["192.0.2.0/24"] }), [2, 4]);
  assert.deepEqual(selected({ every: 2, client: ["10.0.0.0/8"] }), []);
});
