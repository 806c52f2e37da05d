import assert from "node:assert/strict";
import { PendingHandshakes } from "../../src/net/tls_pending.ts";
import { TlsServer, type TlsServerOptions } from "../../src/net/tls_server.ts";
import { alternativeNames, authority, dnsName, issue } from "./certificate_bytes.ts";
import { FakeConn } from "./fake_conn.ts";

const root = authority();
const NEVER = new AbortController().signal;

function options(...names: string[]): TlsServerOptions {
  const certificates = names.map((name) => {
    const { pem, keys } = issue({ subject: name, extensions: [alternativeNames(dnsName(name))] }, root);
    const key = keys.privateKey.export({ type: "sec1", format: "pem" }) as string;
    return { cert: pem, key, names: [name] };
  });
  return { certificates, clientAuthorities: [root.pem], clientAuth: "none", alpn: [], minVersion: "1.2" };
}

Deno.test("update() changes nothing when nothing has changed", () => {
  const first = options("a.test");
  const server = new TlsServer(first, new PendingHandshakes(1));
  assert.equal(server.update(structuredClone(first)), false);
  assert.equal(server.update({ ...first, alpn: ["h2"] }), true);
  assert.equal(server.update(first), true);
});

Deno.test("without authorities no client can be asked for a certificate", () => {
  const none = { ...options("a.test"), clientAuth: "request", clientAuthorities: [] } as const;
  assert.throws(() => new TlsServer(none, new PendingHandshakes(1)), TypeError);
});

// With one certificate, and with several, where the ClientHello is looked at first.
for (const names of [["a.test"], ["a.test", "b.test"]]) {
  const kind = `${names.length} certificate${names.length === 1 ? "" : "s"}`;

  Deno.test(`terminate() ends the oldest handshake when there are too many, with ${kind}`, async () => {
    const pending = new PendingHandshakes(1);
    const server = new TlsServer(options(...names), pending);
    const [first, second] = [new FakeConn(), new FakeConn()];
    const evicted = server.terminate(first, NEVER);
    const ending = new AbortController();
    const other = server.terminate(second, ending.signal);
    await assert.rejects(evicted, { code: "tls_handshakes_full" });
    assert.equal(first.isClosed, true);
    assert.equal(pending.size, 1);
    ending.abort(new Error("enough"));
    await assert.rejects(other, { message: "enough" });
    assert.equal(second.isClosed, true);
    assert.equal(pending.size, 0);
  });

  Deno.test(`terminate() closes a connection on which something else than TLS comes, with ${kind}`, async () => {
    const pending = new PendingHandshakes(1);
    const server = new TlsServer(options(...names), pending);
    for (const what of ["GET / HTTP/1.1\r\n\r\n", "end", new Error("reset")]) {
      const conn = new FakeConn();
      const outcome = server.terminate(conn, NEVER);
      conn.arrive(what);
      await assert.rejects(outcome, { side: "client" }, String(what));
      assert.equal(conn.isClosed, true, String(what));
      assert.equal(pending.size, 0);
    }
  });

  Deno.test(`terminate() begins nothing when it is too late, with ${kind}`, async () => {
    const conn = new FakeConn();
    const server = new TlsServer(options(...names), new PendingHandshakes(1));
    await assert.rejects(server.terminate(conn, AbortSignal.abort(new Error("late"))), { message: "late" });
    assert.deepEqual([conn.isClosed, conn.isRead], [true, false]);
  });
}
