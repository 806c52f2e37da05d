/** The clients that a TlsServer with client certificates accepts, also without node:tls, and the facts about them. */

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mock } from "node:test";
import { TLSSocket } from "node:tls";
import {
  alternativeNames,
  authority,
  authorityFlag,
  issue,
  keyUsage,
  sequence,
  text,
} from "../../../support/bytes/certificate_bytes.ts";
import { clientIdentity, factsOf, identity, root } from "./tls_fixture.ts";

const options = { clientAuth: "require" } as const;
const alice = clientIdentity("alice");
const NOT_ACCEPTED = "The certificate of the client is not accepted: ";

/** No client in Deno resumes a session, so the sockets claim that they did. */
async function resumed<Result>(use: () => Promise<Result>): Promise<Result> {
  const isReused = mock.method(TLSSocket.prototype, "isSessionReused", () => true);
  try {
    return await use();
  } finally {
    isReused.mock.restore();
  }
}

Deno.test("TlsServer takes the client's facts from its certificate, and knows a resumed session", async () => {
  const facts = {
    serverName: "a.test",
    version: "TLSv1.3",
    clientSubject: "CN=alice",
    clientName: "alice",
    clientCertificate: new Uint8Array(new X509Certificate(alice.cert).raw),
  };
  assert.deepEqual(await factsOf({ options, credentials: alice }), facts);
  assert.deepEqual(await resumed(() => factsOf({ options, credentials: alice })), {
    ...facts,
    isResumed: true,
  });
});

Deno.test("TlsServer has no facts about a client without certificate and name", async () => {
  const certificates = [identity("127.0.0.1", [alternativeNames(Uint8Array.of(0x87, 4, 127, 0, 0, 1))])];
  const asked = { options: { clientAuth: "request", certificates } as const, name: "127.0.0.1" };
  assert.deepEqual(await factsOf(asked), { version: "TLSv1.3" });
  assert.deepEqual(await resumed(() => factsOf(asked)), { version: "TLSv1.3" });
});

// node:tls checks nothing when a session is resumed, and no key usage of authorities otherwise.
Deno.test("TlsServer verifies the certificates of a resumed session again", async () => {
  const middle = issue({ subject: "Middle", extensions: [authorityFlag(), keyUsage(0)] }, root);
  await assert.rejects(
    resumed(() => factsOf({ options, credentials: clientIdentity("alice", middle, middle) })),
    {
      code: "tls_certificate_rejected",
      side: "client",
      message: `${NOT_ACCEPTED}its issuer, CN=Middle, is not good: ` +
        "its key usage does not allow it to sign certificates",
    },
  );
});

Deno.test("TlsServer refuses a client that node:tls refuses, even if it finds no fault", async () => {
  // node:tls rejects a repeated extension; here it does not matter, because the authority is configured.
  const odd = authority("Odd", { extensions: [authorityFlag(), authorityFlag()] });
  const trusting = { ...options, clientAuthorities: [root.pem, odd.pem] };
  await assert.rejects(factsOf({ options: trusting, credentials: clientIdentity("alice", odd) }), {
    code: "tls_certificate_rejected",
    side: "client",
    message: /^The certificate of the client is not accepted: it does not verify \(\w.+\)$/,
  });
});

Deno.test("TlsServer refuses a client whose name cannot be read", async () => {
  const nameless = clientIdentity(sequence(text(0x0c, "alice")));
  await assert.rejects(factsOf({ options, credentials: nameless }), {
    code: "tls_certificate_rejected",
    side: "client",
    message: /^The certificate of the client is not accepted: it cannot be read: /,
  });
});
