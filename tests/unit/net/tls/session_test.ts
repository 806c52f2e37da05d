/** Whole sessions between TlsServer and TlsClient, in memory: handshake, bytes both ways, and both ends. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { TlsClient } from "../../../../src/net/tls/client.ts";
import { PendingHandshakes } from "../../../../src/net/tls/pending.ts";
import { TlsServer } from "../../../../src/net/tls/server.ts";
import { memoryPipe } from "../../../../src/net/workarounds/memory_check.ts";
import { authority } from "../../../support/bytes/certificate_bytes.ts";
import { readOnce } from "../../../support/fakes/fake_conn.ts";
import { clientIdentity, identity, root, session } from "./tls_fixture.ts";

const NEVER = new AbortController().signal;

Deno.test("a session carries bytes both ways, and each direction ends by itself", async () => {
  const { client, server, facts } = await session();
  assert.deepEqual(facts, { serverName: "a.test", version: "TLSv1.3" });
  await client.write(bytes("question"));
  assert.equal(await readOnce(server), "question");
  await client.closeWrite();
  assert.equal(await readOnce(server), null);
  // A FIN ends a handshake in progress, not a session.
  for (let turn = 0; turn < 3; turn++) await setImmediate();
  await server.write(bytes("answer"));
  assert.equal(await readOnce(client), "answer");
  await server.closeWrite();
  assert.equal(await readOnce(client), null);
  client.close();
  server.close();
});

for (const peer of ["client", "server"] as const) {
  Deno.test(`bytes and close_notify of a ${peer} that closes reach the other side`, async () => {
    const ends = await session();
    const other = peer === "client" ? ends.server : ends.client;
    await ends[peer].write(bytes("last words"));
    ends[peer].close();
    assert.equal(await readOnce(other), "last words");
    assert.equal(await readOnce(other), null);
    other.close();
  });
}

Deno.test("a session has the certificate for the name that the client asks for", async () => {
  const certificates = [identity("a.test"), identity("b.test")];
  for (const name of ["a.test", "b.test"]) {
    const { client, server, facts } = await session({ options: { certificates }, name });
    assert.equal(facts.serverName, name);
    client.close();
    server.close();
  }
  await assert.rejects(session({ options: { certificates }, name: "c.test" }), {
    code: "tls_certificate_rejected",
    side: "upstream",
  });
});

Deno.test("a session has a protocol that both support, and clients without one are refused", async () => {
  const options = { alpn: ["h2", "http/1.1"] };
  const { client, server, facts } = await session({ options, alpn: ["http/1.1", "x"] });
  assert.equal(facts.alpn, "http/1.1");
  client.close();
  server.close();
  await assert.rejects(session({ options, alpn: ["x"] }), {
    code: "tls_handshake_failed",
    message: "The client has no protocol (ALPN) in common with us",
  });
});

for (const clientAuth of ["require", "request"] as const) {
  Deno.test(`a session has the subject of the client's certificate, with client_auth: ${clientAuth}`, async () => {
    const { client, server, facts } = await session({
      options: { clientAuth },
      credentials: clientIdentity("alice"),
    });
    assert.equal(facts.clientName, "alice");
    client.close();
    server.close();
  });

  Deno.test(`a session refuses a client with a certificate of another authority, with client_auth: ${clientAuth}`, async () => {
    const credentials = clientIdentity("alice", authority("Rogue"));
    await assert.rejects(session({ options: { clientAuth }, credentials }), {
      code: "tls_certificate_rejected",
      side: "client",
    });
  });
}

Deno.test("a session needs a client certificate only if it is required", async () => {
  const { client, server, facts } = await session({ options: { clientAuth: "request" } });
  assert.equal(facts.clientName, undefined);
  client.close();
  server.close();
  await assert.rejects(session({ options: { clientAuth: "require" } }), {
    code: "tls_certificate_rejected",
    message: "The client sent no certificate",
  });
});

Deno.test("a session uses the options at the time of its handshake", async () => {
  const server = new TlsServer({
    certificates: [identity("a.test")],
    clientAuthorities: [],
    clientAuth: "none",
    alpn: [],
    minVersion: "1.2",
  }, new PendingHandshakes(1));
  const client = new TlsClient({ authorities: [root.pem], credentials: undefined, verify: true, alpn: [] });
  const open = async (name: string) => {
    const [near, far] = memoryPipe();
    const [shaken, terminated] = await Promise.allSettled([
      client.startTls(near, name, NEVER),
      server.terminate(far, NEVER),
    ]);
    if (terminated.status === "fulfilled") terminated.value.conn.close();
    if (shaken.status === "rejected") throw shaken.reason;
    shaken.value.close();
  };
  await open("a.test");
  server.update({
    certificates: [identity("b.test")],
    clientAuthorities: [],
    clientAuth: "none",
    alpn: [],
    minVersion: "1.2",
  });
  await open("b.test");
  await assert.rejects(open("a.test"), { code: "tls_certificate_rejected" });
});

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
