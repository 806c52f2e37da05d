/** The rates that the page computes from counts that it gets once a second. */

import assert from "node:assert/strict";
import type { ServiceView, StatsEvent } from "../../../../../src/admin/views.ts";
import { Rates } from "../../../../../src/admin/page/services/rates.js";
import { errorsOf, isOrderly } from "../../../../../src/admin/page/services/service_errors.js";
import { CLOSE_REASONS, ORDERLY_REASONS } from "../../../../../src/observe/close_reason.ts";
import { ERROR_CODES, isOnPurpose } from "../../../../../src/net/errors.ts";

Deno.test("Rates are unknown at first, then computed from the last two samples", () => {
  const rates = new Rates();
  assert.equal(rates.add(stats(0, { upload: 1000 })).all, undefined);
  const { all, services } = rates.add(stats(2, { upload: 5000, download: 200, total: 6 }));
  assert.deepEqual(all, { connections: 3, upload: 2000, download: 100, errors: 0 });
  assert.deepEqual(services.get("mysql")?.curves.map((values) => values.length), [1, 1, 1]);
});

Deno.test("Rates have a gap while the page is disconnected, and forget samples older than two minutes", () => {
  const rates = new Rates();
  rates.add(stats(0, {}));
  rates.add(stats(1, { upload: 10 }));
  const [times, upload] = rates.add(stats(31, { upload: 310 })).services.get("mysql")!.curves;
  assert.deepEqual(times.map((time: number) => time - times[0]!), [0, 15, 30]);
  assert.deepEqual(upload, [10, null, 10]);
  for (let second = 32; second < 400; second += 1) rates.add(stats(second, { upload: 310 }));
  const curves = rates.add(stats(400, { upload: 310 })).services.get("mysql")!.curves;
  assert.deepEqual(curves.map((values) => values.length), [121, 121, 121]);
});

Deno.test("Rates start over after a restart of the program", () => {
  const rates = new Rates();
  rates.add(stats(0, { upload: 1_000_000 }));
  assert.equal(rates.add({ ...stats(1, {}), status: status("2026-03-02T00:00:00.000Z") }).all, undefined);
});

Deno.test("Rates ignore a sample that is not newer than the last one", () => {
  const rates = new Rates();
  rates.add(stats(0, {}));
  assert.equal(rates.add(stats(0, { upload: 5 })).all, undefined);
  assert.equal(rates.add(stats(1, { upload: 7 })).all?.upload, 7);
});

Deno.test("errorsOf() omits ends by an operator or by the configuration", () => {
  const service = serviceWith({});
  const codes = ERROR_CODES.filter(isOnPurpose);
  assert.ok(codes.includes("killed") && codes.includes("endpoint_down"), codes.join());
  const counts = Object.fromEntries(codes.map((code) => [code, 5]));
  const found = errorsOf({
    ...service,
    connections: { ...service.connections, failed: 1 },
    failed_by: { ...counts, connect_timeout: 1 },
    closed_by: { ...counts, idle_timeout: 1 },
  });
  assert.deepEqual(found.map(({ kind, count }) => [kind, count]), [["failed", 1], ["broken", 1]]);
  for (const code of ERROR_CODES) assert.equal(isOrderly(code), isOnPurpose(code), code);
});

Deno.test("isOrderly() holds for the endings that sluice counts as orderly or on purpose, and for no other", () => {
  const onPurpose = ERROR_CODES.filter(isOnPurpose);
  const orderly = CLOSE_REASONS.filter(isOrderly);
  assert.deepEqual(new Set(orderly), new Set([...ORDERLY_REASONS, ...onPurpose]));
});

Deno.test("errorsOf() lists refused, failed and broken connections, the most frequent first, without orderly ends", () => {
  const service = serviceWith({});
  const found = errorsOf({
    ...service,
    connections: { ...service.connections, failed: 2 },
    refused_by: { access_denied: 1 },
    closed_by: { client_closed: 900, client_truncated: 8, upstream_reset_after_close: 7, idle_timeout: 3 },
  });
  assert.deepEqual(found.map(({ kind, reason, count }) => `${kind} ${reason} ${count}`), [
    "broken idle_timeout 3",
    "failed upstream_not_reached 2",
    "refused access_denied 1",
  ]);
  const { errors } = lastOf([0, 1, 2].map((second) => stats(second, { refused: second })));
  assert.equal(errors, 2);
});

function lastOf(samples: readonly StatsEvent[]) {
  const rates = new Rates();
  return samples.map((sample) => rates.add(sample).all).at(-1)!;
}

interface Counts {
  readonly total?: number;
  readonly refused?: number;
  readonly upload?: number;
  readonly download?: number;
}

function stats(second: number, counts: Counts): StatsEvent {
  return {
    type: "stats",
    time: new Date(Date.UTC(2026, 2, 1) + second * 1000).toISOString(),
    status: status("2026-03-01T00:00:00.000Z"),
    services: [serviceWith(counts)],
    upstreams: [],
  };
}

function status(started_at: string): StatsEvent["status"] {
  return {
    version: "0.1.0",
    deno: "2.9.6",
    pid: 1,
    started_at,
    state: "running",
    ready: true,
    not_ready: [],
    threads: 1,
    connections: { active: 0, limit: null },
  };
}

function serviceWith({ total = 0, refused = 0, upload = 0, download = 0 }: Counts): ServiceView {
  return {
    name: "mysql",
    state: "listening",
    listen: ["127.0.0.1:3306"],
    upstreams: ["databases"],
    connections: { total, active: 0, limit: null, failed: 0, refused },
    failed_by: {},
    refused_by: { access_denied: refused },
    closed_by: {},
    bytes: { upload, download },
    tls: null,
    faults: [],
  };
}
