import assert from "node:assert/strict";
import type { ConfigError } from "../../../src/config/config_error.ts";
import { decodeConfig } from "../../../src/config/decode.ts";
import { DURATION_PATTERN } from "../../../src/config/values/duration.ts";
import { jsonSchemaText } from "../../../.github/build/json_schema.ts";
import { decodeOptions, toDocument } from "../../../src/config/library.ts";
import type { ProxyOptions } from "../../../src/config/options.ts";
import { toCamelCase } from "../../../src/config/schema/section.ts";
import { type Schema, schemaKeys } from "./schema_keys.ts";

const SERVICE = { name: "a", listen: 0, upstream: "db:5432" };

Deno.test("decodeOptions() decodes like a file with the same settings", () => {
  const options: ProxyOptions = {
    workers: "auto",
    shutdown: { drain: 250, delay: 1500 },
    defaults: { connectTimeout: "2s", idleTimeout: 0, keepalive: 60_000 },
    services: [{
      ...SERVICE,
      listen: [0, "unix:/run/a.sock"],
      unixMode: 0o777,
      bufferSize: "64KiB",
      keepalive: true,
    }],
  };
  const document = {
    workers: "auto",
    shutdown: { drain: "250ms", delay: "1s500ms" },
    defaults: { connect_timeout: "2s", idle_timeout: 0, keepalive: "60s" },
    services: [{
      ...SERVICE,
      listen: [0, "unix:/run/a.sock"],
      unix_mode: "0777",
      buffer_size: "64KiB",
      keepalive: true,
    }],
  };
  assert.deepEqual(decodeOptions(options), decodeConfig(document));
});

Deno.test("decodeOptions() takes milliseconds wherever the schema has a duration", () => {
  const keys = schemaKeys(JSON.parse(jsonSchemaText()) as Schema)
    .filter(({ schema }) => schema.anyOf?.some(({ pattern }) => pattern === DURATION_PATTERN))
    .map(({ path }) => path)
    // Of a fault, they depend on its type.
    .filter((path) => !path.includes("faults"));
  assert.ok(new Set(keys.map((path) => path.at(-1))).size >= 11, keys.join());
  const lists = new Set(["services", "routes", "endpoints", "certificates"]);
  /** The value at a path, also through lists. */
  const nested = (path: readonly string[], value: unknown): unknown =>
    path.reduceRight((inner, key) => ({ [key]: lists.has(key) ? [inner] : inner }), value);
  for (const path of keys) {
    assert.deepEqual(toDocument(nested(path.map(toCamelCase), 1500)), nested(path, "1500ms"), path.join("."));
  }
  assert.deepEqual(toDocument({ defaults: { bufferSize: 65536 } }), { defaults: { buffer_size: 65536 } });
});

Deno.test("decodeOptions() leaves out keys without a value", () => {
  const options = { log: undefined, services: [{ ...SERVICE, idleTimeout: undefined }] };
  assert.equal(decodeOptions(options).services[0]?.idleTimeout, 600_000);
});

Deno.test("decodeOptions() does not expand variables", () => {
  assert.equal(decodeOptions({ services: [{ ...SERVICE, name: "${HOME}" }] }).services[0]?.name, "${HOME}");
});

Deno.test("decodeOptions() reports problems in camelCase", () => {
  const options = {
    services: [{ ...SERVICE, idleTimout: "5m", connectTimeout: -5, halfCloseTimeout: "5", colour: 1 }, {
      listen: 1,
    }],
  };
  const problems = [
    [
      "services[0].colour",
      /^Unknown key "colour": expected one of name, listen, unixMode, acceptProxyProtocol, allow, deny, /,
    ],
    ["services[0].connectTimeout", /^Cannot parse duration "-5": expected a number with a unit/],
    ["services[0].halfCloseTimeout", /^Cannot parse duration "5": a unit is missing/],
    ["services[0].idleTimout", /^Unknown key "idleTimout": did you mean "idleTimeout"\?$/],
    ["services[1].name", /^Missing key "name": /],
    ["services[1].upstream", /^Missing key "upstream": /],
  ] as const;
  assert.throws(() => decodeOptions(options as unknown as ProxyOptions), (error) => {
    const found = (error as { problems: { path: string; message: string }[] }).problems;
    assert.deepEqual(found.map(({ path }) => path), problems.map(([path]) => path));
    for (const [index, [, message]] of problems.entries()) assert.match(found[index]!.message, message);
    return true;
  });
});

Deno.test("decodeOptions() takes groups and routes like a file", () => {
  const options: ProxyOptions = {
    upstreams: {
      my_group: {
        endpoints: ["db1:5432", { address: "db2:5432", maxConnections: 5 }],
        balance: "random_two",
        retry: { timeout: 1500 },
        healthCheck: { interval: 20, timeout: 0.2e3, send: new Uint8Array([1, 2]), expect: "hex:0a" },
        passive: { window: 1000, eject: "3s" },
        onDown: "close",
        pool: { mode: "reuse", maxIdleTime: 100, quiet: 5, maxUses: 2 },
        discovery: { dns: "a", interval: 200 },
      },
      maxIdle: { endpoints: ["db:1"] },
    },
    services: [{
      ...SERVICE,
      routes: [{
        sourcePort: [1, "2-3"],
        sourceIp: "10.0.0.1",
        listenPort: [0, 5].slice(1),
        upstream: "maxIdle",
      }],
      upstream: "my_group",
    }],
  };
  const document = {
    upstreams: {
      my_group: {
        endpoints: ["db1:5432", { address: "db2:5432", max_connections: 5 }],
        balance: "random_two",
        retry: { timeout: "1500ms" },
        health_check: { interval: "20ms", timeout: "200ms", send: "hex:0102", expect: "\n" },
        passive: { window: "1s", eject: "3s" },
        on_down: "close",
        pool: { mode: "reuse", max_idle_time: "100ms", quiet: "5ms", max_uses: 2 },
        discovery: { dns: "a", interval: "200ms" },
      },
      maxIdle: { endpoints: ["db:1"] },
    },
    services: [{
      ...SERVICE,
      routes: [{ source_port: [1, "2-3"], source_ip: "10.0.0.1", listen_port: 5, upstream: "maxIdle" }],
      upstream: "my_group",
    }],
  };
  assert.deepEqual(decodeOptions(options), decodeConfig(document));
});

Deno.test("decodeOptions() takes access lists and limits like a file", () => {
  const options: ProxyOptions = {
    limits: { connections: 10 },
    defaults: { allow: "10.0.0.0/8", deny: [] },
    services: [{
      ...SERVICE,
      acceptProxyProtocol: { from: ["10.0.0.1"], timeout: 250 },
      sendProxyProtocol: "v1",
      allow: ["::1"],
      limits: {
        connectionsPerClient: 5,
        connectsPerSecond: 0.5,
        connectsPerSecondPerClient: { rate: 1, burst: 2 },
        upload: 2048,
        whenFull: "refuse",
        lifetime: 1500,
      },
      peek: { timeout: 20, maxBytes: 2048 },
      routes: [{ sni: ["a.b"], alpn: "h2", upstream: "a:1" }],
    }],
  };
  const document = {
    limits: { connections: 10 },
    defaults: { allow: "10.0.0.0/8", deny: [] },
    services: [{
      ...SERVICE,
      accept_proxy_protocol: { from: ["10.0.0.1"], timeout: "250ms" },
      send_proxy_protocol: "v1",
      allow: ["::1"],
      limits: {
        connections_per_client: 5,
        connects_per_second: 0.5,
        connects_per_second_per_client: { rate: 1, burst: 2 },
        upload: "2KiB/s",
        when_full: "refuse",
        lifetime: "1s500ms",
      },
      peek: { timeout: "20ms", max_bytes: "2KiB" },
      routes: [{ sni: ["a.b"], alpn: "h2", upstream: "a:1" }],
    }],
  };
  assert.deepEqual(decodeOptions(options), decodeConfig(document));
});

Deno.test("decodeOptions() reports conflicts of access lists and limits in camelCase", () => {
  const options: ProxyOptions = {
    defaults: { deny: "10.0.0.1" },
    services: [
      { ...SERVICE, listen: "unix:/run/a", limits: { connectsPerSecondPerClient: 1, whenFull: "wait" } },
      {
        ...SERVICE,
        name: "b",
        deny: [],
        acceptProxyProtocol: { from: "unix" },
        sendProxyProtocol: "v2",
        upstream: { endpoints: ["db:1"], pool: { mode: "reuse" } },
      },
    ],
  };
  assert.throws(() => decodeOptions(options), {
    problems: [
      {
        path: "services[0].deny",
        message: 'Cannot check clients of "unix:/run/a" (services[0].listen) against defaults.deny: ' +
          'they have no address, write "deny: []" here',
      },
      {
        path: "services[0].limits.connectsPerSecondPerClient",
        message: 'Cannot limit each client of "unix:/run/a" (services[0].listen): they have no address',
      },
      {
        path: "services[0].limits.whenFull",
        message: "Clients can only wait at a limit of connections: set services[0].limits.connections",
      },
      {
        path: "services[1].acceptProxyProtocol.from",
        message: 'Cannot trust "unix": no address in services[1].listen is a unix socket',
      },
      {
        path: "services[1].sendProxyProtocol",
        message: "Cannot send a header on connections that were used before (services[1].upstream.pool.mode)",
      },
    ],
  });
});

Deno.test("decodeOptions() copies bytes", () => {
  const send = new Uint8Array([1, 2]);
  const group = { endpoints: ["db:1"], healthCheck: { send } };
  const { upstreams } = decodeOptions({
    upstreams: { group },
    services: [{ ...SERVICE, upstream: "group" }],
  });
  send[0] = 9;
  assert.deepEqual(upstreams[0]?.healthCheck?.send, new Uint8Array([1, 2]));
});

Deno.test("decodeOptions() leaves the names of groups as they are", () => {
  const options = {
    upstreams: {
      my_group: { endpoints: ["db:1"], onDown: "close", healthcheck: {}, pool: { maxUses: 1 } },
      interval: 5,
    },
    services: [{ ...SERVICE, upstream: "my_grup", routes: [{ sourceIP: "10.0.0.1", upstream: "my_group" }] }],
  };
  assert.throws(() => decodeOptions(options as unknown as ProxyOptions), {
    problems: [
      {
        path: "services[0].routes[0].sourceIP",
        message: 'Unknown key "sourceIP": did you mean "sourceIp"?',
        fault: "key",
      },
      { path: "services[0].upstream", message: 'Unknown group "my_grup": did you mean "my_group"?' },
      { path: "upstreams.interval", message: "Expected a mapping with endpoints, got 5" },
      {
        path: "upstreams.my_group.healthcheck",
        message: 'Unknown key "healthcheck": did you mean "healthCheck"?',
        fault: "key",
      },
      {
        path: "upstreams.my_group.onDown",
        message: "Cannot close anything: without healthCheck and passive no endpoint goes down",
      },
      {
        path: "upstreams.my_group.pool.maxUses",
        message: 'Cannot use "maxUses" with mode warm: only reuse takes connections back',
      },
    ],
  });
});

Deno.test("toDocument() leaves instances alone", () => {
  const signal = new AbortController().signal;
  assert.equal(
    (toDocument({ deep: { abortSignal: signal } }) as { deep: { abort_signal: unknown } }).deep.abort_signal,
    signal,
  );
});

for (
  const [what, options, problem] of [
    ["nothing", {}, ["upstream", /^Missing key "upstream": /]],
    ["a misspelled upstream", { upstrem: "127.0.0.1:1" }, ["upstrem", /did you mean "upstream"\?$/]],
    ["no upstream", { listen: 0 }, ["upstream", /^Missing key "upstream": /]],
    ["what only several services have", { defaults: {} }, ["services", /^Missing key "services": /]],
  ] as const
) {
  Deno.test(`decodeOptions() explains options of one service with ${what}`, () => {
    assert.throws(() => decodeOptions(options as never), ({ problems }: ConfigError) => {
      assert.deepEqual(problems.map(({ path }) => path), [problem[0]]);
      assert.match(problems[0]!.message, problem[1]);
      return true;
    });
  });
}
