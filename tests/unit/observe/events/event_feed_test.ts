import assert from "node:assert/strict";
import { ProxyError } from "../../../../src/net/errors.ts";
import { endBeforeRelay, endOfRelay } from "../../../../src/observe/close_reason.ts";
import { EventFeed } from "../../../../src/observe/events/event_feed.ts";
import type { ProxyEvent } from "../../../../src/observe/events/events.ts";
import { connectionFacts } from "../connection_facts.ts";

const CLOSED = endOfRelay({ kind: "closed", first: "upstream" });
const facts = connectionFacts({
  id: 9,
  upstream: "db",
  endpoint: "10.0.0.2:5432",
  fromClient: { bytes: 3 },
  fromUpstream: { bytes: 4 },
  age: 5.6,
});

Deno.test("EventFeed calls a subscriber with every event as it happens", () => {
  const feed = feedOf();
  const events: ProxyEvent[] = [];
  using _listening = feed.subscribe((event) => events.push(event));
  feed.opened(facts);
  feed.connected(facts);
  feed.faultApplied(facts, "latency_download");
  feed.ended(facts, CLOSED);
  feed.ended(facts, endBeforeRelay(new ProxyError("access_denied", "client")));
  feed.ended(
    facts,
    endBeforeRelay(new ProxyError("connection_refused", "upstream", { detail: "os error 111" })),
  );
  feed.endpointChanged({ upstream: "db", endpoint: "a:1", state: "down", admin: "up", reason: "no answer" });
  feed.reloaded(false, "services[0]: unknown key");
  feed.draining(3);

  for (const { time } of events) {
    assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.ok(Math.abs(Date.now() - Date.parse(time)) < 60_000, time);
  }
  const connection = { id: 9, service: "test", client: "127.0.0.1:4000" };
  assert.deepEqual(events.map(({ time: _, ...rest }) => rest), [
    { type: "opened", ...connection },
    { type: "connected", ...connection, upstream: "db", endpoint: "10.0.0.2:5432" },
    { type: "fault", ...connection, fault: "latency_download" },
    {
      type: "closed",
      ...connection,
      endpoint: "10.0.0.2:5432",
      reason: "upstream_closed",
      bytes: { upload: 3, download: 4 },
      duration_ms: 6,
    },
    { type: "refused", ...connection, reason: "access_denied", detail: "access denied" },
    { type: "failed", ...connection, reason: "connection_refused", detail: "os error 111" },
    { type: "endpoint", upstream: "db", endpoint: "a:1", state: "down", admin: "up", reason: "no answer" },
    { type: "reload", ok: false, detail: "services[0]: unknown key" },
    { type: "drain", open: 3 },
  ]);
});

Deno.test("EventFeed reads nothing and builds no event without subscribers", () => {
  const feed = feedOf();
  const untouchable = new Proxy(facts, { get: (_, key) => assert.fail(`It read ${String(key)}`) });
  const ending = new Proxy(CLOSED, { get: (_, key) => assert.fail(`It read ${String(key)}`) });
  const publish = () => {
    feed.opened(untouchable);
    feed.connected(untouchable);
    feed.ended(untouchable, ending);
  };
  assert.equal(feed.isSubscribed, false);
  publish();
  const listening = feed.subscribe(() => {});
  assert.equal(feed.isSubscribed, true);
  assert.throws(publish, /It read/);
  listening[Symbol.dispose]();
  assert.equal(feed.isSubscribed, false);
  publish();
});

Deno.test("EventFeed calls each subscriber from its subscription to its end", () => {
  const feed = feedOf();
  const received: Record<string, number[]> = { a: [], b: [] };
  const listen = (name: string) => feed.subscribe((event) => received[name]!.push(numberOf(event)));
  const a = listen("a");
  feed.draining(1);
  const b = listen("b");
  feed.draining(2);
  a[Symbol.dispose]();
  a[Symbol.dispose]();
  feed.draining(3);
  b[Symbol.dispose]();
  feed.draining(4);
  assert.deepEqual(received, { a: [1, 2], b: [2, 3] });
});

Deno.test("EventFeed.subscribe() takes one function twice, and each subscription ends alone", () => {
  const feed = feedOf();
  const received: number[] = [];
  const onEvent = (event: ProxyEvent) => received.push(numberOf(event));
  const first = feed.subscribe(onEvent);
  using _second = feed.subscribe(onEvent);
  feed.draining(1);
  first[Symbol.dispose]();
  feed.draining(2);
  assert.deepEqual(received, [1, 1, 2]);
});

Deno.test("EventFeed reports a subscriber that throws once and removes it, and calls the others", () => {
  const errors: unknown[] = [];
  const feed = new EventFeed((error) => errors.push(error));
  const received: number[] = [];
  const mistake = new Error("a mistake");
  let calls = 0;
  feed.subscribe(() => {
    calls += 1;
    throw mistake;
  });
  using _listening = feed.subscribe((event) => received.push(numberOf(event)));
  feed.draining(1);
  feed.draining(2);
  assert.deepEqual([received, calls, errors], [[1, 2], 1, [mistake]]);
});

Deno.test("EventFeed publishes an event that a subscriber causes after the current one, in the same order for all", () => {
  const feed = feedOf();
  const received: Record<string, number[]> = { first: [], last: [] };
  using _first = feed.subscribe((event) => {
    received.first!.push(numberOf(event));
    if (numberOf(event) < 3) feed.draining(numberOf(event) + 1);
  });
  using _last = feed.subscribe((event) => received.last!.push(numberOf(event)));
  feed.draining(1);
  assert.deepEqual(received, { first: [1, 2, 3], last: [1, 2, 3] });
});

Deno.test("EventFeed lets a subscriber end its own subscription and another one's during an event", () => {
  const feed = feedOf();
  const received: string[] = [];
  const subscriptions: Disposable[] = [];
  const listen = (name: string, onEvent: () => void) =>
    subscriptions.push(feed.subscribe((event) => {
      received.push(`${name}${numberOf(event)}`);
      onEvent();
    }));
  listen("a", () => {
    subscriptions[0]![Symbol.dispose]();
    subscriptions[1]![Symbol.dispose]();
  });
  listen("b", () => {});
  listen("c", () => {});
  feed.draining(1);
  feed.draining(2);
  subscriptions[2]![Symbol.dispose]();
  assert.deepEqual(received, ["a1", "c1", "c2"]);
});

function feedOf(): EventFeed {
  return new EventFeed((error) => {
    throw error;
  });
}

function numberOf(event: ProxyEvent): number {
  assert.equal(event.type, "drain");
  return event.open;
}
