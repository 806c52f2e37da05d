import assert from "node:assert/strict";
import { mock } from "node:test";
import { createLog } from "../../../../src/observe/log/log.ts";
import type { Report, SupervisorCalls } from "../../../../src/runtime/worker/thread_calls.ts";
import { WorkerReporter } from "../../../../src/runtime/worker/worker_reporter.ts";

const BATCH = 10;
const SUPERVISOR: SupervisorCalls = {
  connectionFailed() {},
  evictIdle() {},
  freed() {},
  descriptorsShort() {},
};

Deno.test("what a worker says in one moment is sent together, in its order, and no later than a batch may wait", () => {
  using stage = new Stage();
  const { voice, sent } = stage;
  voice.setSubscribed(true);
  voice.log.info("first", { event: "one" });
  voice.accessFile.info("", { id: 2 });
  voice.events.opened({ id: 3, service: "db", client: "192.0.2.1:4000" });
  voice.log.error("fourth");
  stage.pass(BATCH - 1);
  assert.equal(sent.length, 0);
  stage.pass(1);
  assert.equal(sent.length, 1);
  const [one, two, three, four, ...more] = sent[0]!;
  assert.deepEqual(one, { kind: "log", level: "info", message: "first", fields: { event: "one" } });
  assert.deepEqual(two, { kind: "access", level: "info", message: "", fields: { id: 2 } });
  assert.ok(three?.kind === "event" && three.event.type === "opened" && three.event.id === 3);
  assert.deepEqual(four, { kind: "log", level: "error", message: "fourth", fields: undefined });
  assert.deepEqual(more, []);
  voice.log.warn("later");
  stage.pass(BATCH);
  assert.deepEqual(sent[1]!.map((report) => report.kind === "log" && report.message), ["later"]);
});

Deno.test("a worker that has nothing to say sends nothing, and what is flushed goes at once and once", () => {
  using stage = new Stage();
  const { voice, sent } = stage;
  voice.flush();
  stage.pass(10 * BATCH);
  assert.equal(sent.length, 0);
  voice.log.info("now");
  voice.flush();
  assert.equal(sent.length, 1);
  stage.pass(10 * BATCH);
  voice.flush();
  assert.equal(sent.length, 1);
});

Deno.test("a worker sends only lines that are wanted, of whichever level that is at the time", async () => {
  using stage = new Stage();
  const { voice, sent } = stage;
  const levels = ["debug", "info", "warn", "error"] as const;
  const logAll = () => {
    for (const level of levels) voice.log[level](level);
    voice.flush();
    return sent.splice(0).flat().map((report) => report.kind === "log" && report.level);
  };
  assert.deepEqual(logAll(), ["info", "warn", "error"], "as a program does that was told nothing");
  for (const [index, level] of levels.entries()) {
    voice.setLevel(level);
    const wanted = levels.slice(index);
    assert.deepEqual(logAll(), wanted);
    assert.deepEqual(levels.filter((each) => voice.log.enabled(each)), wanted);
    const real = createLog({
      level,
      format: "text",
      colors: false,
      write: (bytes) => Promise.resolve(bytes.length),
    });
    assert.deepEqual(levels.filter((each) => real.enabled(each)), wanted, "as in the supervisor's own log");
    await real.flush();
  }
  voice.log.error("last");
  await voice.log.flush();
  assert.equal(sent.length, 1);
});

Deno.test("a worker tells what happens only while somebody wants to hear it, and only once", () => {
  using stage = new Stage();
  const { voice, sent } = stage;
  const open = (id: number) => voice.events.opened({ id, service: "db", client: "" });
  assert.equal(voice.events.isHeard, false);
  open(1);
  voice.setSubscribed(true);
  voice.setSubscribed(true);
  open(2);
  voice.setSubscribed(false);
  open(3);
  assert.equal(voice.events.isHeard, false);
  voice.setSubscribed(true);
  open(4);
  voice.flush();
  const ids = sent.flat().map((report) =>
    report.kind === "event" && report.event.type === "opened" && report.event.id
  );
  assert.deepEqual(ids, [2, 4]);
});

Deno.test("what is said at once is sent in batches that a reader of events has room for", () => {
  using stage = new Stage();
  const { voice, sent } = stage;
  for (let line = 0; line < 150; line++) voice.log.info(`${line}`);
  assert.deepEqual(sent.map(({ length }) => length), [64, 64]);
  voice.flush();
  const lines = sent.flat().map((report) => report.kind === "log" && report.message);
  assert.deepEqual(lines, Array.from({ length: 150 }, (_, line) => `${line}`));
});

class Stage implements Disposable {
  readonly sent: (readonly Report[])[] = [];
  readonly voice = new WorkerReporter(SUPERVISOR, (reports) => this.sent.push(reports));

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
