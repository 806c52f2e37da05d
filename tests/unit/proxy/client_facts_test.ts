/** What an upstream is told of a client, out of what a load balancer and TLS have told of it. */

import assert from "node:assert/strict";
import { ClientFacts } from "../../../src/proxy/client_facts.ts";
import { decodeProxyHeader, encodeProxyHeader } from "../../../src/wire/proxy_protocol/proxy_protocol.ts";
import { MAX_PROXY_HEADER, type ProxyHeader } from "../../../src/wire/proxy_protocol/header.ts";
import { FakeConn } from "../../support/fakes/fake_conn.ts";
import { ENDPOINTS } from "../wire/proxy_protocol/proxy_headers.ts";

for (const length of [4071, MAX_PROXY_HEADER]) {
  Deno.test(`a received header of ${length} bytes is passed on with TLS beside it`, () => {
    const value = new Uint8Array(length - encodeProxyHeader(ENDPOINTS, 2).length - 3);
    const received: ProxyHeader = { ...ENDPOINTS, others: [{ type: 0xe0, value }] };
    assert.equal(encodeProxyHeader(received, 2).length, length);
    const facts = new ClientFacts(new FakeConn());
    assert.equal(facts.takeOver(received), true);
    facts.secured({ version: "TLSv1.3", serverName: "db.test" });
    const decoded = decodeProxyHeader(facts.toHeader("v2"));
    assert.deepEqual(decoded.kind === "header" && decoded.header, {
      ...ENDPOINTS,
      authority: "db.test",
      tls: { client: 1, verify: 1, version: "TLSv1.3" },
    });
  });
}
