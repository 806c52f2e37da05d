/** Whether the log of a connection agrees with what was done to it. */

import assert from "node:assert/strict";
import type { ConnectionLine } from "./access_log.ts";
import type { End } from "./peers/end.ts";
import { Link } from "./sequence/link.ts";
import { lineFault } from "./sequence/verdict.ts";

type EndState = Partial<Pick<End, "queued" | "received" | "ending" | "isClosed">>;

function linkOf(client: EndState, upstream: EndState): Link {
  const none = { queued: 0, received: 0, ending: undefined, isClosed: false };
  const link = new Link(0, { ...none, ...client } as End, "client");
  link.upstream = { ...none, ...upstream } as End;
  return link;
}

function lineOf(fields: Partial<ConnectionLine>): ConnectionLine {
  return {
    event: "connection_closed",
    service: "s",
    client: "client",
    id: 1,
    ended_by: "client",
    reason: "",
    bytes_from_client: 0,
    bytes_from_upstream: 0,
    ...fields,
  };
}

Deno.test("lineFault() takes the side that finished first", () => {
  const link = linkOf({}, {});
  link.act("client", "finish", false);
  assert.equal(lineFault(link, lineOf({})), undefined);
  assert.match(lineFault(link, lineOf({ ended_by: "upstream" }))!, /was ended by client/);
});

Deno.test("lineFault() takes either side when neither had seen the other's end", () => {
  const link = linkOf({}, {});
  link.act("client", "finish", false);
  link.act("upstream", "finish", false);
  for (const side of ["client", "upstream"]) {
    assert.equal(lineFault(link, lineOf({ ended_by: side })), undefined);
  }
});

Deno.test("lineFault() takes no second side that had seen the first one's end", () => {
  const link = linkOf({}, { ending: "eof" });
  link.act("client", "finish", false);
  link.act("upstream", "finish", false);
  assert.match(lineFault(link, lineOf({ ended_by: "upstream" }))!, /was ended by client/);
});

Deno.test("lineFault() takes no failure of a side that only finished", () => {
  const link = linkOf({}, {});
  link.act("upstream", "finish", false);
  const line = lineOf({ ended_by: "upstream", code: "broken_pipe", reason: "upstream reset" });
  assert.match(lineFault(link, line)!, /was ended by no side/);
});

Deno.test("lineFault() counts every byte, unless some may be lost", () => {
  const link = linkOf({ queued: 10 }, { received: 10 });
  link.act("client", "finish", false);
  assert.equal(lineFault(link, lineOf({ bytes_from_client: 10 })), undefined);
  assert.match(lineFault(link, lineOf({ bytes_from_client: 9 }))!, /bytes_from_client is 9/);

  const broken = linkOf({ queued: 10 }, { received: 4 });
  broken.act("client", "reset", true);
  const code = "connection_reset";
  assert.equal(lineFault(broken, lineOf({ code, bytes_from_client: 7 })), undefined);
  assert.match(lineFault(broken, lineOf({ code, bytes_from_client: 3 }))!, /bytes_from_client is 3/);
});
