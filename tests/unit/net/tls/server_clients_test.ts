/** Whom a TlsServer that asks for certificates lets in, also without node:tls, and what it says of them. */

import assert from "node:assert/strict";
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

/** No client in Deno resumes a session: so sockets say that it was resumed. */
async function resumed<Result>(use: () => Promise<Result>): Promise<Result> {
  const isReused = mock.method(TLSSocket.prototype, "isSessionReused", () => true);
  try {
    return await use();
  } finally {
    isReused.mock.restore();
  }
}

Deno.test("a client is who its certificate says, and one that resumes its session is known as such", async () => {
  const facts = { serverName: "a.test", version: "TLSv1.3", clientSubject: "CN=alice", clientName: "alice" };
  assert.deepEqual(await factsOf({ options, credentials: alice }), facts);
  assert.deepEqual(await resumed(() => factsOf({ options, credentials: alice })), {
    ...facts,
    isResumed: true,
  });
});

Deno.test("nothing is known of a client that shows no certificate, and asks for no name", async () => {
  const certificates = [identity("127.0.0.1", [alternativeNames(Uint8Array.of(0x87, 4, 127, 0, 0, 1))])];
  const asked = { options: { clientAuth: "request", certificates } as const, name: "127.0.0.1" };
  assert.deepEqual(await factsOf(asked), { version: "TLSv1.3" });
  assert.deepEqual(await resumed(() => factsOf(asked)), { version: "TLSv1.3" });
});

// node:tls looks at nothing when a session is resumed, and at no key usage of authorities when it is not.
Deno.test("the certificates of a resumed session are judged again", async () => {
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

Deno.test("a client that node:tls refuses stays out, also where no fault is found with it", async () => {
  // An extension twice is too much for node:tls, and does not matter here: the authority was named.
  const odd = authority("Odd", { extensions: [authorityFlag(), authorityFlag()] });
  const trusting = { ...options, clientAuthorities: [root.pem, odd.pem] };
  await assert.rejects(factsOf({ options: trusting, credentials: clientIdentity("alice", odd) }), {
    code: "tls_certificate_rejected",
    side: "client",
    message: /^The certificate of the client is not accepted: it does not verify \(\w.+\)$/,
  });
});

Deno.test("a client whose name cannot be read stays out", async () => {
  const nameless = clientIdentity(sequence(text(0x0c, "alice")));
  await assert.rejects(factsOf({ options, credentials: nameless }), {
    code: "tls_certificate_rejected",
    side: "client",
    message: /^The certificate of the client is not accepted: it cannot be read: /,
  });
});
