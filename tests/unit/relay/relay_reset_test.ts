/** A reset after the end of a conversation is no failure; one that loses data is. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import type { Peer } from "../../../src/net/errors.ts";
import { IdleClock } from "../../../src/net/timers/timeouts.ts";
import { Relay, type RelayOutcome } from "../../../src/relay/relay.ts";
import { FakeConn } from "../../support/fakes/fake_conn.ts";
import { CONNECTION } from "./relay_fixture.ts";

/** The largest closing message, and one byte more. */
const FAREWELL = "x".repeat(100);
const ANSWER = `${FAREWELL}x`;

/** The bytes of each side, in order; `end` is a FIN. */
type Step = readonly [side: Peer, what: string | "end" | "reset" | "time out"];

const TALK: Step[] = [["client", "question"], ["upstream", "answer"]];

const OVER: [what: string, steps: Step[], first: Peer][] = [
  [
    "a server closes over a farewell of the client",
    [...TALK, ["client", "bye"], ["client", "end"]],
    "client",
  ],
  ["a server says farewell first", [...TALK, ["client", "end"], ["upstream", FAREWELL]], "client"],
  ["an answer of one byte is one", [["client", "question"], ["upstream", "y"], ["client", "end"]], "client"],
  ["neither side has sent a byte", [["client", "end"]], "client"],
  ["the client only listened", [["upstream", "greeting"], ["client", "end"]], "client"],
  ["a client closes over what it does not read", [...TALK, ["upstream", "end"]], "upstream"],
  ["a client says farewell first", [...TALK, ["upstream", "end"], ["client", FAREWELL]], "upstream"],
  ["a client never said anything", [["upstream", "greeting"], ["upstream", "end"]], "upstream"],
];

for (const [what, steps, first] of OVER) {
  Deno.test(`Relay takes a reset after the other side has finished as no failure: ${what}`, async () => {
    const { outcome } = await relayed([...steps, [other(first), "reset"]]);
    assert.deepEqual(outcome, { kind: "closed", first, thenReset: true });
  });
}

const BROKEN: [what: string, steps: Step[], side: Peer][] = [
  ["neither side has finished", TALK, "upstream"],
  ["neither side has finished, and it is the client", TALK, "client"],
  ["the upstream never answered", [["client", "question"], ["client", "end"]], "upstream"],
  [
    "the only answer may be cut",
    [["client", "question"], ["client", "end"], ["upstream", "ans"]],
    "upstream",
  ],
  [
    "an answer may be cut",
    [...TALK, ["client", "more"], ["client", "end"], ["upstream", ANSWER]],
    "upstream",
  ],
  ["the client has gone on", [...TALK, ["upstream", "end"], ["client", ANSWER]], "client"],
];

for (const [what, steps, side] of BROKEN) {
  Deno.test(`Relay fails by a reset that may lose data: ${what}`, async () => {
    const { outcome } = await relayed([...steps, [side, "reset"]]);
    assert.ok(outcome.kind === "failed");
    assert.deepEqual([outcome.error.code, outcome.error.side], ["connection_reset", side]);
  });
}

Deno.test("Relay fails by an error other than a reset, whichever side has finished", async () => {
  const { outcome } = await relayed([...TALK, ["client", "end"], ["upstream", "time out"]]);
  assert.ok(outcome.kind === "failed");
  assert.equal(outcome.error.code, "timed_out");
});

Deno.test("Relay fails by a reset while bytes of that side wait for a slow reader", async () => {
  const fixture = new Fixture();
  const written = Promise.withResolvers<number>();
  const closed = Promise.withResolvers<void>();
  await fixture.play(TALK);
  fixture.client.write = () => written.promise;
  fixture.upstream.closeWrite = () => closed.promise;
  await fixture.play([["upstream", "bye"], ["client", "end"]]);
  closed.reject(new Deno.errors.ConnectionReset("reset"));
  await setImmediate();
  written.resolve("bye".length);
  await fixture.play([["upstream", "reset"]]);
  assert.equal((await fixture.outcome).kind, "failed");
});

for (const reset of ["close", "pass"] as const) {
  Deno.test(`Relay passes on a reset after the client has finished, with reset: ${reset}`, async () => {
    const { client } = await relayed([...TALK, ["client", "end"], ["upstream", "reset"]], reset);
    assert.deepEqual([client.isClosed, client.isReset], [true, reset === "pass"]);
  });
}

/** A relay between two connections without sockets. */
class Fixture {
  readonly client = new FakeConn();
  readonly upstream = new FakeConn();
  readonly outcome: Promise<RelayOutcome>;

  constructor(reset: "close" | "pass" = "close") {
    this.outcome = new Relay({
      client: this.client,
      upstream: this.upstream,
      bufferSize: 64 * 1024,
      connection: CONNECTION,
      reset,
      fromClient: tally(),
      fromUpstream: tally(),
      idleClock: new IdleClock(0, 0),
    }).run();
  }

  /** The relay has read each step before the next one. */
  async play(steps: readonly Step[]): Promise<void> {
    for (const [side, what] of steps) {
      this[side].arrive(errorOf(what) ?? what);
      await setImmediate();
    }
  }
}

async function relayed(steps: readonly Step[], reset: "close" | "pass" = "close") {
  const fixture = new Fixture(reset);
  await fixture.play(steps);
  return { outcome: await fixture.outcome, client: fixture.client };
}

function errorOf(what: string): Error | undefined {
  if (what === "reset") return new Deno.errors.ConnectionReset("Connection reset by peer");
  return what === "time out" ? new Deno.errors.TimedOut("timed out") : undefined;
}

function tally() {
  return {
    bytes: 0,
    add(count: number) {
      this.bytes += count;
    },
  };
}

function other(side: Peer): Peer {
  return side === "client" ? "upstream" : "client";
}
