import assert from "node:assert/strict";
import fc from "fast-check";
import { connectionRowsIn } from "../../../../src/cli/top/frame.ts";
import { press } from "../../../../src/cli/top/keys.ts";
import { line, painted } from "../../../../src/cli/top/line.ts";
import { initialState, type TopState } from "../../../../src/cli/top/state.ts";
import {
  aConnection,
  aDiscovery,
  anEndpoint,
  anUpstream,
  aService,
  aStatus,
} from "../../../support/peers/fake_admin.ts";
import { aState, key, ORDER, statsAt, textOf } from "./top_fixture.ts";

const STANDARD = { columns: 80, rows: 24 };

Deno.test("the screen of top at 80 by 24", () => {
  assert.deepEqual(trimmed(textOf(aState(), STANDARD)), [
    "sluice 1.2.3  running  up 1h00m  1 thread                           3/10000 open",
    "",
    "SERVICE  STATE          OPEN  NEW/S FAILED REFUSED     UP/S   DOWN/S",
    "mysql    listening     5/100   25.0      4       5  2.0 KiB  2.0 MiB",
    "redis    listening     3/100    0.0      4       5      0 B      0 B",
    "",
    "UPSTREAM ENDPOINT      STATE        TIER      OPEN  NEW/S FAILURES",
    "db       10.0.0.1:3306 up              0         2    0.0        0",
    "db       10.0.0.2:3306 down            0         2    0.0        7",
    "",
    "3 connections, most bytes first",
    "    ID SERVICE  CLIENT                ENDPOINT         AGE     UP/S   DOWN/S",
    ">    1 mysql    192.0.2.1:40001       10.0.0.1:3306     1s      0 B  2.0 KiB",
    "     2 mysql    192.0.2.2:40002       10.0.0.1:3306     2s      0 B  2.0 KiB",
    "     3 mysql    192.0.2.3:40003       10.0.0.1:3306     3s      0 B  2.0 KiB",
    ...Array<string>(8).fill(""),
    "? help  q quit  j/k select  K kill  s sort  r reverse  / filter  p pause",
  ]);
});

Deno.test("the screen of top at 60 by 18 omits columns, shortens texts, and has no blank lines", () => {
  const state = aState([
    aConnection(1, { client: "[2001:db8:1234:5678:9abc:def0:1234:5678]:65535", service: "postgres-eu" }),
    aConnection(2, { state: "connecting", endpoint: null }),
  ]);
  assert.deepEqual(trimmed(textOf(state, { columns: 60, rows: 18 })), [
    "sluice 1.2.3  running  up 1h00m  1 thread       3/10000 open",
    "",
    "SERVICE       OPEN  NEW/S FAILED REFUSED     UP/S   DOWN/S",
    "mysql        5/100   25.0      4       5  2.0 KiB  2.0 MiB",
    "redis        3/100    0.0      4       5      0 B      0 B",
    "UPSTREAM ENDPOINT      STATE             OPEN FAILURES",
    "db       10.0.0.1:3306 up                   2        0",
    "db       10.0.0.2:3306 down                 2        7",
    "2 connections, most bytes first",
    "    ID CLIENT                ENDPOINT          UP/S   DOWN/S",
    ">    1 [2001:db8:…678]:65535 10.0.0.1:3306      0 B  2.0 KiB",
    "     2 192.0.2.2:40002       (connecting)       0 B  2.0 KiB",
    ...Array<string>(5).fill(""),
    "? help  q quit  j/k select  K kill  s sort  r reverse  / fil",
  ]);
});

Deno.test("the screen of top shows how many clients wait for an endpoint, once for each group", () => {
  const queue = { length: 12, waited: 0, timeouts: 0, refused: 0 };
  const upstreams = [anUpstream("db", { queue, waiting: 3 }), anUpstream("cache")];
  const state = { ...aState(), stats: statsAt(0, { services: [], upstreams }) };
  const waiting = (columns: number) =>
    textOf(state, { columns, rows: 24 }).filter((text) => /UPSTREAM|10\.0\.0/.test(text)).map((text) =>
      text.trim().split(/ +/).at(-1)
    ).slice(0, 5);
  assert.deepEqual(waiting(100), ["WAITING", "15", "7", "0", "7"]);
  assert.deepEqual(waiting(60), ["FAILURES", "0", "7", "0", "7"]);
});

Deno.test("the screen of top shows which source of endpoints last answered when, those with errors first", () => {
  const error = "Consul at http://127.0.0.1:8500: connection refused";
  const upstreams = [
    anUpstream("one", { discovery: aDiscovery() }),
    anUpstream("two", { discovery: aDiscovery({ source: "dns", last_success: null }) }),
    anUpstream("bad", { discovery: aDiscovery({ failures: 4, error }) }),
  ];
  const state = { ...aState(), stats: statsAt(0, { upstreams }) };
  const tableAt = (columns: number, rows: number) => {
    const lines = textOf(state, { columns, rows });
    const first = lines.findIndex((text) => text.includes("DISCOVERY"));
    return first === -1 ? [] : trimmed(lines.slice(first, first + 4));
  };
  assert.deepEqual(tableAt(100, 40), [
    "UPSTREAM DISCOVERY  ANSWERED   FAILURES ERROR",
    "one      consul     30s ago           0",
    "two      dns        never             0",
    `bad      consul     30s ago           4 ${error}`,
  ]);
  assert.deepEqual(tableAt(80, 24), [
    "UPSTREAM DISCOVERY  ANSWERED   FAILURES ERROR",
    "bad      consul     30s ago           4 Consul at http://127… connection refused",
    "... and 2 more",
    "",
  ]);
  assert.deepEqual(tableAt(60, 18).slice(0, 2), [
    "UPSTREAM DISCOVERY  ANSWERED   ERROR",
    "bad      consul     30s ago    Consul at http…ection refused",
  ]);
  assert.deepEqual(tableAt(60, 12), []);
  const healthy = { ...state, stats: statsAt(0, { upstreams: upstreams.slice(0, 2) }) };
  assert.ok(!textOf(healthy, { columns: 80, rows: 18 }).some((text) => text.includes("DISCOVERY")));
});

Deno.test("the screen of top shows the busiest services, and endpoints with problems, if not all fit", () => {
  const services = [1, 9, 3, 4, 5, 6, 7, 8].map((active) =>
    aService(`s${active}`, { connections: { total: 0, active, limit: null, failed: 0, refused: 0 } })
  );
  const endpoints = ["a", "b", "c", "d", "e", "f", "g"].map((name) => anEndpoint(`${name}:1`));
  endpoints.push(anEndpoint("h:1", { state: "ejected" }), anEndpoint("i:1", { admin: "drain" }));
  const stats = statsAt(0, { services, upstreams: [anUpstream("db", { endpoints })] });
  const lines = textOf({ ...aState(), stats }, STANDARD).map((text) =>
    text.split(/ {2,}|(?<=db) /).slice(0, 2)
  );
  assert.deepEqual(lines.slice(3, 8).map(([name]) => name), ["s9", "s8", "s7", "s6", "... and 4 more"]);
  assert.deepEqual(lines.slice(10, 15).map(([, name = ""]) => name.split(" ")[0]), [
    ...["h:1", "i:1", "a:1", "b:1"],
    "",
  ]);
  assert.deepEqual(lines[14], ["... and 5 more"]);
});

for (
  const { what, change, row, text } of [
    { what: "a pause", change: { isPaused: true }, row: 1, text: "PAUSED: p resumes" },
    {
      what: "an outage",
      change: { outage: { reason: "connection refused", retryIn: 4 }, isPaused: true },
      row: 1,
      text: "DISCONNECTED (connection refused), retrying in 4 s, figures of 01:00:01 UTC",
    },
    { what: "what happened", change: { notice: "Closed connection 7" }, row: 1, text: "Closed connection 7" },
    {
      what: "why the proxy is not ready",
      change: {
        stats: statsAt(1, { status: aStatus({ ready: false, not_ready: ["draining", "no upstream"] }) }),
      },
      row: 1,
      text: "NOT READY: draining; no upstream",
    },
    {
      what: "the filter that is typed",
      change: { mode: { kind: "filter", text: "10.0.0" } },
      row: 23,
      text: "Filter: 10.0.0_  (Enter: apply, Esc: cancel)",
    },
    {
      what: "the question before a connection is closed",
      change: { mode: { kind: "kill", connection: aConnection(7) } },
      row: 23,
      text: "Close connection 7 (y/n)? 192.0.2.7:40007 to mysql",
    },
    {
      what: "which connections are listed",
      change: { order: { ...ORDER, filter: "192\x1b", sort: "age" }, offset: 4, reading: undefined },
      row: 10,
      text: "Connections",
    },
  ] satisfies { what: string; change: Partial<TopState>; row: number; text: string }[]
) {
  Deno.test(`the screen of top shows ${what}`, () => {
    assert.equal(textOf({ ...aState(), ...change }, STANDARD)[row], text);
  });
}

Deno.test("the screen of top shows the number of connections, the range and the order", () => {
  const state = aState();
  const page = { total: 5000, matching: 40, connections: state.reading!.page.connections };
  const order = { filter: "a\x1bb", sort: "age", isDescending: false } as const;
  const lines = textOf({ ...state, reading: { page, at: 0 }, order, offset: 12 }, STANDARD);
  assert.equal(lines[10], '5000 connections, 40 with "a\ufffdb", 13-15, newest first');
});

Deno.test("the help of top names every key within 60 columns", () => {
  const { state } = press(aState(), key("?"));
  const lines = textOf(state, STANDARD);
  assert.equal(lines[0], "Keys");
  assert.ok(lines.includes("  K              close the selected connection (asks first)"), lines.join("\n"));
  assert.ok(lines.every((line) => line.length <= 60));
  assert.equal(lines.at(-1), "any key back  q quit");
});

Deno.test("the screen of top has a sensible content before the first figures", () => {
  const lines = textOf(initialState(ORDER), STANDARD);
  assert.equal(lines[0], "sluice");
  assert.ok(lines.includes("Connections"));
});

Deno.test("the screen of top has the terminal's size, whatever it is", () => {
  const filled = aState(Array.from({ length: 50 }, (_, index) => aConnection(index)));
  const upstreams = ["one", "two", "three"].map((name) =>
    anUpstream(name, { discovery: aDiscovery({ error: "refused" }) })
  );
  const state = { ...filled, stats: statsAt(1, { upstreams }) };
  const sizes = fc.record({
    columns: fc.integer({ min: 1, max: 250 }),
    rows: fc.integer({ min: 1, max: 80 }),
  });
  const modes = fc.constantFrom("j", "?", "/", "K");
  fc.assert(fc.property(sizes, modes, (size, name) => {
    const lines = textOf(press(state, key(name)).state, size);
    assert.equal(lines.length, size.rows);
    for (const text of lines) assert.ok(Array.from(text).length <= size.columns, text);
    const room = connectionRowsIn(state, size);
    if (size.rows >= 12) assert.ok(room >= 1 && room < size.rows, `${room}`);
  }));
});

Deno.test("the screen of top marks the selection and down endpoints, with and without colours", () => {
  assert.equal(painted(line("a"), true), "a");
  assert.equal(painted(line("a", "selected"), false), "\x1b[7ma\x1b[0m");
  assert.equal(painted(line("a", "bad"), true), "\x1b[1m\x1b[31ma\x1b[0m");
  assert.equal(painted(line("a", "bad"), false), "\x1b[1ma\x1b[0m");
  assert.equal(painted(line("a", "unusual"), false), "a");
});

function trimmed(lines: readonly string[]): string[] {
  return lines.map((text) => text.trimEnd());
}
