import assert from "node:assert/strict";
import type { GroupConfig } from "../../src/config/config.ts";
import { ProxyError } from "../../src/net/errors.ts";
import { type Log, silentLog } from "../../src/observe/log.ts";
import { Group } from "../../src/upstream/group.ts";
import { groupParts } from "./upstream_parts.ts";

const REFUSED = new ProxyError("connection_refused", "upstream");

Deno.test("a group says that no endpoint is up each time it is so, and that one is up again", async () => {
  const { group, events } = groupOf({ passive: { failures: 1, window: 1000, eject: 20 } });
  const [only] = group.endpoints;
  for (let round = 1; round <= 2; round++) {
    group.connectionFailed(only!, REFUSED);
    assert.deepEqual(events.splice(0), ["endpoint_ejected", "group_down"]);
    group.connected(only!, 1);
    assert.deepEqual(events.splice(0), [], "it is used although it is out");
    while (!only!.isUp) await new Promise((resolve) => setTimeout(resolve, 5));
    group.connected(only!, 1);
    assert.deepEqual(events.splice(0), ["group_up"]);
  }
});

Deno.test("while none is up, all are used; a second failure cuts nobody's connection", () => {
  const { group } = groupOf({ passive: { failures: 1, window: 1000, eject: 1_000_000 }, onDown: "close" });
  const [only] = group.endpoints;
  only!.health = "down";
  assert.equal(group.enter("192.0.2.9", []), only);
  let aborted = 0;
  only!.whenDown(() => void (aborted += 1));
  group.connectionFailed(only!, REFUSED);
  assert.equal(aborted, 0);
  only!.leave();
});

Deno.test("an endpoint that was tried, or is full, is not entered, up or not", () => {
  const { group } = groupOf({}, 1);
  const [only] = group.endpoints;
  assert.equal(group.enter("192.0.2.9", [only!]), undefined);
  assert.equal(group.enter("192.0.2.9", []), only);
  assert.equal(group.enter("192.0.2.9", []), undefined, "full");
  only!.leave();
  only!.health = "down";
  assert.equal(group.enter("192.0.2.9", [only!]), undefined);
});

function groupOf(config: Partial<GroupConfig>, maxConnections = 0): { group: Group; events: unknown[] } {
  const events: unknown[] = [];
  const note: Log["info"] = (_message, fields) => void events.push(fields?.["event"]);
  const log: Log = { ...silentLog(), info: note, warn: note, error: note };
  const address = { transport: "tcp", hostname: "192.0.2.1", port: 5432 } as const;
  const group = new Group(
    {
      name: "group",
      balance: "round_robin",
      endpoints: [{ address, weight: 1, maxConnections, backup: false }],
      retry: { attempts: 3, timeout: 1000 },
      healthCheck: undefined,
      passive: undefined,
      onDown: "keep",
      pool: undefined,
      discovery: undefined,
      ...config,
    },
    groupParts(log),
  );
  return { group, events };
}
