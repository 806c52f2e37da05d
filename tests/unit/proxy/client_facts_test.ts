/** The PROXY header for the upstream, made of the facts from a load balancer's header and from TLS. */

import assert from "node:assert/strict";
import { ClientFacts } from "../../../src/proxy/client_facts.ts";
import { decodeProxyHeader, encodeProxyHeader } from "../../../src/wire/proxy_protocol/proxy_protocol.ts";
import { MAX_PROXY_HEADER, type ProxyHeader } from "../../../src/wire/proxy_protocol/header.ts";
import { clientHello } from "../../support/bytes/client_hellos.ts";
import { FakeConn } from "../../support/fakes/fake_conn.ts";
import { ENDPOINTS } from "../wire/proxy_protocol/proxy_headers.ts";

Deno.test("ClientFacts keeps the facts of a PROXY header once its route is certain, and adds the rest", () => {
  const facts = new ClientFacts(new FakeConn());
  facts.takeOver({ ...ENDPOINTS, authority: "a.test" });
  facts.settle();
  facts.peeked({ bytes: clientHello({ sni: "b.test", alpn: ["h2"] }), end: undefined });
  assert.deepEqual([facts.serverName, facts.alpn], ["a.test", ["h2"]]);
  assert.equal(facts.hello?.serverName, "b.test");

  const open = new ClientFacts(new FakeConn());
  open.takeOver({ ...ENDPOINTS, authority: "a.test" });
  open.peeked({ bytes: clientHello({ sni: "b.test" }), end: undefined });
  assert.equal(open.serverName, "b.test");
});

Deno.test("ClientFacts compares the name of a handshake with that of a PROXY header as DNS does", () => {
  const securedBy = (serverName: string) => {
    const facts = new ClientFacts(new FakeConn());
    facts.takeOver({ ...ENDPOINTS, authority: "A.test" });
    facts.secured({ version: "TLSv1.3", serverName }, true);
    return facts.serverName;
  };
  assert.equal(securedBy("a.test"), "a.test");
  assert.throws(() => securedBy("b.test"), { code: "tls_handshake_failed" });
});

for (const length of [4071, MAX_PROXY_HEADER]) {
  Deno.test(`ClientFacts passes on a received header of ${length} bytes with TLS added`, () => {
    const value = new Uint8Array(length - encodeProxyHeader(ENDPOINTS, 2).length - 3);
    const received: ProxyHeader = { ...ENDPOINTS, others: [{ type: 0xe0, value }] };
    assert.equal(encodeProxyHeader(received, 2).length, length);
    const facts = new ClientFacts(new FakeConn());
    assert.equal(facts.takeOver(received), true);
    facts.secured({ version: "TLSv1.3", serverName: "db.test" }, false);
    const decoded = decodeProxyHeader(facts.toHeader("v2"));
    assert.deepEqual(decoded.kind === "header" && decoded.header, {
      ...ENDPOINTS,
      authority: "db.test",
      tls: { client: 1, verify: 1, version: "TLSv1.3" },
    });
  });
}
