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

Deno.test("a session carries bytes both ways, and each way ends on its own", async () => {
  const { client, server, facts } = await session();
  assert.deepEqual(facts, { serverName: "a.test", version: "TLSv1.3" });
  await client.write(bytes("question"));
  assert.equal(await readOnce(server), "question");
  await client.closeWrite();
  assert.equal(await readOnce(server), null);
  // A FIN ends a handshake under way, not a session.
  for (let turn = 0; turn < 3; turn++) await setImmediate();
  await server.write(bytes("answer"));
  assert.equal(await readOnce(client), "answer");
  await server.closeWrite();
  assert.equal(await readOnce(client), null);
  client.close();
  server.close();
});

for (const who of ["client", "server"] as const) {
  Deno.test(`bytes and close_notify of a ${who} that closes reach the other side`, async () => {
    const ends = await session();
    const other = who === "client" ? ends.server : ends.client;
    await ends[who].write(bytes("last words"));
    ends[who].close();
    assert.equal(await readOnce(other), "last words");
    assert.equal(await readOnce(other), null);
    other.close();
  });
}

Deno.test("the certificate is chosen by the name that the client asks for", async () => {
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

Deno.test("the protocol that both have is agreed on, and none is refused", async () => {
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
  Deno.test(`a client shows whom its certificate is for, with client_auth: ${clientAuth}`, async () => {
    const { client, server, facts } = await session({
      options: { clientAuth },
      credentials: clientIdentity("alice"),
    });
    assert.equal(facts.clientName, "alice");
    client.close();
    server.close();
  });

  Deno.test(`a client with another's certificate is closed, with client_auth: ${clientAuth}`, async () => {
    const credentials = clientIdentity("alice", authority("Rogue"));
    await assert.rejects(session({ options: { clientAuth }, credentials }), {
      code: "tls_certificate_rejected",
      side: "client",
    });
  });
}

Deno.test("a client without a certificate comes in where none is required, and nowhere else", async () => {
  const { client, server, facts } = await session({ options: { clientAuth: "request" } });
  assert.equal(facts.clientName, undefined);
  client.close();
  server.close();
  await assert.rejects(session({ options: { clientAuth: "require" } }), {
    code: "tls_certificate_rejected",
    message: "The client sent no certificate",
  });
});

Deno.test("new options are for the next handshakes, also where they are others than before", async () => {
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
