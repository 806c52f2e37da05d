import assert from "node:assert/strict";
import { EventHub, MAX_STREAMS } from "../../../../src/admin/events/event_hub.ts";
import { MAX_QUEUED } from "../../../../src/admin/events/event_stream.ts";
import type { ProxyEvent } from "../../../../src/observe/events/events.ts";
import { silentLog } from "../../../../src/observe/log/log.ts";
import { eventually } from "../../../support/eventually.ts";
import { endOf, writeText } from "../../../support/peers/sockets.ts";
import { connectTo, fixture, get, outcome, recordingLog } from "../admin_fixture.ts";
import { EventReader, publishMuch } from "./event_reader.ts";
import { CLOSED, FakeBackend, opened } from "../fake_backend.ts";

Deno.test("EventStream begins with the figures, then sends numbered events as they happen", async () => {
  await using admin = await fixture();
  const reader = await EventReader.open(admin);
  const first = await reader.next();
  assert.equal(first?.event, "stats");
  assert.deepEqual(Object.keys(first.data), ["type", "time", "status", "services", "upstreams"]);
  assert.deepEqual(first.data["services"], JSON.parse(JSON.stringify(admin.backend.services())));

  const drain: ProxyEvent = { type: "drain", time: CLOSED.time, open: 3 };
  for (const event of [opened(1), CLOSED, drain]) admin.backend.publish(event);
  const messages = await reader.until(({ event }) => event === "drain");
  const happened = messages.filter(({ event }) => event !== "stats");
  assert.deepEqual(happened.map(({ data }) => data), [opened(1), CLOSED, drain]);
  const ids = [first, ...messages].map(({ id }) => id!);
  assert.deepEqual(ids, ids.map((_, index) => ids[0]! + index));
  await reader.cancel();
});

Deno.test("EventStream sends the figures every second", async () => {
  await using admin = await fixture();
  const reader = await EventReader.open(admin);
  const startedAt = performance.now();
  for (let count = 0; count < 2; count++) assert.equal((await reader.next())?.event, "stats");
  const elapsed = performance.now() - startedAt;
  assert.ok(elapsed > 900, `${elapsed} ms`);
  await reader.cancel();
});

Deno.test("EventStream sends only the requested types, and no figures with stats=0", async () => {
  await using admin = await fixture();
  const reader = await EventReader.open(admin, "?stats=0&types=closed,drain");
  admin.backend.publish(opened(1));
  admin.backend.publish(CLOSED);
  admin.backend.publish({ type: "reload", time: CLOSED.time, ok: true, detail: "" });
  admin.backend.publish({ type: "drain", time: CLOSED.time, open: 0 });
  const messages = await reader.until(({ event }) => event === "drain");
  assert.deepEqual(messages.map(({ event }) => event), ["closed", "drain"]);
  assert.equal(admin.backend.looks, 0);
  await reader.cancel();
});

Deno.test("EventHub collects and writes nothing without readers", async () => {
  await using admin = await fixture();
  assert.equal(admin.backend.listeners, 0);
  const readers = [await EventReader.open(admin), await EventReader.open(admin, "?stats=0")];
  assert.equal(admin.backend.listeners, 1);
  await readers[0]!.cancel();
  await readers[1]!.cancel();
  await eventually("the streams to end", () => admin.backend.listeners, (count) => count === 0);
});

Deno.test("EventHub opens no stream for HEAD", async () => {
  await using admin = await fixture();
  const { status, headers } = await outcome(`${admin.url}/api/v1/events`, { method: "HEAD" });
  assert.deepEqual([status, headers.get("content-type")], [200, "text/event-stream"]);
  await eventually("the stream to end", () => admin.backend.listeners, (count) => count === 0);
});

Deno.test("EventHub limits the number of streams, and frees the place of one that ends", async () => {
  await using admin = await fixture();
  const readers: EventReader[] = [];
  for (let count = 0; count < MAX_STREAMS; count++) readers.push(await EventReader.open(admin, "?stats=0"));
  const refused = await outcome(`${admin.url}/api/v1/events`);
  assert.deepEqual([refused.status, refused.code], [503, "too_many_streams"]);
  await readers.pop()!.cancel();
  await eventually(
    "room for a stream",
    async () => {
      const response = await fetch(`${admin.url}/api/v1/events`);
      await response.body!.cancel();
      return response.status;
    },
    (status) => status === 200,
  );
  for (const reader of readers) await reader.cancel();
});

Deno.test("EventHub.close() ends streams after their queued events", async () => {
  await using admin = await fixture();
  const reader = await EventReader.open(admin, "?stats=0");
  admin.backend.publish(opened(1));
  admin.backend.publish({ type: "drain", time: CLOSED.time, open: 0 });
  const closing = admin.server.close();
  assert.equal((await reader.next())?.event, "opened");
  assert.equal((await reader.next())?.event, "drain");
  assert.equal(await reader.next(), undefined);
  await closing;
  assert.equal(admin.backend.listeners, 0);
});

Deno.test("EventHub.close() does not wait for a reader that does not read", async () => {
  await using admin = await fixture();
  using conn = await connectTo(admin.server.address);
  await writeText(conn, get("/api/v1/events?stats=0", `Host: ${admin.host}`).replaceAll("\n", "\r\n"));
  await eventually("the stream to begin", () => admin.backend.listeners, (count) => count === 1);
  await publishMuch(admin, 2000);
  await admin.server.close();
  assert.equal(await endOf(conn), "fin");
});

Deno.test("EventStream keeps the latest events in its queue", async () => {
  const backend = new FakeBackend();
  const hub = new EventHub(backend, silentLog());
  const reader = new EventReader(hub.open({ stats: false, types: undefined }));
  for (let id = 1; id <= MAX_QUEUED + 3; id++) backend.publish(opened(id));
  const messages = await reader.until(({ data }) => data["id"] === MAX_QUEUED + 3);
  assert.deepEqual(messages.slice(0, 2).map(({ event, data }) => [event, data["count"] ?? data["id"]]), [
    ["dropped", 3],
    ["opened", 4],
  ]);
  assert.equal(messages[0]!.id, undefined);
  assert.equal(messages.length, MAX_QUEUED + 1);
  hub.close();
  assert.equal(await reader.next(), undefined);
});

Deno.test("EventStream replaces queued figures by newer ones", async () => {
  const backend = new FakeBackend();
  const hub = new EventHub(backend, silentLog(), { tick: 2 });
  const body = hub.open({ stats: true, types: undefined });
  backend.publish(opened(1));
  await eventually("figures to be sent", () => backend.looks, (count) => count >= 5);
  hub.close();
  const reader = new EventReader(body);
  assert.deepEqual([(await reader.next())?.event, (await reader.next())?.event], ["opened", "stats"]);
  assert.equal(await reader.next(), undefined);
});

Deno.test("EventHub collects figures once for all readers, and sends comments to streams without them", async () => {
  const backend = new FakeBackend();
  const hub = new EventHub(backend, silentLog(), { tick: 2 });
  const loud = [1, 2, 3].map(() => new EventReader(hub.open({ stats: true, types: undefined })));
  const quiet = new EventReader(hub.open({ stats: false, types: undefined }));
  assert.equal(backend.looks, 3);
  const waiting = quiet.next();
  await eventually("figures to be sent", () => backend.looks, (count) => count >= 40);
  backend.publish(opened(1));
  assert.equal((await waiting)?.event, "opened");
  assert.ok(quiet.comments >= 1 && quiet.comments <= backend.looks / 15, `${quiet.comments} comments`);
  const ids = await Promise.all(
    loud.map(async (reader) => (await reader.until(({ event }) => event === "opened")).at(-1)!.id),
  );
  assert.equal(new Set(ids).size, 1);
  hub.close();
});

Deno.test("EventHub ends streams when it cannot collect figures, and logs the reason", async () => {
  const { log, lines } = recordingLog();
  const backend = new FakeBackend();
  const reader = new EventReader(
    new EventHub(backend, log, { tick: 1 }).open({ stats: true, types: undefined }),
  );
  assert.equal((await reader.next())?.event, "stats");
  backend.failure = new Error("no figures");
  while (await reader.next() !== undefined);
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^error .*no figures/);
  assert.equal(backend.listeners, 0);
});
