/** Which clients are taken for an ACME server that checks a name, where routes choose TLS. */

import assert from "node:assert/strict";
import type { ServiceConfig } from "../../../src/config/config.ts";
import { atOnce } from "../../../src/config/input/steps.ts";
import { ClientFacts } from "../../../src/proxy/client_facts.ts";
import { ServiceTls, type ServiceTlsMaterial } from "../../../src/proxy/tls_termination.ts";
import { clientHello } from "../../support/bytes/client_hellos.ts";
import { FakeConn } from "../../support/fakes/fake_conn.ts";
import { ENDPOINTS } from "../wire/proxy_protocol/proxy_headers.ts";

const CHECK = "acme-tls/1";

function serviceTls(http?: string): ServiceTls {
  const acme = { names: ["a.test"], storage: "acme", http };
  const tls = { clientAuth: "none", alpn: [], minVersion: "1.2", handshakeTimeout: 5000, acme };
  const config = { tls, routes: [{ tls: undefined }, { tls: false }], peek: {}, idleTimeout: 0 };
  const own = { certificates: [], clientAuthorities: [], revocationLists: undefined };
  const material: ServiceTlsMaterial = { own, routes: [undefined, undefined] };
  return atOnce(ServiceTls.of(config as unknown as ServiceConfig, material));
}

Deno.test("ServiceTls answers checks of ACME by their ClientHello, not by a PROXY header", () => {
  const tls = serviceTls();
  const plain = new ClientFacts(new FakeConn());
  assert.equal(tls.answering(plain), undefined);
  plain.peeked({ bytes: clientHello({ sni: "a.test", alpn: [CHECK] }), end: undefined });
  assert.notEqual(tls.answering(plain), undefined);

  const header = { ...ENDPOINTS, authority: "a.test", alpn: CHECK };
  const announced = new ClientFacts(new FakeConn());
  announced.takeOver(header);
  assert.equal(tls.answering(announced), undefined);
  announced.peeked({ bytes: clientHello({ sni: "a.test", alpn: ["h2"] }), end: undefined });
  assert.equal(tls.answering(announced), undefined);

  // A ClientHello that comes later could be any.
  const silent = new ClientFacts(new FakeConn());
  silent.takeOver(header);
  silent.peeked({ bytes: new Uint8Array(0), end: "late" });
  assert.equal(tls.answering(silent), undefined);

  const check = new ClientFacts(new FakeConn());
  check.takeOver(header);
  check.peeked({ bytes: clientHello({ sni: "a.test", alpn: [CHECK] }), end: undefined });
  assert.notEqual(tls.answering(check), undefined);
});

Deno.test("ServiceTls waits for the ClientHello of clients that may be ACME servers, and of no others", () => {
  const tls = serviceTls();
  const [ending, passing] = [{ tls: tls.afterRoute(0) }, { tls: tls.afterRoute(1) }];
  const awaits = (serverName: string | undefined, target: typeof ending | undefined) => {
    const facts = new ClientFacts(new FakeConn());
    if (serverName !== undefined) facts.takeOver({ ...ENDPOINTS, authority: serverName });
    const answer = tls.awaitsCheck(facts, target);
    facts.peeked({ bytes: new Uint8Array(0), end: "late" });
    assert.equal(tls.awaitsCheck(facts, target), false, "none comes any more");
    return answer;
  };
  for (const target of [ending, passing, undefined]) {
    assert.equal(awaits("A.test", target), true);
    assert.equal(awaits("b.test", target), false);
  }
  assert.deepEqual([ending, passing, undefined].map((target) => awaits(undefined, target)), [
    true,
    false,
    true,
  ]);

  const terminated = new ClientFacts(new FakeConn());
  terminated.takeOver({ ...ENDPOINTS, authority: "a.test", tls: { client: 1, verify: 0 } });
  assert.equal(tls.awaitsCheck(terminated, ending), false);

  const overHttp = serviceTls("127.0.0.1:80");
  assert.deepEqual([tls.answersChecks, overHttp.answersChecks], [true, false]);
  assert.equal(overHttp.awaitsCheck(new ClientFacts(new FakeConn()), ending), false);
});
