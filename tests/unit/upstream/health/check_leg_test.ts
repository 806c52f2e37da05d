import assert from "node:assert/strict";
import { mock } from "node:test";
import { CheckLeg } from "../../../../src/upstream/health/check_leg.ts";
import { UpstreamTls } from "../../../../src/upstream/upstream_tls.ts";
import { UNVERIFIED_TLS } from "../../../support/fakes/upstream_parts.ts";

const MATERIAL = { authorities: undefined, credentials: undefined };
const TLS = { service: "mine", config: UNVERIFIED_TLS, material: MATERIAL };

Deno.test("CheckLeg has the configured header and TLS, or neither", () => {
  const silent = new CheckLeg();
  assert.deepEqual([silent.header, silent.tls, silent.service], [undefined, undefined, undefined]);
  const leg = new CheckLeg({ proxyProtocol: "v1", tls: TLS });
  assert.equal(new TextDecoder().decode(leg.header), "PROXY UNKNOWN\r\n");
  assert.ok(leg.tls instanceof UpstreamTls);
  assert.equal(leg.service, "mine");
});

Deno.test("CheckLeg is kept if its settings are equal, with current certificates", () => {
  const update = mock.method(UpstreamTls.prototype, "update", () => true);
  try {
    const leg = new CheckLeg({ proxyProtocol: "v2", tls: TLS });
    const material = { ...MATERIAL, authorities: ["another"] };
    const same = { proxyProtocol: "v2", tls: { ...TLS, config: { ...UNVERIFIED_TLS }, material } } as const;
    assert.equal(leg.updatedTo(same), leg);
    assert.deepEqual(update.mock.calls.map((call) => call.arguments), [[material]]);
    const others = [
      { ...same, proxyProtocol: "v1" },
      { ...same, tls: undefined },
      { ...same, tls: { ...TLS, service: "other" } },
      { ...same, tls: { ...TLS, config: { ...UNVERIFIED_TLS, verify: true } } },
    ] as const;
    for (const options of others) {
      const other = leg.updatedTo(options);
      assert.notEqual(other, leg);
      assert.equal(other.service, options.tls?.service);
    }
    assert.equal(update.mock.callCount(), 1);
    const plain = new CheckLeg();
    assert.equal(plain.updatedTo({}), plain);
  } finally {
    mock.restoreAll();
  }
});
