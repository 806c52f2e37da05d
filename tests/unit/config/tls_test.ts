import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import fc from "fast-check";
import type { ServiceConfig } from "../../../src/config/config.ts";
import { ConfigError, type Problem } from "../../../src/config/config_error.ts";
import { decodeConfig } from "../../../src/config/decode.ts";

const SERVICE = { name: "a", listen: 5000, upstream: "db:5432" };
const PAIR = { cert: "a.pem", key: "a.key" };

Deno.test("decodeConfig() fills in what tls and upstream_tls leave out", () => {
  const { tls, upstreamTls } = decode({ tls: PAIR, upstream_tls: {} });
  assert.deepEqual(tls, {
    acme: undefined,
    certificates: [{ cert: resolve("a.pem"), key: resolve("a.key") }],
    clientCa: undefined,
    crl: undefined,
    clientAuth: "none",
    alpn: [],
    starttls: undefined,
    required: undefined,
    minVersion: "1.2",
    engine: "node",
    handshakeTimeout: 10_000,
  });
  assert.deepEqual(upstreamTls, {
    ca: undefined,
    certificate: undefined,
    serverName: undefined,
    verify: true,
    alpn: [],
    starttls: undefined,
  });
});

Deno.test("decodeConfig() offers the protocol of PostgreSQL where starttls is postgres, as both sides may insist on it", () => {
  const alpnOf = (settings: object) => {
    const { tls, upstreamTls } = decode({ tls: { ...PAIR, ...settings }, upstream_tls: settings });
    assert.deepEqual(tls?.alpn, upstreamTls?.alpn);
    return tls?.alpn;
  };
  assert.deepEqual(alpnOf({ starttls: "postgres" }), ["postgresql"]);
  assert.deepEqual(alpnOf({ starttls: "postgres", alpn: ["x", "postgresql"] }), ["x", "postgresql"]);
  assert.deepEqual(alpnOf({ starttls: "smtp" }), []);
});

Deno.test("decodeConfig() takes one certificate in either way to write it", () => {
  assert.deepEqual(decode({ tls: PAIR }), decode({ tls: { certificates: [PAIR] } }));
});

Deno.test("decodeConfig() asks clients for certificates when there is an authority for them, by default", () => {
  const authOf = (tls: object) => decode({ tls: { ...PAIR, ...tls } }).tls?.clientAuth;
  assert.equal(authOf({ client_ca: "ca.pem" }), "require");
  assert.equal(authOf({ client_ca: "ca.pem", client_auth: "request" }), "request");
  assert.equal(authOf({ client_ca: "ca.pem", client_auth: "none" }), "none");
});

Deno.test("decodeConfig() takes a version of TLS with and without quotes", () => {
  for (const [written, version] of [[1.2, "1.2"], ["1.2", "1.2"], [1.3, "1.3"], ["1.3", "1.3"]] as const) {
    assert.equal(decode({ tls: { ...PAIR, min_version: written } }).tls?.minVersion, version);
  }
});

Deno.test("tls has paths relative to the folder of the configuration file", () => {
  const file = join("conf", "sluice.yaml");
  const tls = { cert: "certs/a.pem", key: "../a.key", client_ca: resolve("/etc/ca.pem") };
  const upstreamTls = { ca: "ca.pem", cert: "me.pem", key: "me.key" };
  const { services, log } = decodeConfig({
    log: { access: { path: "access.log" } },
    services: [{ ...SERVICE, tls, upstream_tls: upstreamTls }],
  }, { file });
  assert.deepEqual(services[0]?.tls?.certificates, [{
    cert: resolve("conf/certs/a.pem"),
    key: resolve("a.key"),
  }]);
  assert.equal(services[0].tls.clientCa, resolve("/etc/ca.pem"));
  assert.equal(services[0].upstreamTls?.ca, resolve("conf/ca.pem"));
  assert.deepEqual(services[0].upstreamTls.certificate, {
    cert: resolve("conf/me.pem"),
    key: resolve("conf/me.key"),
  });
  assert.equal(log.access.path, resolve("conf/access.log"));
});

Deno.test("tls errors never repeat a key that stands in place of its path", () => {
  const key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----\n";
  for (const text of [key, key.trim(), key.replaceAll("\n", ""), key.replaceAll("\n", "\r\n")]) {
    const error = rejection({
      tls: { cert: "a.pem", key: text },
      upstream_tls: { cert: "a.pem", key: text },
    });
    assert.deepEqual(error.problems.map(({ path }) => path), [
      "services[0].tls.key",
      "services[0].upstream_tls.key",
    ]);
    assert.doesNotMatch(error.message, /BEGIN|MIG/);
  }
});

Deno.test("server_name may be an address, with or without brackets", () => {
  const nameOf = (name: string) => decode({ upstream_tls: { server_name: name } }).upstreamTls?.serverName;
  assert.equal(nameOf("DB.Internal."), "db.internal");
  assert.equal(nameOf("10.0.0.5"), "10.0.0.5");
  assert.equal(nameOf("2001:db8::5"), "2001:db8::5");
  assert.equal(nameOf("[2001:db8::5]"), "2001:db8::5");
});

Deno.test("source_address may be any IP address except the unspecified ones", () => {
  fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
    const isAny = /^[0.:]+$/.test(address);
    if (isAny) assert.match(rejection({ source_address: address }).message, /it means any address/);
    else assert.equal(decode({ source_address: address }).sourceAddress, address);
  }));
  for (const address of ["0.0.0.0", "::", "0:0:0:0:0:0:0:0", "::0.0.0.0"]) {
    assert.match(rejection({ source_address: address }).message, /it means any address/, address);
  }
});

Deno.test("engine deno is refused with each setting that Deno.listenTls lacks, and with no other", () => {
  const needs: Record<string, object> = {
    "listen[1]": { listen: [5000, "unix:/run/a.sock"] },
    accept_proxy_protocol: { accept_proxy_protocol: { from: ["10.0.0.1", "10.0.0.2"] } },
    reset: { reset: "pass" },
    keepalive: { keepalive: "60s" },
    "routes[0].sni": { routes: [{ sni: "a.b", upstream: "b:1" }] },
  };
  const harmless = {
    limits: { connections: 5, lifetime: "1h" },
    routes: [{ alpn: "h2", upstream: "b:1" }, { source_ip: "10.0.0.1", upstream: "b:1" }],
    reset: "close",
    keepalive: false,
    send_proxy_protocol: "v2",
    upstream_tls: { ca: "ca.pem" },
    source_address: "10.0.0.3",
  };
  const tls = { ...PAIR, alpn: "h2", min_version: 1.2, engine: "deno" };
  assert.equal(decode({ ...harmless, tls }).tls?.engine, "deno");
  fc.assert(fc.property(fc.subarray(Object.keys(needs), { minLength: 1 }), (keys) => {
    const service = Object.assign({}, harmless, ...keys.map((key) => needs[key]!));
    const expected = keys.map((key) =>
      `Cannot be deno with services[0].${key}, which needs node:tls: leave engine out`
    );
    assert.deepEqual(engineProblems({ ...service, tls }).sort(), expected.sort());
    assert.deepEqual(engineProblems({ ...service, tls: { ...tls, engine: "node" } }), []);
  }));
});

/** Some of the settings exclude each other for other reasons, too. */
Deno.test("seamless, the deprecated name of engine, gives a warning, and is refused beside it", () => {
  for (const [seamless, engine] of [[true, "node"], [false, "deno"], ["false", "deno"]] as const) {
    const { services, warnings } = decodeConfig({ services: [{ ...SERVICE, tls: { ...PAIR, seamless } }] });
    assert.equal(services[0]?.tls?.engine, engine);
    assert.deepEqual(warnings, [
      `services[0].tls.seamless: Write "engine: ${engine}" instead, the next release does not read this key`,
    ]);
  }
  assert.deepEqual(
    decodeConfig({ services: [{ ...SERVICE, tls: { ...PAIR, engine: "deno" } }] }).warnings,
    [],
  );
  assert.deepEqual(problemsOf({ ...SERVICE, tls: { ...PAIR, client_ca: "ca.pem", seamless: false } }), [{
    path: "services[0].tls.seamless",
    message: "Cannot be false with services[0].tls.client_ca, which needs node:tls: leave seamless out",
  }]);
});

function engineProblems(service: object): string[] {
  return problemsOf(service).filter(({ path }) => path === "services[0].tls.engine")
    .map(({ message }) => message);
}

function problemsOf(service: object): readonly Problem[] {
  try {
    decode(service);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

function decode(service: object): ServiceConfig {
  return decodeConfig({ services: [{ ...SERVICE, ...service }] }).services[0]!;
}

function rejection(service: object): ConfigError {
  try {
    decode(service);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("Expected a ConfigError, got a configuration");
}
