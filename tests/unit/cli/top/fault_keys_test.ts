/** The faults of a service in `sluice top`: their keys and their screen. */

import assert from "node:assert/strict";
import type { Key } from "../../../../src/cli/top/keys.ts";
import { press } from "../../../../src/cli/top/keys.ts";
import { type TopState, withFaults, withFaultsEnabled, withStats } from "../../../../src/cli/top/state.ts";
import { aConnection, aService } from "../../../support/peers/fake_admin.ts";
import { aFault } from "../../../support/peers/fake_faults.ts";
import { aState, key, statsAt, textOf } from "./top_fixture.ts";

const FAULTS = [aFault({ name: "slow", latency: "1s", applied: 7 }), aFault({ name: "cut", enabled: false })];

function pressed(state: TopState, ...keys: Key[]): TopState {
  return keys.reduce((state, key) => press(state, key).state, state);
}

function typed(text: string): Key[] {
  return Array.from(text, key);
}

/** The faults of mysql are shown. */
function shown(): TopState {
  return pressed(withFaults(withFaultsEnabled(aState(), true), "mysql", FAULTS), key("f"));
}

Deno.test("f shows the faults of the selected connection's service, or of the first one", () => {
  const redis = withFaultsEnabled(aState([aConnection(1, { service: "redis" })]), true);
  assert.deepEqual(pressed(redis, key("f")).mode, { kind: "faults", service: "redis", row: 0 });
  const empty = withFaultsEnabled(aState([]), true);
  assert.deepEqual(pressed(empty, key("f")).mode, { kind: "faults", service: "mysql", row: 0 });
});

Deno.test("f says that faults are not enabled, and a reload that disables them ends their list", () => {
  const state = pressed(aState(), key("f"));
  assert.equal(state.mode.kind, "list");
  assert.match(state.notice, /^Faults are not enabled/);
  assert.equal(textOf(aState(), { columns: 80, rows: 24 }).at(-1)!.includes("faults"), false);
  assert.equal(withFaultsEnabled(shown(), false).mode.kind, "list");
  assert.equal(withFaultsEnabled(pressed(shown(), key("a")), false).mode.kind, "list");
});

Deno.test("the screen of faults has the rates of services above", () => {
  const lines = textOf(pressed(shown(), key("j")), { columns: 80, rows: 15 }).map((line) => line.trimEnd());
  assert.deepEqual(lines.slice(2), [
    "SERVICE  STATE          OPEN  NEW/S FAILED REFUSED     UP/S   DOWN/S",
    "mysql    listening     5/100   25.0      4       5  2.0 KiB  2.0 MiB",
    "redis    listening     3/100    0.0      4       5      0 B      0 B",
    "Faults of mysql",
    " FAULT            STATE APPLIED TYPE      SETTINGS",
    " slow             on          7 latency   latency=1s",
    ">cut              off         0 latency",
    ...Array<string>(5).fill(""),
    "Esc back  q quit  j/k select  a add  Space on/off  x remove  Tab next service",
  ]);
});

Deno.test("the screen of faults has their service, even if others are busier", () => {
  const services = Array.from({ length: 20 }, (_, index) =>
    aService(`busy_${index}`, {
      connections: { total: 90, active: 90, limit: null, failed: 0, refused: 0 },
    }));
  const state = withStats(shown(), statsAt(2, { services: [...services, aService("mysql")] }));
  const lines = textOf(state, { columns: 80, rows: 24 });
  assert.ok(lines[3]!.startsWith("mysql "), lines.join("\n"));
});

Deno.test("the screen of faults scrolls to the selected one", () => {
  const faults = Array.from({ length: 20 }, (_, index) => aFault({ name: `fault_${index + 1}` }));
  const state = pressed(withFaults(shown(), "mysql", faults), ...Array<Key>(19).fill(key("down")));
  const lines = textOf(state, { columns: 80, rows: 12 });
  assert.ok(lines.some((line) => line.startsWith(">fault_20 ")), lines.join("\n"));
  assert.equal(lines.some((line) => line.startsWith(" fault_1 ")), false);
});

Deno.test("Space switches the selected fault on or off", () => {
  const action = { kind: "setFault", service: "mysql", name: "slow", enabled: false };
  assert.deepEqual(press(shown(), key(" ")).action, action);
  assert.deepEqual(press(pressed(shown(), key("j"), key("j")), key(" ")).action, {
    ...action,
    name: "cut",
    enabled: true,
  });
  assert.equal(press(withFaults(shown(), "mysql", []), key(" ")).action, undefined);
});

Deno.test("x asks first; only y removes the fault", () => {
  const asking = pressed(shown(), key("x"));
  assert.equal(textOf(asking, { columns: 80, rows: 24 }).at(-1), "Remove slow (y/n)?");
  const { state, action } = press(asking, key("y"));
  assert.deepEqual(action, { kind: "removeFault", service: "mysql", name: "slow" });
  assert.equal(state.mode.kind, "faults");
  assert.equal(press(asking, key("n")).action, undefined);
});

Deno.test("a takes a line as --fault does, Escape and an empty line leave it", () => {
  const typing = pressed(shown(), key("a"), ...typed("drip,every=3"), key("backspace"), key("2"));
  const last = textOf(typing, { columns: 80, rows: 24 }).at(-1);
  assert.equal(last, "Fault, such as latency,latency=200ms: drip,every=2_");
  const { state, action } = press(typing, key("return"));
  assert.deepEqual(action, { kind: "addFault", service: "mysql", text: "drip,every=2" });
  assert.equal(state.mode.kind, "faults");
  for (const keys of [[key("a"), key("escape")], [key("a"), key("return")]]) {
    assert.equal(pressed(shown(), ...keys).mode.kind, "faults");
  }
});

Deno.test("Tab shows the next service, Escape and f return to the connections, q quits", () => {
  const redis = pressed(shown(), key("tab"));
  assert.deepEqual(redis.mode, { kind: "faults", service: "redis", row: 0 });
  assert.ok(textOf(redis, { columns: 80, rows: 24 }).includes("  none: a adds one"));
  assert.deepEqual(pressed(redis, key("tab")).mode, { kind: "faults", service: "mysql", row: 0 });
  assert.equal(pressed(shown(), key("escape")).mode.kind, "list");
  assert.equal(pressed(shown(), key("f")).mode.kind, "list");
  assert.deepEqual(press(shown(), key("q")).action, { kind: "quit" });
});
