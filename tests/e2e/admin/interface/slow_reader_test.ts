/** Readers of events that do not keep up. */

import assert from "node:assert/strict";
import { createParser } from "eventsource-parser";
import type { AdminEvent } from "../../../../src/admin/views.ts";
import { PATIENCE } from "../../../support/peers/line_reader.ts";
import { Sluice, within, workers } from "../../../support/program/program.ts";
import { connect, endOf, readText, upstream, writeText } from "../../../support/peers/sockets.ts";

const isLinux = Deno.build.os === "linux";

/** Of connections; the events of one batch are more than the kernel takes in for a reader. */
const BATCH = 8000;
const AT_ONCE = 50;

/** Of each connection: opened, connected, closed. */
const EVENTS = 3;

/** The number of events that wait for a reader, as in docs/api.md. */
const WAITING = 256;

/**
 * Batches until the memory is that of a busy program. Of several threads each has a heap of its own, and so has the
 * supervisor, which grow for longer, as each has but a part of the garbage.
 */
const WARM_UP = 2 * workers - 1;

/** What garbage may add to the memory from one batch to the next, in bytes: far less than its connections took. */
const GROWTH = 6 * 1024 * BATCH;

Deno.test({
  name:
    "readers of events that do not read take no memory, learn what they missed, and do not hold up the end" +
    (isLinux ? "" : " (skipped: reads /proc, which needs Linux)"),
  ignore: !isLinux,
  fn: async () => {
    await using server = upstream(async (conn) => void await conn.read(new Uint8Array(1)));
    await using sluice = await Sluice.withConfig(`
admin: { listen: 127.0.0.1:0 }
log: { level: warn }
services: [{ name: ${"x".repeat(64)}, listen: 0, upstream: "${server.address}" }]
`);
    using slow = await openStream(sluice);
    using stuck = await openStream(sluice);
    // The delayed reports of several threads have arrived when a reader that reads at once has all events.
    using prompt = await openStream(sluice);
    const received = readEvents(prompt, (WARM_UP + 1) * BATCH * EVENTS);
    for (let batch = 0; batch < WARM_UP; batch++) await visit(sluice.port(), BATCH);
    const before = await residentBytes(sluice.pid);
    await visit(sluice.port(), BATCH);
    const growth = await residentBytes(sluice.pid) - before;
    assert.ok(growth < GROWTH, `grew by ${growth} bytes`);

    await within(PATIENCE, "Hearing of all", received);
    const events = await within(PATIENCE, "Reading", readEvents(slow, (WARM_UP + 1) * BATCH * EVENTS));
    // On a busy machine the queue can be full for a moment before the kernel's buffers are: only the last gap stays.
    const at = events.findLastIndex(({ type }) => type === "dropped");
    assert.ok(at > 0, "nothing was dropped");
    assert.equal(events.length - at - 1, WAITING);

    const { code, stderr } = await within(PATIENCE, "Stopping", sluice.stop());
    assert.equal(code, 0, stderr);
    assert.equal(stderr, "");
    stuck.close();
  },
});

/** A stream that the program has begun to write, by HTTP/1.0: without chunks. */
async function openStream(sluice: Sluice): Promise<Deno.Conn> {
  const conn = await connect(Number(/\d+$/.exec(sluice.ready.admin!)![0]));
  await writeText(conn, "GET /api/v1/events?stats=0 HTTP/1.0\r\nHost: localhost\r\n\r\n");
  const status = "HTTP/1.1 200 OK\r\n";
  assert.equal(await readText(conn, status.length), status);
  return conn;
}

/** Connects and closes this many clients. */
async function visit(port: number, count: number): Promise<void> {
  let left = count;
  const keepVisiting = async () => {
    while (left-- > 0) {
      using client = await connect(port);
      await writeText(client, "x");
      await endOf(client);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, keepVisiting));
}

/** Reads until this many events were received or reported as dropped. */
async function readEvents(conn: Deno.Conn, count: number): Promise<AdminEvent[]> {
  const events: AdminEvent[] = [];
  let counted = 0;
  const parser = createParser({
    onEvent: ({ data }) => {
      const event: AdminEvent = JSON.parse(data);
      events.push(event);
      counted += event.type === "dropped" ? event.count : 1;
    },
  });
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(64 * 1024);
  while (counted < count) {
    const size = await conn.read(buffer);
    assert.ok(size !== null, "the stream has ended");
    parser.feed(decoder.decode(buffer.subarray(0, size), { stream: true }));
  }
  assert.equal(counted, count);
  return events;
}

async function residentBytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
}
