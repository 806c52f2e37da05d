import assert from "node:assert/strict";
import fc from "fast-check";
import { type Key, press } from "../../../../src/cli/top/keys.ts";
import { selectedConnection, type TopState, withReading, withRows } from "../../../../src/cli/top/state.ts";
import { aConnection } from "../../../support/peers/fake_admin.ts";
import { aState, control, key, readingOf } from "./top_fixture.ts";

/** The state after these keys. */
function pressed(state: TopState, ...keys: Key[]): TopState {
  return keys.reduce((state, key) => press(state, key).state, state);
}

/** The first of 100 connections, on a screen with room for ten. */
function firstOfMany(): TopState {
  const page = Array.from({ length: 10 }, (_, index) => aConnection(index + 1));
  return withReading(withRows(aState(page), 10), readingOf(page, 2000, 100));
}

Deno.test("q and Ctrl-C quit, Ctrl-C also during a question", () => {
  assert.deepEqual(press(aState(), key("q")).action, { kind: "quit" });
  for (const name of ["j", "/", "K", "?"]) {
    assert.deepEqual(press(pressed(aState(), key(name)), control("c")).action, { kind: "quit" }, name);
  }
});

Deno.test("K asks first; only y closes the connection in question", () => {
  const confirming = pressed(aState(), key("j"), key("K"));
  const moved = withReading(confirming, readingOf([aConnection(3)], 2000));
  assert.deepEqual(press(moved, key("y")).action, { kind: "kill", id: 2 });
  assert.deepEqual(press(moved, key("y")).state.mode, { kind: "list" });
  for (const name of ["n", "Y", "return", "escape", "q"]) {
    const { state, action } = press(confirming, key(name));
    assert.equal(action, undefined, name);
    assert.equal(state.mode.kind, "list");
  }
});

Deno.test("K does nothing without a connection, and k is not K", () => {
  assert.equal(pressed(aState([]), key("K")).mode.kind, "list");
  assert.equal(pressed(aState(), key("k")).mode.kind, "list");
  assert.equal(pressed(aState(), control("k")).mode.kind, "list");
});

Deno.test("the selection stays in its row; once the user has moved it, it follows its connection", () => {
  const [first, second, third] = [aConnection(1), aConnection(2), aConnection(3)];
  const state = aState([first, second, third]);
  const reordered = readingOf([third, first, second], 2000);
  assert.equal(selectedConnection(withReading(state, reordered))?.id, 3);
  const chosen = withReading(pressed(state, key("down")), reordered);
  assert.equal(selectedConnection(chosen)?.id, 2);
  assert.equal(chosen.row, 2);
  const gone = withReading(chosen, readingOf([third, first], 3000));
  assert.equal(selectedConnection(gone)?.id, 1, "the next one at that place");
});

Deno.test("the selection scrolls the list at the edge of the screen", () => {
  const state = pressed(firstOfMany(), ...Array<Key>(10).fill(key("j")));
  assert.deepEqual([state.offset, state.row], [1, 9]);
  const next = Array.from({ length: 10 }, (_, index) => aConnection(index + 2));
  const read = withReading(state, readingOf(next, 3000, 100));
  assert.deepEqual([read.offset, read.row, selectedConnection(read)?.id], [1, 9, 11]);
  const back = pressed(read, ...Array<Key>(10).fill(key("k")));
  assert.deepEqual([back.offset, back.row], [0, 0]);
});

Deno.test("G and g go to the last and the first connection, page keys by screens", () => {
  const last = pressed(firstOfMany(), key("G"));
  assert.deepEqual([last.offset, last.row], [90, 9]);
  assert.deepEqual([pressed(last, key("g")).offset, pressed(last, key("g")).row], [0, 0]);
  const page = pressed(firstOfMany(), key("pagedown"));
  assert.deepEqual([page.offset, page.row], [1, 9]);
  assert.deepEqual([pressed(firstOfMany(), key("pageup")).offset], [0]);
});

Deno.test("withReading() shows a list that has become shorter to its end", () => {
  const last = pressed(firstOfMany(), key("end"));
  const read = withReading(last, readingOf([], 3000, 35));
  assert.equal(read.offset, 25);
});

Deno.test("s steps through the orders, amounts with the largest first; r reverses; both return to the top", () => {
  const orders = [];
  let state = { ...aState(), offset: 5 };
  for (let i = 0; i < 6; i++) {
    state = pressed(state, key("s"));
    orders.push(`${state.order.isDescending ? "-" : ""}${state.order.sort}`);
  }
  assert.deepEqual(orders, ["-age", "id", "client", "service", "endpoint", "-bytes"]);
  assert.equal(state.offset, 0);
  assert.equal(pressed(state, key("r")).order.isDescending, false);
});

Deno.test("a filter is typed, corrected, and applied with Enter; Escape cancels", () => {
  const typed = pressed(aState(), key("/"), key("d"), key("q"), key("backspace"), key("b"));
  assert.deepEqual(typed.mode, { kind: "filter", text: "db" });
  assert.equal(typed.order.filter, "");
  const applied = pressed(typed, key("return"));
  assert.equal(applied.order.filter, "db");
  assert.equal(applied.mode.kind, "list");
  const changed = pressed(applied, key("/"), key("x"), key("escape"));
  assert.equal(changed.order.filter, "db");
  assert.equal(pressed(applied, key("/"), control("u"), key("return")).order.filter, "");
  assert.equal(pressed(applied, key("escape")).order.filter, "");
});

Deno.test("a filter is no longer than the admin interface accepts, and has no control characters", () => {
  const letters = Array<Key>(300).fill(key("a"));
  const { mode } = pressed(aState(), key("/"), ...letters, key("tab"), { ...key("\t"), text: "\t" });
  assert.deepEqual(mode, { kind: "filter", text: "a".repeat(200) });
});

Deno.test("p pauses and resumes; any key removes a notice", () => {
  const paused = pressed({ ...aState(), notice: "Closed connection 1" }, key("p"));
  assert.equal(paused.isPaused, true);
  assert.equal(paused.notice, "");
  assert.equal(pressed(paused, key("p")).isPaused, false);
});

Deno.test("no sequence of keys moves the selection out of the list", () => {
  const names = [
    "j",
    "k",
    "g",
    "G",
    "pageup",
    "pagedown",
    "s",
    "r",
    "/",
    "a",
    "return",
    "escape",
    "p",
    "?",
    "K",
    "n",
  ];
  fc.assert(fc.property(fc.array(fc.constantFrom(...names), { maxLength: 40 }), (sequence) => {
    const state = pressed(firstOfMany(), ...sequence.map(key));
    assert.ok(state.row >= 0 && state.row < 10, `row ${state.row}`);
    assert.ok(state.offset >= 0 && state.offset + state.row < 100, `offset ${state.offset}`);
  }));
});
