import assert from "node:assert/strict";
import type { RateConfig, ServiceConfig } from "../../../src/config/config.ts";
import { decodeConfig } from "../../../src/config/decode.ts";

const SERVICE = { name: "a", listen: 5000, upstream: "db:5432" };

Deno.test("decodeConfig() reads everything that decides which clients are admitted", () => {
  const { limits, services } = decodeConfig({
    limits: { connections: 10_000 },
    services: [{
      ...SERVICE,
      listen: [5000, "unix:/run/a.sock"],
      accept_proxy_protocol: { from: ["10.0.0.0/8", "::1", "unix"], timeout: "5s" },
      allow: ["10.0.0.0/8", "2001:db8::/32"],
      deny: "10.9.9.9",
      limits: {
        connections: 1_000,
        connections_per_client: 20,
        connects_per_second: { rate: 200, burst: 400 },
        connects_per_second_per_client: 20,
        upload: "10MB/s",
        download: 65_536,
        when_full: "wait",
        lifetime: "12h",
      },
      peek: { timeout: "1s", max_bytes: "32KiB" },
      routes: [{ sni: "a.example.com", upstream: "a:1" }],
      send_proxy_protocol: "v2",
    }],
  });
  assert.deepEqual(limits, { connections: 10_000 });
  const { acceptProxyProtocol, sendProxyProtocol, allow, deny, limits: own, peek } = services[0]!;
  assert.deepEqual(acceptProxyProtocol, { from: ["10.0.0.0/8", "::1", "unix"], timeout: 5_000 });
  assert.equal(sendProxyProtocol, "v2");
  assert.deepEqual([allow, deny], [["10.0.0.0/8", "2001:db8::/32"], ["10.9.9.9"]]);
  assert.deepEqual(own, {
    connections: 1_000,
    connectionsPerClient: 20,
    connectsPerSecond: { rate: 200, burst: 400 },
    connectsPerSecondPerClient: { rate: 20, burst: 20 },
    upload: 10_000_000,
    download: 65_536,
    whenFull: "wait",
    lifetime: 43_200_000,
  });
  assert.deepEqual(peek, { timeout: 1_000, maxBytes: 32_768, starttls: undefined });
});

Deno.test("decodeConfig() fills in what trust and a look at the ClientHello leave out", () => {
  const { acceptProxyProtocol, peek } = decodeOne({
    accept_proxy_protocol: { from: "10.0.0.1" },
    peek: { max_bytes: 1024 },
    routes: [{ alpn: "h2", upstream: "a:1" }],
  });
  assert.deepEqual(acceptProxyProtocol, { from: ["10.0.0.1"], timeout: 3_000 });
  assert.deepEqual(peek, { timeout: 3_000, maxBytes: 1_024, starttls: undefined });
});

Deno.test("decodeConfig() takes lists of defaults unless the service has its own, and an empty one is its own", () => {
  const defaults = { allow: ["10.0.0.0/8", "::1"], deny: "10.0.0.1" };
  const listsOf = (service: object) => {
    const { allow, deny } = decodeOne(service, defaults);
    return { allow, deny };
  };
  assert.deepEqual(listsOf({}), { allow: ["10.0.0.0/8", "::1"], deny: ["10.0.0.1"] });
  assert.deepEqual(listsOf({ allow: "10.1.0.0/16" }), { allow: ["10.1.0.0/16"], deny: ["10.0.0.1"] });
  assert.deepEqual(listsOf({ allow: [], deny: [] }), { allow: [], deny: [] });
});

Deno.test("decodeConfig() makes the burst of a rate the rate, as a whole number of at least 1", () => {
  const rateOf = (rate: unknown): RateConfig | undefined =>
    decodeOne({ limits: { connects_per_second: rate } }).limits.connectsPerSecond;
  assert.deepEqual(rateOf(200), { rate: 200, burst: 200 });
  assert.deepEqual(rateOf("200"), { rate: 200, burst: 200 });
  assert.deepEqual(rateOf(0.5), { rate: 0.5, burst: 1 });
  assert.deepEqual(rateOf("2.5"), { rate: 2.5, burst: 3 });
  assert.deepEqual(rateOf({ rate: 2.5 }), { rate: 2.5, burst: 3 });
  assert.deepEqual(rateOf({ rate: "0.5", burst: "7" }), { rate: 0.5, burst: 7 });
  assert.deepEqual(rateOf({ rate: 200, burst: 1 }), { rate: 200, burst: 1 });
  assert.equal(rateOf(undefined), undefined);
});

Deno.test("decodeConfig() refuses rates that admit no client, or no number of clients", () => {
  for (const rate of [0, -1, NaN, Infinity, 1_000_001, "0", "0.0"]) {
    for (const written of [rate, { rate }]) {
      assert.throws(() => decodeOne({ limits: { connects_per_second: written } }), {
        name: "ConfigError",
        message: /Expected a number above 0 and up to 1000000, got /,
      }, JSON.stringify(written));
    }
  }
  for (const rate of ["", "1e3", "often", ".5", "5.", "1/s", true, [], null]) {
    assert.throws(() => decodeOne({ limits: { connects_per_second: rate } }), {
      message: /connects_per_second: Expected a number such as 200, or a mapping such as "rate: 200", got /,
    }, JSON.stringify(rate));
  }
});

function decodeOne(service: object, defaults: object = {}): ServiceConfig {
  return decodeConfig({ defaults, services: [{ ...SERVICE, ...service }] }).services[0]!;
}
