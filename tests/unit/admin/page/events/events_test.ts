/** The stream of events in the page, and the texts that it shows for them. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { describeEvent } from "../../../../../src/admin/page/events/event_text.js";
import { dataOfEvents } from "../../../../../src/admin/page/events/server_sent_events.js";

const BEGIN = {
  time: "2026-03-01T10:15:00.000Z",
  id: 7,
  service: "mysql",
  client: "192.0.2.4:5000",
} as const;

Deno.test("the page reads the data of events, wherever the network cuts them", async () => {
  const text = [
    ": a comment\n\n",
    'event: opened\nid: 1\ndata: {"a":"ä€😀"}\n\n',
    "data:two\r\ndata: lines\r\n\r\n",
    "event: without data\n\n",
    "data: unfinished\n",
  ].join("");
  const bytes = new TextEncoder().encode(text);
  await fc.assert(fc.asyncProperty(fc.array(fc.nat({ max: bytes.length })), async (cuts) => {
    const ends = [...cuts.sort((a, b) => a - b), bytes.length];
    const chunks = ends.map((end, index) => bytes.slice(ends[index - 1] ?? 0, end));
    assert.deepEqual(await Array.fromAsync(dataOfEvents(ReadableStream.from(chunks))), [
      '{"a":"ä€😀"}',
      "two\nlines",
    ]);
  }));
});

Deno.test("the page ends the stream when it stops reading", async () => {
  let isCancelled = false;
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode("data: again\n\n")),
    cancel: () => void (isCancelled = true),
  });
  for await (const data of dataOfEvents(stream)) {
    assert.equal(data, "again");
    break;
  }
  assert.ok(isCancelled);
});

Deno.test("the page shows how a connection ended, and whether that was a problem", () => {
  const closed = (reason: string) =>
    describeEvent({
      ...BEGIN,
      type: "closed",
      endpoint: "10.0.0.7:3306",
      reason,
      bytes: { upload: 100, download: 2048 },
      duration_ms: 4210,
    });
  assert.deepEqual(closed("client_closed"), {
    kind: "traffic",
    label: "closed",
    text: "mysql #7 192.0.2.4:5000 → 10.0.0.7:3306: client closed after 4.2 s, ↑ 100 B ↓ 2.0 KiB",
  });
  assert.equal(closed("upstream_connection_reset").kind, "problem");
  assert.deepEqual(
    describeEvent({ ...BEGIN, type: "refused", reason: "access_denied", detail: "192.0.2.4 is not allowed" }),
    {
      kind: "problem",
      label: "refused",
      text: "mysql #7 192.0.2.4:5000: access denied (192.0.2.4 is not allowed)",
    },
  );
});

Deno.test("the page shows events of endpoints and of the program", () => {
  const endpoint = { type: "endpoint", time: BEGIN.time, upstream: "db", endpoint: "10.0.0.7:3306" } as const;
  const { time } = BEGIN;
  const texts = [
    describeEvent({ ...endpoint, state: "down", admin: "up", reason: "connection refused" }),
    describeEvent({ ...endpoint, state: "up", admin: "drain", reason: "" }),
    describeEvent({ type: "reload", time, ok: false, detail: "unknown key" }),
    describeEvent({ type: "drain", time, open: 12 }),
    describeEvent({ type: "dropped", time, count: 1500 }),
  ];
  assert.deepEqual(texts.map(({ kind, label, text }) => `${kind} ${label}: ${text}`), [
    "problem endpoint: db 10.0.0.7:3306 is down: connection refused",
    "program endpoint: db 10.0.0.7:3306 is up, set to drain",
    "problem reload: Failed: unknown key",
    "program drain: Stopping; 12 connections open",
    "problem dropped: 1,500 events dropped, because this page was too slow",
  ]);
});
