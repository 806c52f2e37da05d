import assert from "node:assert/strict";
import { decodeConfig } from "../../../src/config/decode.ts";
import { decodeOptions } from "../../../src/config/library.ts";
import type { ProxyOptions } from "../../../src/config/options.ts";

const SERVICE = { name: "a", listen: 0, upstream: "db:5432" };

Deno.test("decodeOptions() takes TLS, the admin interface and the access log like a file", () => {
  const options: ProxyOptions = {
    log: { access: { path: "access.log", sample: 0.5 } },
    admin: { listen: ":9000", token: "correct-horse", hosts: ["a.internal"] },
    services: [{
      ...SERVICE,
      tls: {
        certificates: [{ cert: "a.pem", key: "a.key" }],
        clientCa: "ca.pem",
        clientAuth: "request",
        alpn: ["h2"],
        minVersion: 1.3,
        handshakeTimeout: 250,
      },
      upstreamTls: { ca: "ca.pem", cert: "me.pem", key: "me.key", serverName: "db.internal" },
      sourceAddress: "10.0.0.3",
    }, { ...SERVICE, name: "b", tls: { cert: "b.pem", key: "b.key", engine: "deno" }, upstreamTls: {} }],
  };
  const document = {
    log: { access: { path: "access.log", sample: 0.5 } },
    admin: { listen: ":9000", token: "correct-horse", hosts: ["a.internal"] },
    services: [{
      ...SERVICE,
      tls: {
        certificates: [{ cert: "a.pem", key: "a.key" }],
        client_ca: "ca.pem",
        client_auth: "request",
        alpn: ["h2"],
        min_version: "1.3",
        handshake_timeout: "250ms",
      },
      upstream_tls: { ca: "ca.pem", cert: "me.pem", key: "me.key", server_name: "db.internal" },
      source_address: "10.0.0.3",
    }, { ...SERVICE, name: "b", tls: { cert: "b.pem", key: "b.key", engine: "deno" }, upstream_tls: {} }],
  };
  assert.deepEqual(decodeOptions(options), decodeConfig(document));
});

Deno.test("decodeOptions() reports conflicts of TLS in camelCase", () => {
  const options: ProxyOptions = {
    services: [{
      ...SERVICE,
      tls: { cert: "a.pem", key: "a.key", clientAuth: "require", minVersion: "1.3", engine: "deno" },
      upstream: "unix:/run/a",
      upstreamTls: {},
    }],
  };
  assert.throws(() => decodeOptions(options), {
    problems: [
      {
        path: "services[0].tls.clientAuth",
        message: "Cannot check certificates of clients without services[0].tls.clientCa",
      },
      {
        path: "services[0].tls.engine",
        message: "Cannot be deno with services[0].tls.minVersion, which needs node:tls: leave engine out",
      },
      {
        path: "services[0].upstreamTls.serverName",
        message: 'Missing key "serverName": expected the name that certificates must be for, ' +
          'which "unix:/run/a" (services[0].upstream) does not give',
      },
    ],
  });
});
