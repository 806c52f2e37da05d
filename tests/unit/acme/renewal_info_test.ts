import assert from "node:assert/strict";
import { AcmeError } from "../../../src/acme/acme_error.ts";
import { EcKey } from "../../../src/acme/keys.ts";
import { askRenewalWindow, certificateId } from "../../../src/acme/renewal_info.ts";
import { AcmeTransport } from "../../../src/acme/transport.ts";
import { der, issue, objectId, sequence } from "../../support/bytes/certificate_bytes.ts";
import { FakeAcme } from "../../support/fakes/fake_acme.ts";

const now = () => Date.now();

/** The example of RFC 9773 section 4.1. */
Deno.test("certificateId() joins the key identifier of the authority and the serial number", () => {
  const extension = sequence(
    objectId("2.5.29.35"),
    der(0x04, sequence(der(0x80, Uint8Array.fromHex("69885B6B87464041E1B37B847BA0AE2CDE01C8D4")))),
  );
  const { pem } = issue({
    subject: "a",
    extensions: [extension],
    serial: [0x00, 0x87, 0x65, 0x43, 0x21],
  });
  assert.equal(certificateId(pem), "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
  assert.equal(certificateId(issue({ subject: "a" }).pem), undefined);
});

Deno.test("askRenewalWindow() returns the server's window and when to ask again; undefined if it has none", async () => {
  const certificate = () => "";
  const ask = async (server: FakeAcme) => {
    const { signal } = new AbortController();
    const transport = new AcmeTransport({ fetch: server.fetch, key: await EcKey.generate(), signal, now });
    return await askRenewalWindow(server.directory, "a.b", { transport, now });
  };
  const window = await ask(new FakeAcme({ certificate, renewalInfo: true }));
  assert.ok(window!.start < window!.end && window!.end < now());
  // The server says 60 s, which is too often.
  assert.ok(Math.abs(window!.askAgainAt - now() - 600_000) < 30_000);
  assert.equal(await ask(new FakeAcme({ certificate })), undefined);
  const bad = new FakeAcme({
    certificate,
    renewalInfo: true,
    instead: ({ path }) => path.startsWith("/renewal/") ? new Response('{"suggestedWindow":{}}') : undefined,
  });
  await assert.rejects(ask(bad), AcmeError);
});
