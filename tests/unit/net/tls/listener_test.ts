/** How a plain TLS listener treats clients whose accept succeeds while it is closed, on scripted listeners of Deno. */

import assert from "node:assert/strict";
import { mock } from "node:test";
import { setImmediate } from "node:timers";
import type { Credentials } from "../../../../src/net/tls/credentials.ts";
import { DenoTlsConn, TlsListener } from "../../../../src/net/tls/listener.ts";
import { eventually } from "../../../support/eventually.ts";
import { ANYWHERE } from "../../../support/peers/accept_fixture.ts";
import { ScriptedDeno } from "./scripted_listen_tls.ts";

const OPTIONS = { credentials: { cert: "", key: "" } as Credentials, alpn: [] };

Deno.test("TlsListener returns clients accepted during close(), and then rejects", async () => {
  using deno = new ScriptedDeno();
  const listener = TlsListener.bind(ANYWHERE, OPTIONS);
  const first = listener.accept();
  listener.replace(OPTIONS);
  const [retired, current] = deno.accepts;
  assert.ok(retired && current);
  listener.close();
  listener.close();
  assert.deepEqual(deno.closed, [4321, 4322]);
  const conns = [retired, current].map((accept) => deno.resolve(accept));
  assert.ok(await first instanceof DenoTlsConn);
  assert.ok(await listener.accept() instanceof DenoTlsConn);
  await assert.rejects(listener.accept(), { name: "BadResource" });
  assert.equal(conns.length, 2);
});

Deno.test("TlsListener.accept() ends after close() when the last accept of Deno has", async () => {
  using deno = new ScriptedDeno();
  const listener = TlsListener.bind(ANYWHERE, OPTIONS);
  const accepting = listener.accept();
  listener.replace(OPTIONS);
  const [retired, current] = deno.accepts;
  listener.close();
  current!.reject(new Deno.errors.Interrupted("closed"));
  deno.resolve(retired!);
  assert.ok(await accepting instanceof DenoTlsConn);
  await assert.rejects(listener.accept(), { name: "BadResource" });
});

Deno.test("TlsListener.close() rejects a pending accept", async () => {
  using deno = new ScriptedDeno();
  const listener = TlsListener.bind(ANYWHERE, OPTIONS);
  const accepting = listener.accept();
  listener.close();
  deno.accepts[0]!.reject(new Deno.errors.Interrupted("closed"));
  await assert.rejects(accepting, { name: "Interrupted" });
});

Deno.test("TlsListener closes a replaced listener with an empty queue, and returns its clients", async () => {
  using deno = new ScriptedDeno();
  const listener = TlsListener.bind(ANYWHERE, OPTIONS, { reusePort: true });
  const first = listener.accept();
  listener.replace(OPTIONS);
  // Accepts are pending on both, and the client of the old one comes before the first check.
  assert.equal(deno.accepts.length, 2);
  deno.resolve(deno.accepts[0]!);
  assert.ok(await first instanceof DenoTlsConn);
  await settled();
  assert.deepEqual(deno.closed, [], "others may wait there");
  const second = listener.accept();
  assert.equal(deno.accepts.length, 3, "it is asked again");
  await eventually("the old one to be closed", () => deno.closed, ({ length }) => length > 0);
  assert.deepEqual(deno.closed, [4321]);
  deno.accepts[2]!.reject(new Deno.errors.BadResource("closed"));
  deno.resolve(deno.accepts[1]!);
  assert.ok(await second instanceof DenoTlsConn);
  void listener.accept().catch(() => {});
  assert.equal(deno.accepts.length, 4, "and then no more");
  listener.close();
  deno.accepts[3]!.reject(new Deno.errors.Interrupted("closed"));
  await settled();
});

Deno.test("TlsListener repeats a late check of a replaced listener", async () => {
  using deno = new ScriptedDeno();
  const listener = TlsListener.bind(ANYWHERE, OPTIONS, { reusePort: true });
  const accepting = listener.accept().catch(() => {});
  let now = 0;
  const clock = mock.method(performance, "now", () => now += 100);
  try {
    listener.replace(OPTIONS);
    await settled();
    assert.deepEqual(deno.closed, []);
    clock.mock.restore();
    await eventually("the old one to be closed", () => deno.closed, ({ length }) => length > 0);
    assert.deepEqual(deno.closed, [4321]);
  } finally {
    clock.mock.restore();
    listener.close();
    for (const accept of deno.accepts) accept.reject(new Deno.errors.Interrupted("closed"));
    await accepting;
  }
});

Deno.test("TlsListener reports a failed accept, except of a replaced listener", async () => {
  using deno = new ScriptedDeno();
  const listener = TlsListener.bind(ANYWHERE, OPTIONS, { reusePort: true });
  const first = listener.accept();
  listener.replace(OPTIONS);
  deno.accepts[0]!.reject(new Error("no descriptors"));
  await Promise.resolve();
  deno.resolve(deno.accepts[1]!);
  assert.ok(await first instanceof DenoTlsConn);
  const second = listener.accept();
  deno.accepts.at(-1)!.reject(new Error("no descriptors"));
  await assert.rejects(second, { message: "no descriptors" });
  listener.close();
  await settled();
});

Deno.test("TlsListener.bind() passes its options on", () => {
  using deno = new ScriptedDeno();
  const { credentials } = OPTIONS;
  TlsListener.bind(ANYWHERE, { credentials, alpn: ["h2"] }, { reusePort: true }).replace(OPTIONS);
  TlsListener.bind(ANYWHERE, OPTIONS, { reusePort: false });
  assert.deepEqual(
    deno.calls.map(({ port, alpnProtocols, reusePort }) => [port, alpnProtocols, reusePort]),
    [[0, ["h2"], true], [4321, undefined, true], [0, undefined, false]],
  );
});

Deno.test("TlsListener.bind() throws an error with the address and the cause", () => {
  using deno = new ScriptedDeno();
  deno.freeAgainAfter = 1;
  const bind = () => TlsListener.bind({ ...ANYWHERE, port: 4321 }, OPTIONS, { shared: true });
  assert.throws(bind, { name: "ListenError", code: "address_in_use" });
  assert.equal(bind().address.port, 4321);
});

Deno.test("TlsListener without shared addresses binds the next certificate when the last accept has ended", async () => {
  using deno = new ScriptedDeno();
  const listener = TlsListener.bind(ANYWHERE, OPTIONS, { reusePort: false });
  const accepting = listener.accept();
  listener.replace(OPTIONS);
  // The second bind was for port 0, to check whether the certificate can be used.
  assert.deepEqual([deno.closed, deno.accepts.length], [[4322, 4321], 1]);
  deno.accepts[0]!.reject(new Deno.errors.BadResource("closed"));
  await turn();
  assert.equal(deno.accepts.length, 2);
  deno.resolve(deno.accepts[1]!);
  assert.ok(await accepting instanceof DenoTlsConn);
  listener.close();
  assert.deepEqual(deno.closed, [4322, 4321, 4323]);
});

Deno.test("TlsListener binds a port that another program took meanwhile at the first accept that can", async () => {
  using deno = new ScriptedDeno();
  const listener = TlsListener.bind(ANYWHERE, OPTIONS, { reusePort: false });
  deno.freeAgainAfter = 2;
  listener.replace(OPTIONS);
  await assert.rejects(listener.accept(), { name: "AddrInUse" });
  const accepting = listener.accept();
  deno.resolve(deno.accepts[0]!);
  assert.ok(await accepting instanceof DenoTlsConn);
  listener.replace(OPTIONS);
  listener.close();
  await assert.rejects(listener.accept(), { name: "BadResource" });
});

/** A check of a listener is a timer without a delay, and the turn after it. */
async function settled(): Promise<void> {
  for (let looks = 0; looks < 3; looks++) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    await turn();
  }
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
