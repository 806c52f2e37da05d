/** The end of a handshake of Deno.listenTls. */

import assert from "node:assert/strict";
import { DenoTlsConn } from "../../../../src/net/tls/listener.ts";
import { PendingHandshakes } from "../../../../src/net/tls/pending.ts";
import { countedSignal } from "../../../support/fakes/counted_signal.ts";

const NEVER = new AbortController().signal;

for (const [alpnProtocol, facts] of [["h2", { alpn: "h2" }], [null, {}]] as const) {
  Deno.test(`DenoTlsConn.handshake() returns the protocol agreed on: ${alpnProtocol ?? "none"}`, async () => {
    const { conn, shaking, scripted } = new Fixture();
    const counted = countedSignal();
    const pending = new PendingHandshakes(1);
    const outcome = conn.handshake(pending, counted.signal);
    assert.deepEqual([pending.size, counted.listeners], [1, 1]);
    shaking.resolve({ alpnProtocol });
    assert.deepEqual(await outcome, { conn, facts });
    assert.deepEqual([pending.size, counted.listeners, scripted.isClosed], [0, 0, false]);
    assert.equal(conn.sendsCloseNotify, true);
  });
}

Deno.test("DenoTlsConn.handshake() that is too many ends the oldest", async () => {
  const [first, second] = [new Fixture(), new Fixture()];
  const pending = new PendingHandshakes(1);
  const evicted = first.conn.handshake(pending, NEVER);
  const other = second.conn.handshake(pending, NEVER);
  await assert.rejects(evicted, { code: "tls_handshakes_full", side: "client" });
  assert.deepEqual([first.scripted.isClosed, second.scripted.isClosed, pending.size], [true, false, 1]);
  second.shaking.resolve({ alpnProtocol: null });
  await other;
});

Deno.test("DenoTlsConn.handshake() ends when its signal aborts", async () => {
  const { conn, scripted } = new Fixture();
  const pending = new PendingHandshakes(1);
  const ending = new AbortController();
  const outcome = conn.handshake(pending, ending.signal);
  ending.abort(new Error("enough"));
  await assert.rejects(outcome, { message: "enough" });
  assert.deepEqual([scripted.isClosed, pending.size], [true, 0]);
});

Deno.test("DenoTlsConn.handshake() that fails says why, and closes", async () => {
  const { conn, shaking, scripted } = new Fixture();
  const pending = new PendingHandshakes(1);
  const outcome = conn.handshake(pending, NEVER);
  shaking.reject(new Deno.errors.InvalidData("received fatal alert: UnknownCA"));
  await assert.rejects(outcome, { code: "tls_refused", side: "client" });
  assert.deepEqual([scripted.isClosed, pending.size], [true, 0]);
});

/** A connection of Deno.listenTls whose handshake ends when the test ends it, or when it is closed. */
class Fixture {
  readonly shaking = Promise.withResolvers<Deno.TlsHandshakeInfo>();
  readonly scripted = {
    isClosed: false,
    handshake: () => this.shaking.promise,
    close: () => {
      this.scripted.isClosed = true;
      this.shaking.reject(new Deno.errors.BadResource("closed"));
    },
  };
  readonly conn = new DenoTlsConn(this.scripted as unknown as Deno.TlsConn);
}
