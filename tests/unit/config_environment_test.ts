import assert from "node:assert/strict";
import fc from "fast-check";
import { ConfigError } from "../../src/config/config_error.ts";
import { decodeConfig } from "../../src/config/decode.ts";
import { expandEnvironment } from "../../src/config/environment.ts";

const VARIABLES = new Map([["NAME", "value"], ["EMPTY", ""], ["DOLLARS", "$$ ${NAME}"], ["_a1", "x"]]);

Deno.test("expandEnvironment() replaces variables, defaults and $$", () => {
  const cases: [string, string][] = [
    ["${NAME}", "value"],
    ["a-${NAME}-${_a1}", "a-value-x"],
    ["${UNSET:-default}", "default"],
    ["${EMPTY:-default}", "default"],
    ["${EMPTY}", ""],
    ["${NAME:-default}", "value"],
    ["${UNSET:-}", ""],
    ["${UNSET:-a:-b $5}", "a:-b $5"],
    ["$${NAME}", "${NAME}"],
    ["$$$$", "$$"],
    ["$NAME $5 $", "$NAME $5 $"],
    ["${DOLLARS}", "$$ ${NAME}"],
  ];
  for (const [text, expanded] of cases) {
    const result = expandEnvironment({ key: text }, lookup);
    assert.deepEqual(result.document, { key: expanded }, text);
    assert.deepEqual(result.problems, [], text);
  }
});

Deno.test("expandEnvironment() leaves keys and other values alone", () => {
  const date = new Date(0);
  const document = { "${NAME}": [1, true, null, date, { deep: "${NAME}" }] };
  const { document: expanded, sources } = expandEnvironment(document, lookup);
  assert.deepEqual(expanded, { "${NAME}": [1, true, null, date, { deep: "value" }] });
  assert.deepEqual([...sources], [['["${NAME}"][4].deep', "${NAME}"]]);
});

Deno.test("expandEnvironment() reports every variable that is not set, with its path", () => {
  const { problems, document } = expandEnvironment({ a: ["${ONE} ${TWO}", "${NAME}"] }, lookup);
  assert.deepEqual(problems.map(({ path, message }) => `${path}: ${message.slice(0, 22)}`), [
    'a[0]: Cannot expand "${ONE}"',
    'a[0]: Cannot expand "${TWO}"',
  ]);
  assert.deepEqual(document, { a: ["${ONE} ${TWO}", "value"] });
});

Deno.test("expandEnvironment() reports what the lookup may not read", () => {
  const { problems } = expandEnvironment({ a: "${NAME}" }, () => {
    throw new Deno.errors.NotCapable('Requires env access to "NAME"');
  });
  assert.deepEqual(problems, [{
    path: "a",
    message: 'Cannot expand "${NAME}": Requires env access to "NAME"',
  }]);
});

Deno.test("expandEnvironment() ends when an alias contains itself", () => {
  const list: unknown[] = ["${NAME}"];
  list.push(list, list);
  const { problems } = expandEnvironment({ list, again: [list[0]] }, lookup);
  assert.deepEqual(problems.map(({ path }) => path), ["list[1]", "list[2]"]);
});

Deno.test("decodeConfig() takes numbers and flags from the environment", () => {
  const document = {
    defaults: { nodelay: "${NODELAY}", keepalive: "${KEEPALIVE}", buffer_size: "${BUFFER}" },
    services: [{ name: "a", listen: "${PORT}", upstream: "db:${PORT}", idle_timeout: "${IDLE}" }],
  };
  const values = { NODELAY: "false", KEEPALIVE: "60s", BUFFER: "65536", PORT: "5432", IDLE: "0" };
  const config = decodeConfig(document, { environment: (name) => new Map(Object.entries(values)).get(name) });
  assert.deepEqual(config.services[0], {
    name: "a",
    listen: [{ transport: "tcp", hostname: "127.0.0.1", port: 5432 }],
    unixMode: undefined,
    upstream: { transport: "tcp", hostname: "db", port: 5432 },
    connectTimeout: 5_000,
    idleTimeout: 0,
    halfCloseTimeout: 0,
    bufferSize: 65_536,
    nodelay: false,
    keepalive: 60_000,
    reset: "close",
  });
});

Deno.test("decodeConfig() never repeats a value from the environment", () => {
  const knobs = {
    connect_timeout: "${SECRET}",
    idle_timeout: "${SECRET}",
    half_close_timeout: "1s${SECRET}",
    buffer_size: "${SECRET}",
    nodelay: "${SECRET}",
    keepalive: "${SECRET}",
    reset: "${SECRET}",
  };
  const service = {
    name: "${SECRET}",
    listen: "${SECRET}",
    unix_mode: "${SECRET}",
    upstream: "${SECRET}",
    ...knobs,
  };
  const document = {
    log: { level: "${SECRET}", format: "${SECRET}" },
    shutdown: { drain: "${SECRET}" },
    defaults: knobs,
    services: [service, { ...service, listen: ["${SECRET}", "x:${SECRET}", 5000] }, "${SECRET}"],
  };
  // The marks keep a generated secret apart from the words of the messages.
  const secrets = fc.oneof(
    fc.string().map((text) => `§${text}§`),
    fc.constantFrom("65537", "unix:secret", "secret:5432", "::1:99999", "1000d", "99999TB"),
  );
  fc.assert(fc.property(secrets, (secret) => {
    const problems = problemsOf(document, () => secret);
    assert.ok(problems.length > 10);
    for (const { message } of problems) assert.ok(!message.includes(secret), message);
  }));
});

function problemsOf(document: unknown, environment: () => string) {
  try {
    decodeConfig(document, { environment });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

function lookup(name: string): string | undefined {
  return VARIABLES.get(name);
}
