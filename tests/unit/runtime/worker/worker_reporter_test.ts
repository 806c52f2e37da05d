import assert from "node:assert/strict";
import { mock } from "node:test";
import { createLog } from "../../../../src/observe/log/log.ts";
import type { Report } from "../../../../src/runtime/worker/thread_calls.ts";
import { WorkerReporter } from "../../../../src/runtime/worker/worker_reporter.ts";

const BATCH = 10;
Deno.test("WorkerReporter sends what comes within 10 ms as one batch, in order", () => {
  using fixture = new Fixture();
  const { reporter, sent } = fixture;
  reporter.setSubscribed(true);
  reporter.log.info("first", { event: "one" });
  reporter.accessFile.info("", { id: 2 });
  reporter.events.opened({ id: 3, service: "db", client: "192.0.2.1:4000" });
  reporter.log.error("fourth");
  fixture.pass(BATCH - 1);
  assert.equal(sent.length, 0);
  fixture.pass(1);
  assert.equal(sent.length, 1);
  const [one, two, three, four, ...more] = sent[0]!;
  assert.deepEqual(one, { kind: "log", level: "info", message: "first", fields: { event: "one" } });
  assert.deepEqual(two, { kind: "access", level: "info", message: "", fields: { id: 2 } });
  assert.ok(three?.kind === "event" && three.event.type === "opened" && three.event.id === 3);
  assert.deepEqual(four, { kind: "log", level: "error", message: "fourth", fields: undefined });
  assert.deepEqual(more, []);
  reporter.log.warn("later");
  fixture.pass(BATCH);
  assert.deepEqual(sent[1]!.map((report) => report.kind === "log" && report.message), ["later"]);
});

Deno.test("WorkerReporter.flush() sends at once and once, and nothing when there is nothing", () => {
  using fixture = new Fixture();
  const { reporter, sent } = fixture;
  reporter.flush();
  fixture.pass(10 * BATCH);
  assert.equal(sent.length, 0);
  reporter.log.info("now");
  reporter.flush();
  assert.equal(sent.length, 1);
  fixture.pass(10 * BATCH);
  reporter.flush();
  assert.equal(sent.length, 1);
});

Deno.test("WorkerReporter sends only lines of the current level and above", async () => {
  using fixture = new Fixture();
  const { reporter, sent } = fixture;
  const levels = ["debug", "info", "warn", "error"] as const;
  const logAll = () => {
    for (const level of levels) reporter.log[level](level);
    reporter.flush();
    return sent.splice(0).flat().map((report) => report.kind === "log" && report.level);
  };
  assert.deepEqual(logAll(), ["info", "warn", "error"], "the default level");
  for (const [index, level] of levels.entries()) {
    reporter.setLevel(level);
    const wanted = levels.slice(index);
    assert.deepEqual(logAll(), wanted);
    assert.deepEqual(levels.filter((each) => reporter.log.enabled(each)), wanted);
    const real = createLog({
      level,
      format: "text",
      colors: false,
      output: { write: (bytes) => Promise.resolve(bytes.length) },
    });
    assert.deepEqual(levels.filter((each) => real.enabled(each)), wanted, "as in the supervisor's own log");
    await real.flush();
  }
  reporter.log.error("last");
  await reporter.log.flush();
  assert.equal(sent.length, 1);
});

Deno.test("WorkerReporter sends events only while there is a subscriber, and each once", () => {
  using fixture = new Fixture();
  const { reporter, sent } = fixture;
  const open = (id: number) => reporter.events.opened({ id, service: "db", client: "" });
  assert.equal(reporter.events.isSubscribed, false);
  open(1);
  reporter.setSubscribed(true);
  reporter.setSubscribed(true);
  open(2);
  reporter.setSubscribed(false);
  open(3);
  assert.equal(reporter.events.isSubscribed, false);
  reporter.setSubscribed(true);
  open(4);
  reporter.flush();
  const ids = sent.flat().map((report) =>
    report.kind === "event" && report.event.type === "opened" && report.event.id
  );
  assert.deepEqual(ids, [2, 4]);
});

Deno.test("WorkerReporter splits a burst into batches of 64 reports", () => {
  using fixture = new Fixture();
  const { reporter, sent } = fixture;
  for (let line = 0; line < 150; line++) reporter.log.info(`${line}`);
  assert.deepEqual(sent.map(({ length }) => length), [64, 64]);
  reporter.flush();
  const lines = sent.flat().map((report) => report.kind === "log" && report.message);
  assert.deepEqual(lines, Array.from({ length: 150 }, (_, line) => `${line}`));
});

class Fixture implements Disposable {
  readonly sent: (readonly Report[])[] = [];
  readonly reporter = new WorkerReporter({
    connectionFailed() {},
    stickFailed: () => Promise.resolve(),
    evictIdle() {},
    freed() {},
    duplicate: () => Promise.resolve(-1),
    descriptorsShort() {},
    reports: (reports) => void this.sent.push(reports),
  });

  constructor() {
    mock.timers.enable({ apis: ["setTimeout"] });
  }

  pass(milliseconds: number): void {
    mock.timers.tick(milliseconds);
  }

  [Symbol.dispose](): void {
    mock.timers.reset();
  }
}
