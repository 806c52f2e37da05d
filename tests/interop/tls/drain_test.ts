import assert from "node:assert/strict";
import { ACCEPT_IDLE } from "../../../src/net/socket/accept.ts";
import type { TcpAddress } from "../../../src/net/address.ts";
import { reserve } from "../../../src/net/socket/reserve.ts";
import { type Credentials, loadCredentials } from "../../../src/net/tls/credentials.ts";
import { TlsListener } from "../../../src/net/tls/listener.ts";
import { Accepting, ANYWHERE, ask, type Outcome } from "../../support/peers/accept_fixture.ts";
import { connectWhileBusy } from "../../support/peers/busy_clients.ts";
import { untilRefused } from "../../support/peers/sockets.ts";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";

interface Fixture {
  readonly credentials: Credentials;
  readonly askTls: (port: number) => Promise<Outcome>;
}

async function start(stack: AsyncDisposableStack): Promise<Fixture> {
  const authority = stack.use(await CertificateAuthority.create());
  const credentials = await loadCredentials(await authority.issue({ name: "a.test" }));
  const caCerts = [await Deno.readTextFile(authority.cert)];
  const secure = (conn: Deno.TcpConn) => Deno.startTls(conn, { hostname: "a.test", caCerts });
  return { credentials, askTls: (port) => ask(port, secure) };
}

interopTest(
  "a burst while a Deno.listenTls listener begins to drain loses no client",
  OPENSSL,
  async (stack) => {
    const { credentials, askTls } = await start(stack);
    await using loop = new Accepting(TlsListener.bind(ANYWHERE, { credentials, alpn: [] }), () => {
      if (loop.accepted === 20) loop.drain();
    });
    const outcomes = await Promise.all(Array.from({ length: 200 }, () => askTls(loop.port)));
    await loop.ended;
    const answered = outcomes.filter((outcome) => outcome === "answered").length;
    assert.equal(answered, loop.accepted);
    assert.ok(answered > 20, `${answered} answered`);
    assert.deepEqual(outcomes.filter((outcome) => outcome === "lost"), []);
  },
);

interopTest(
  "a Deno.listenTls listener that drains serves the clients of its last certificate",
  OPENSSL,
  async (stack) => {
    const { credentials } = await start(stack);
    const listener = TlsListener.bind(ANYWHERE, { credentials, alpn: [] });
    await using loop = new Accepting(listener);
    const beginDrain = () => {
      listener.replace({ credentials, alpn: [] });
      loop.drain();
    };
    // The bytes are not TLS, so the listener that accepts the connection answers with an alert.
    const outcomes = await connectWhileBusy(loop.port, 50, 3 * ACCEPT_IDLE, beginDrain, "not TLS at all");
    await loop.ended;
    assert.deepEqual(outcomes, Array.from({ length: 50 }, () => "answered"));
  },
);

interopTest(
  "a Deno.listenTls listener without clients ends its drain after the idle time",
  OPENSSL,
  async (stack) => {
    const { credentials, askTls } = await start(stack);
    await using loop = new Accepting(TlsListener.bind(ANYWHERE, { credentials, alpn: [] }));
    assert.equal(await askTls(loop.port), "answered");
    const began = performance.now();
    loop.drain();
    await loop.ended;
    const took = performance.now() - began;
    assert.ok(took >= ACCEPT_IDLE && took < 20 * ACCEPT_IDLE, `${took} ms`);
    await untilRefused(loop.port);
  },
);

interopTest("Deno.listenTls listeners share an address with reusePort", OPENSSL, async (stack) => {
  const { credentials, askTls } = await start(stack);
  const options = { credentials, alpn: [] };
  using reservation = await reserve(ANYWHERE);
  const { address } = reservation;
  assert.throws(() => TlsListener.bind(address, options), { name: "ListenError", code: "address_in_use" });
  await using one = new Accepting(TlsListener.bind(address, options, { shared: true }));
  await using two = new Accepting(TlsListener.bind(address, options, { shared: true }));
  reservation.release();
  for (let client = 0; client < 40; client++) assert.equal(await askTls(address.port), "answered");
  assert.equal(one.accepted + two.accepted, 40);
  assert.ok(one.accepted > 4 && two.accepted > 4, `${one.accepted} and ${two.accepted}`);
  // One drains, and the other gets its clients.
  one.drain();
  await one.ended;
  for (let client = 0; client < 5; client++) assert.equal(await askTls(address.port), "answered");
  assert.equal((one.listener.address as TcpAddress).port, address.port);
});
