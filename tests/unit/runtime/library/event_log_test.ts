import assert from "node:assert/strict";
import { EventFeed } from "../../../../src/observe/events/event_feed.ts";
import type { ProxyEvent } from "../../../../src/observe/events/events.ts";
import { EventLog, WaitTimeoutError } from "../../../../src/runtime/library/event_log.ts";

Deno.test("EventLog.next() returns events that came before it, each once", async () => {
  const { feed, log } = start();
  feed.opened(connection(1));
  feed.opened(connection(2));
  feed.draining(2);
  assert.equal((await log.next("drain")).open, 2);
  assert.equal((await log.next("opened")).id, 1);
  assert.equal((await log.next("opened")).id, 2);
  await assert.rejects(log.next("opened", { timeout: 1 }), WaitTimeoutError);
  log.close();
});

Deno.test("EventLog.next() resolves when the event comes", async () => {
  const { feed, log } = start();
  const next = log.next("opened", { id: 2 });
  feed.opened(connection(1));
  feed.opened(connection(2));
  assert.equal((await next).id, 2);
  assert.equal((await log.next("opened")).id, 1);
  log.close();
});

Deno.test("two waits for the same type of event get one each", async () => {
  const { feed, log } = start();
  const both = Promise.all([log.next("opened"), log.next("opened")]);
  feed.opened(connection(1));
  feed.opened(connection(2));
  assert.deepEqual((await both).map(({ id }) => id), [1, 2]);
  log.close();
});

Deno.test("EventLog.next() looks at the service", async () => {
  const { feed, log } = start();
  feed.opened(connection(1));
  feed.opened({ ...connection(2), service: "other" });
  assert.equal((await log.next("opened", { service: "other" })).id, 2);
  log.close();
});

Deno.test("a wait that fails lists the latest events", async () => {
  const { feed, log } = start();
  feed.opened(connection(1));
  feed.draining(3);
  await assert.rejects(log.next("reload", { timeout: 1 }), {
    name: "WaitTimeoutError",
    message: 'No "reload" event within 1 ms; the latest events: opened #1, drain; the seed is 42',
  });
  await assert.rejects(log.next("opened", { timeout: 1, service: "other", id: 7 }), {
    message: /^No "opened" event of service other of connection 7 within 1 ms/,
  });
  log.close();
});

Deno.test("EventLog.all() has every event from the call on, and ends with the proxy", async () => {
  const { feed, log } = start();
  feed.opened(connection(1));
  const events = log.all();
  feed.opened(connection(2));
  feed.draining(1);
  log.close();
  assert.deepEqual(await types(events), ["opened", "drain"]);
});

Deno.test("leaving a loop over events ends its subscription", async () => {
  const { feed, log } = start();
  const events = log.all();
  feed.opened(connection(1));
  for await (const event of events) {
    assert.equal(event.type, "opened");
    break;
  }
  feed.opened(connection(2));
  assert.deepEqual(await types(events), []);
  log.close();
  assert.equal(feed.isSubscribed, false);
});

Deno.test("every call that waits for an event of a loop gets one", async () => {
  const { feed, log } = start();
  const events = log.all();
  const all = [1, 2, 3, 4].map(() => events.next());
  for (const id of [1, 2, 3]) {
    feed.opened(connection(id));
    assert.equal((await all[id - 1])!.value.id, id);
  }
  log.close();
  assert.equal((await all[3])!.done, true);
});

Deno.test("EventLog.next() waits for ever when it is asked to", async () => {
  const { feed, log } = start();
  const next = log.next("opened", { timeout: Infinity });
  const later = log.next("opened", { timeout: 1e12 });
  await assert.rejects(log.next("drain", { timeout: 5 }), WaitTimeoutError);
  feed.opened(connection(1));
  feed.opened(connection(2));
  assert.deepEqual([(await next).id, (await later).id], [1, 2]);
  log.close();
});

Deno.test("EventLog.close() ends waits, and later ones fail at once", async () => {
  const { feed, log } = start();
  feed.opened(connection(1));
  const waiting = assert.rejects(log.next("closed"), {
    message: "The proxy has stopped; the latest events: opened #1; the seed is 42",
  });
  log.close();
  await waiting;
  await assert.rejects(
    log.next("closed"),
    /The proxy has stopped: no "closed" event can come; .* seed is 42/,
  );
  assert.equal((await log.next("opened")).id, 1, "what came before is still there");
  assert.deepEqual(await types(log.all()), []);
});

function start(): { feed: EventFeed; log: EventLog } {
  const feed = new EventFeed((error) => {
    throw error;
  });
  return { feed, log: new EventLog(feed, "42") };
}

function connection(id: number) {
  return { id, service: "test", client: "127.0.0.1:40000" };
}

async function types(events: AsyncIterable<ProxyEvent>): Promise<string[]> {
  const all: string[] = [];
  for await (const { type } of events) all.push(type);
  return all;
}
