import assert from "node:assert/strict";
import { type RoundOptions, StatusWriter } from "../../../src/gateway/status_writer.ts";
import type { StatusUpdate } from "../../../src/gateway/translation/statuses.ts";
import { settled } from "../../support/fakes/fake_time.ts";
import { keptLog } from "./kept_log.ts";

/** A writer whose requests a test answers. */
function writerWith(answer: (path: string) => Response | Error | Promise<Response>) {
  const requests: unknown[] = [];
  const clock = { now: 0 };
  const lines: string[] = [];
  const writer = new StatusWriter({
    client: {
      patch: (path, change) => {
        requests.push([path, change]);
        const result = answer(path);
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
const ROUND: RoundOptions = { exists: () => true, isOutdated: () => false, signal };
const ok = () => Response.json({});

Deno.test("StatusWriter.write() merges the status into the version that was seen", async () => {
  const { writer, requests } = writerWith(ok);
  const { status } = update();
  assert.equal(await writer.write([update()], ROUND), undefined);
  assert.deepEqual(requests, [["/a/status", { metadata: { resourceVersion: "1" }, status }]]);
});

Deno.test("StatusWriter.write() waits for the watch, and does not write into a version again", async () => {
  const { writer, requests, clock } = writerWith(ok);
  await writer.write([update()], ROUND);
  clock.now = 1_000_000;
  await writer.write([update()], ROUND);
  assert.equal(requests.length, 1);
});

Deno.test("StatusWriter.write() writes what another writer undoes, and less and less often", async () => {
  const { writer, requests, clock } = writerWith(ok);
  await writer.write([update()], ROUND);
  const waits: (number | undefined)[] = [];
  for (let version = 2; version < 6; version++) {
    const wait = await writer.write([update({ resourceVersion: `${version}` })], ROUND);
    waits.push(wait);
    clock.now += wait ?? 0;
    assert.equal(await writer.write([update({ resourceVersion: `${version}` })], ROUND), undefined);
  }
  assert.deepEqual(waits, [5000, 10_000, 20_000, 40_000]);
  assert.equal(requests.length, 5);
});

Deno.test("StatusWriter.write() writes another status, or that of a new object, at once", async () => {
  const { writer, requests } = writerWith(ok);
  await writer.write([update()], ROUND);
  await writer.write([update({ resourceVersion: "2", status: { conditions: [] } })], ROUND);
  await writer.write([update({ resourceVersion: "3", uid: "2", status: { conditions: [] } })], ROUND);
  assert.equal(requests.length, 3);
});

Deno.test("StatusWriter.write() leaves to the watch what was changed or deleted meanwhile", async () => {
  for (const status of [404, 409]) {
    const { writer, requests, lines } = writerWith(() => new Response("", { status }));
    assert.equal(await writer.write([update()], ROUND), undefined);
    assert.equal(await writer.write([update({ resourceVersion: "2" })], ROUND), undefined);
    assert.equal(requests.length, 2);
    assert.deepEqual(lines, []);
  }
});

/** Updates of this many objects. */
function updatesOf(count: number): StatusUpdate[] {
  return Array.from(
    { length: count },
    (_, index) => update({ path: `/${index}/status`, what: `TCPRoute ${index}` }),
  );
}

function pathsOf(requests: readonly unknown[]): string[] {
  return requests.map((each) => (each as [string])[0]);
}

Deno.test("StatusWriter.write() ends a round that fails for all, says so once, and begins with others later", async () => {
  const forbidden = () => new Response("no", { status: 403 });
  const unavailable = () => new Response("no", { status: 503 });
  for (const failure of [() => new Error("unreachable"), forbidden, unavailable]) {
    const { writer, requests, lines } = writerWith(failure);
    const all = updatesOf(20);
    assert.equal(await writer.write(all, ROUND), 5000);
    assert.equal(requests.length, 8, "those that were written at the same time");
    assert.equal(await writer.write(all, ROUND), 5000);
    assert.deepEqual(pathsOf(requests.slice(8, 10)), ["/8/status", "/9/status"]);
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /^warn Cannot write the status of TCPRoute 0: /);
  }
});

Deno.test("StatusWriter.write() goes on with others where one is refused, and tries that less and less often", async () => {
  const { writer, requests, clock, lines } = writerWith((path) =>
    path === "/0/status" ? new Response("too long", { status: 422 }) : Response.json({})
  );
  const all = updatesOf(9);
  const waits: (number | undefined)[] = [];
  for (let version = 2; version < 6; version++) {
    const good = update({ path: "/8/status", resourceVersion: `${version}`, status: { version } });
    const wait = await writer.write([...all.slice(0, 1), good], ROUND);
    waits.push(wait);
    assert.equal(await writer.write(all.slice(0, 1), ROUND), wait);
    clock.now += wait!;
  }
  assert.deepEqual(waits, [5000, 10_000, 20_000, 40_000]);
  assert.equal(pathsOf(requests).filter((path) => path === "/0/status").length, 4);
  assert.equal(lines.length, 1, lines.join("\n"));
  await writer.write(all, ROUND);
  assert.equal(new Set(pathsOf(requests)).size, 9);
});

Deno.test("StatusWriter.write() writes several at a time, and leaves the rest to a newer round", async () => {
  const answers: PromiseWithResolvers<Response>[] = [];
  const { writer, requests } = writerWith(() => {
    answers.push(Promise.withResolvers<Response>());
    return answers.at(-1)!.promise;
  });
  let isOutdated = false;
  const round = writer.write(updatesOf(12), { ...ROUND, isOutdated: () => isOutdated });
  assert.equal(requests.length, 8);
  answers[0]!.resolve(Response.json({}));
  await settled();
  assert.equal(requests.length, 9);
  isOutdated = true;
  for (const { resolve } of answers) resolve(Response.json({}));
  assert.equal(await round, undefined);
  assert.equal(requests.length, 9);
});

Deno.test("StatusWriter.write() remembers nothing of objects that are gone", async () => {
  const { writer, requests } = writerWith(ok);
  await writer.write([update()], ROUND);
  await writer.write([], ROUND);
  await writer.write([update()], ROUND);
  assert.equal(requests.length, 1);
  await writer.write([], { ...ROUND, exists: (path) => path !== "/a/status" });
  await writer.write([update()], ROUND);
  assert.equal(requests.length, 2);
});

Deno.test("StatusWriter.write() ends with its signal", async () => {
  const stop = new AbortController();
  const { writer } = writerWith(() => {
    stop.abort(new Error("stopped"));
    return new Error("aborted");
  });
  await assert.rejects(writer.write([update()], { ...ROUND, signal: stop.signal }), { message: "stopped" });
});
