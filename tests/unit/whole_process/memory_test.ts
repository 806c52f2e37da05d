/** These files need a process without other tests, and run one after the other. */

import assert from "node:assert/strict";
import { EventReader, publishMuch } from "../admin/events/event_reader.ts";
import { fixture } from "../admin/admin_fixture.ts";

Deno.test("a reader that does not read costs no memory: it loses the oldest events and learns how many", async () => {
  const COUNT = 10_000;
  await using admin = await fixture();
  const reader = await EventReader.open(admin, "?stats=0");
  const before = Deno.memoryUsage().rss;
  await publishMuch(admin, COUNT);
  const grown = Deno.memoryUsage().rss - before;
  assert.ok(grown < 130e6, `grew by ${grown} bytes`);

  const messages = await reader.until(({ event }) => event === "drain");
  const dropped = messages.filter(({ event }) => event === "dropped");
  const total = dropped.reduce((sum, { data }) => sum + (data["count"] as number), 0);
  assert.equal(messages.length - 1 - dropped.length + total, COUNT);
  // The kernel's buffers take some megabytes.
  assert.ok(total > COUNT * 0.8, `dropped only ${total}`);
  await reader.cancel();
});
