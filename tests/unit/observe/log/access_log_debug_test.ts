import assert from "node:assert/strict";
import { DebugLines } from "../../../../src/observe/log/access_log.ts";
import { type Fields, silentLog } from "../../../../src/observe/log/log.ts";
import { connectionFacts } from "../connection_facts.ts";

Deno.test("DebugLines say that a connection was accepted and connected, at the level debug alone", () => {
  const lines: (Fields & { message: string })[] = [];
  let asked = 0;
  let level: "debug" | "info" = "debug";
  const debugLines = new DebugLines({
    ...silentLog(),
    enabled: (wanted) => (asked += 1, wanted === "debug" && level === "debug"),
    debug: (message, fields) => void lines.push({ message, ...fields }),
  });
  const facts = { ...connectionFacts(), id: 7, service: "pg", client: "10.0.0.1:1000", connectTime: 1.26 };
  debugLines.accepted(facts);
  debugLines.connected(facts);
  assert.deepEqual(lines.map(({ event, message }) => `${event} ${message}`), [
    "connection_accepted pg: accepted",
    "connection_connected pg: connected",
  ]);
  for (const line of lines) assert.deepEqual([line["id"], line["client"]], [7, "10.0.0.1:1000"]);
  assert.equal(lines[1]!["connect_ms"], 1.3);
  level = "info";
  debugLines.accepted(facts);
  debugLines.connected(facts);
  assert.equal(lines.length, 2);
  assert.equal(asked, 4);
});
