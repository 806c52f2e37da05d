import assert from "node:assert/strict";
import { StatusWriter } from "../../../src/gateway/status_writer.ts";
import type { StatusUpdate } from "../../../src/gateway/translation/statuses.ts";
import { keptLog } from "./kept_log.ts";

/** A writer whose requests a test answers. */
function writerWith(answer: () => Response | Error) {
  const requests: unknown[] = [];
  const clock = { now: 0 };
  const lines: string[] = [];
  const writer = new StatusWriter({
    client: {
      patch: (path, change) => {
        requests.push([path, change]);
        const result = answer();
        return result instanceof Error ? Promise.reject(result) : Promise.resolve(result);
      },
    },
    log: keptLog(lines),
    now: () => clock.now,
  });
  return { writer, requests, clock, lines };
}

function update(keys: Partial<StatusUpdate> = {}): StatusUpdate {
  const status = { conditions: [{ type: "Accepted", lastTransitionTime: "2026-01-01T00:00:00Z" }] };
  return { path: "/a/status", what: "Gateway a", uid: "1", resourceVersion: "1", status, ...keys };
}

const { signal } = new AbortController();
const ok = () => Response.json({});

Deno.test("StatusWriter.write() merges the status into the version that was seen", async () => {
  const { writer, requests } = writerWith(ok);
  const { status } = update();
  assert.equal(await writer.write([update()], signal), undefined);
  assert.deepEqual(requests, [["/a/status", { metadata: { resourceVersion: "1" }, status }]]);
});

Deno.test("StatusWriter.write() waits for the watch, and does not write into a version again", async () => {
  const { writer, requests, clock } = writerWith(ok);
  await writer.write([update()], signal);
  clock.now = 1_000_000;
  await writer.write([update()], signal);
  assert.equal(requests.length, 1);
});

Deno.test("StatusWriter.write() writes what somebody undoes, and less and less often", async () => {
  const { writer, requests, clock } = writerWith(ok);
  await writer.write([update()], signal);
  const waits: (number | undefined)[] = [];
  for (let version = 2; version < 6; version++) {
    const wait = await writer.write([update({ resourceVersion: `${version}` })], signal);
    waits.push(wait);
    clock.now += wait ?? 0;
    assert.equal(await writer.write([update({ resourceVersion: `${version}` })], signal), undefined);
  }
  assert.deepEqual(waits, [5000, 10_000, 20_000, 40_000]);
  assert.equal(requests.length, 5);
});

Deno.test("StatusWriter.write() writes another status, or that of a new object, at once", async () => {
  const { writer, requests } = writerWith(ok);
  await writer.write([update()], signal);
  await writer.write([update({ resourceVersion: "2", status: { conditions: [] } })], signal);
  await writer.write([update({ resourceVersion: "3", uid: "2", status: { conditions: [] } })], signal);
  assert.equal(requests.length, 3);
});

Deno.test("StatusWriter.write() leaves to the watch what was changed or deleted meanwhile", async () => {
  for (const status of [404, 409]) {
    const { writer, requests, lines } = writerWith(() => new Response("", { status }));
    assert.equal(await writer.write([update()], signal), undefined);
    assert.equal(await writer.write([update({ resourceVersion: "2" })], signal), undefined);
    assert.equal(requests.length, 2);
    assert.deepEqual(lines, []);
  }
});

Deno.test("StatusWriter.write() says once that it fails, goes on with the others, and asks to be called again", async () => {
  for (const failure of [() => new Error("unreachable"), () => new Response("no", { status: 403 })]) {
    const { writer, requests, lines } = writerWith(failure);
    const both = [update(), update({ path: "/b/status", what: "Gateway b" })];
    assert.equal(await writer.write(both, signal), 5000);
    assert.equal(await writer.write(both, signal), 5000);
    assert.equal(requests.length, 4);
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /^warn Cannot write the status of Gateway a: /);
  }
});

Deno.test("StatusWriter.write() ends with its signal", async () => {
  const stop = new AbortController();
  const { writer } = writerWith(() => {
    stop.abort(new Error("stopped"));
    return new Error("aborted");
  });
  await assert.rejects(writer.write([update()], stop.signal), { message: "stopped" });
});
