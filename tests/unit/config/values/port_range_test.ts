import assert from "node:assert/strict";
import fc from "fast-check";
import {
  formatPortRange,
  mergePortRanges,
  parseListenRange,
  parsePortRange,
  parseUpstreamRange,
} from "../../../../src/config/values/port_range.ts";
import { formatAddress } from "../../../../src/net/address.ts";

const range = fc.tuple(fc.integer({ min: 1, max: 65535 }), fc.integer({ min: 1, max: 65535 }))
  .map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) }));

Deno.test("parsePortRange() reads ports and ranges", () => {
  assert.deepEqual(parsePortRange(1), { first: 1, last: 1 });
  assert.deepEqual(parsePortRange("65535"), { first: 65535, last: 65535 });
  assert.deepEqual(parsePortRange("40000-40999"), { first: 40000, last: 40999 });
  assert.deepEqual(parsePortRange("7-7"), { first: 7, last: 7 });
});

Deno.test("parseUpstreamRange() reads addresses, and those with a range of ports", () => {
  const db = { transport: "tcp", hostname: "db", port: 1 };
  assert.deepEqual(parseUpstreamRange("db:1"), db);
  assert.deepEqual(parseUpstreamRange("db:1-65535"), { ...db, lastPort: 65535 });
  assert.deepEqual(parseUpstreamRange("db:1-1"), { ...db, lastPort: 1 });
  for (const text of ["[::1]:7000-7010", "db:1-1", "db:1", "unix:/run/db:1-2"]) {
    assert.equal(formatAddress(parseUpstreamRange(text)), text);
  }
  for (
    const text of [
      "db:0-5",
      "db:5-65536",
      "db:9-8",
      "db:1-2-3",
      "::1:1-2",
      ":1-2",
      "1-2",
      "7000:1-2",
      "a b:1-2",
    ]
  ) {
    assert.throws(() => parseUpstreamRange(text), { name: "SyntaxError" }, text);
  }
});

Deno.test("parsePortRange() refuses what is neither", () => {
  const cases: [value: string | number, message: RegExp][] = [
    [0, /^Cannot parse port "0": expected 1-65535$/],
    ["0-5", /^Cannot parse port "0" in "0-5": expected 1-65535$/],
    ["5-65536", /^Cannot parse port "65536" in "5-65536": expected 1-65535$/],
    ["9-8", /^Cannot parse port range "9-8": the first port is larger than the last$/],
    ...["", "-", "5-", "-5", "1-2-3", "1 - 2", "http", "1.5", "0x10"].map((
      text,
    ): [string, RegExp] => [
      text,
      /^Cannot parse port ".*": expected a port such as 5432 or a range such as /,
    ]),
    [-5, /^Cannot parse port "-5"/],
    [1.5, /^Cannot parse port "1.5"/],
  ];
  for (const [value, message] of cases) {
    assert.throws(() => parsePortRange(value), { name: "SyntaxError", message }, String(value));
  }
});

Deno.test("parsePortRange() reverses formatPortRange()", () => {
  fc.assert(fc.property(range, (each) => assert.deepEqual(parsePortRange(formatPortRange(each)), each)));
});

Deno.test("parseListenRange() gives an address for each port, in every form an address has", () => {
  const cases: [text: string, addresses: string[]][] = [
    ["7000-7001", ["127.0.0.1:7000", "127.0.0.1:7001"]],
    [":7000-7001", ["[::]:7000", "[::]:7001"]],
    ["0.0.0.0:7000-7001", ["0.0.0.0:7000", "0.0.0.0:7001"]],
    ["[::1]:7000-7001", ["[::1]:7000", "[::1]:7001"]],
    ["my-host:7000-7001", ["my-host:7000", "my-host:7001"]],
    ["7000-7000", ["127.0.0.1:7000"]],
    ["7000", ["127.0.0.1:7000"]],
    ["host-1:0", ["host-1:0"]],
    ["unix:/run/1-2", ["unix:/run/1-2"]],
    ["unix:a:1-2", ["unix:a:1-2"]],
  ];
  for (const [text, addresses] of cases) {
    assert.deepEqual(parseListenRange(text).map(formatAddress), addresses, text);
  }
});

Deno.test("parseListenRange() takes 1000 ports and no more", () => {
  assert.equal(parseListenRange("1-1000").length, 1000);
  assert.throws(() => parseListenRange(":1-1001"), {
    name: "RangeError",
    message: 'Cannot listen on ":1-1001": expected at most 1000 ports, got 1001',
  });
});

Deno.test("mergePortRanges() holds the same ports in as few ranges as possible", () => {
  const small = range.map(({ first, last }) => ({ first: first % 50, last: first % 50 + last % 10 }));
  fc.assert(fc.property(fc.array(small), (ranges) => {
    const merged = mergePortRanges(ranges);
    const portsOf = (each: typeof ranges) =>
      new Set(
        each.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, at) => first + at)),
      );
    assert.deepEqual([...portsOf(merged)], [...portsOf(ranges)].sort((a, b) => a - b));
    for (const [index, each] of merged.slice(1).entries()) assert.ok(each.first > merged[index]!.last + 1);
  }));
});
