import assert from "node:assert/strict";
import { decodeConfig } from "../../src/config/decode.ts";
import { DURATION_PATTERN } from "../../src/config/duration.ts";
import { jsonSchemaText } from "../../src/config/json_schema.ts";
import { decodeOptions, type ProxyOptions, toDocument } from "../../src/config/library.ts";

const SERVICE = { name: "a", listen: 0, upstream: "db:5432" };

Deno.test("decodeOptions() decodes like a file with the same settings", () => {
  const options: ProxyOptions = {
    shutdown: { drain: 250 },
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
    shutdown: { drain: "250ms" },
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
  const keys = [
    ...jsonSchemaText().matchAll(/"(\w+)": \{\s+"(?:description|default|anyOf)"[^}]*?"pattern": ("[^\n]*")/g),
  ]
    .filter(([, , pattern]) => JSON.parse(pattern!) === DURATION_PATTERN).map(([, key]) => key!);
  assert.ok(new Set(keys).size >= 4, keys.join());
  for (const key of keys) assert.deepEqual(toDocument({ [key]: 1500 }), { [key]: "1500ms" }, key);
  assert.deepEqual(toDocument({ bufferSize: 65536 }), { buffer_size: 65536 });
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
      /^Unknown key "colour": expected one of name, listen, unixMode, upstream, connectTimeout, /,
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

Deno.test("toDocument() leaves instances alone", () => {
  const signal = new AbortController().signal;
  assert.equal(
    (toDocument({ deep: { abortSignal: signal } }) as { deep: { abort_signal: unknown } }).deep.abort_signal,
    signal,
  );
});
