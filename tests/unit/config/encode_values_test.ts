import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeConfig } from "../../../src/config/decode.ts";
import { encodeConfig } from "../../../src/config/encode.ts";
import { formatPayload, parsePayload } from "../../../src/config/values/payload.ts";
import { formatListenRanges, parseListenRange } from "../../../src/config/values/port_range.ts";

Deno.test("formatListenRanges() makes ranges of ports that follow each other", () => {
  const encoded = (...texts: string[]) => formatListenRanges(texts.flatMap(parseListenRange));
  assert.deepEqual(encoded("5000", "5001", "5002"), ["127.0.0.1:5000-5002"]);
  assert.deepEqual(encoded("5001", "5000"), ["127.0.0.1:5001", "127.0.0.1:5000"]);
  assert.deepEqual(encoded(":5000", "5001"), ["[::]:5000", "127.0.0.1:5001"]);
  assert.deepEqual(encoded("0", "1"), ["127.0.0.1:0", "127.0.0.1:1"]);
  assert.deepEqual(encoded("unix:/a:1", "unix:/a:2"), ["unix:/a:1", "unix:/a:2"]);
  assert.deepEqual(encoded("[::1]:1-3", "[::1]:4"), ["[::1]:1-4"]);
});

Deno.test("formatListenRanges() makes no range that is too long to be read again", () => {
  const addresses = ["1-1000", "1001-2000", "2001"].flatMap(parseListenRange);
  const encoded = formatListenRanges(addresses);
  assert.deepEqual(encoded, ["127.0.0.1:1-1000", "127.0.0.1:1001-2000", "127.0.0.1:2001"]);
  assert.deepEqual(encoded.flatMap(parseListenRange), addresses);
});

Deno.test("parseListenRange() restores what formatListenRanges() was given", () => {
  const host = fc.constantFrom("127.0.0.1:", "[::1]:", ":");
  const tcp = fc.tuple(host, fc.integer({ min: 0, max: 5 })).map((parts) => parts.join(""));
  const addresses = fc.array(fc.oneof(tcp, fc.constant("unix:/a-1"))).map((texts) =>
    texts.flatMap(parseListenRange)
  );
  fc.assert(fc.property(addresses, (list) => {
    assert.deepEqual(formatListenRanges(list).flatMap(parseListenRange), list);
  }));
});

Deno.test("formatPayload() writes legible text as it is, and all else in hexadecimal", () => {
  for (const text of ["PING\r\n", "+OK", "a\tb", "grüße 🙂", "${A}", "hex", "Hex:00"]) {
    assert.equal(formatPayload(new TextEncoder().encode(text)), text);
  }
  assert.equal(formatPayload(new TextEncoder().encode("hex:00")), "hex:6865783a3030");
  assert.equal(formatPayload(new Uint8Array([0, 1])), "hex:0001");
  assert.equal(formatPayload(new Uint8Array([0xff])), "hex:ff");
  assert.equal(formatPayload(new TextEncoder().encode("\uFEFFa")), "hex:efbbbf61");
});

Deno.test("parsePayload() restores the bytes that formatPayload() was given", () => {
  const pieces = fc.constantFrom("a", "hex:", "6f", "\r\n", "ü", "🙂", "\0", "\uFEFF", "\uFFFD");
  const text = fc.array(pieces, { minLength: 1 }).map((each) => new TextEncoder().encode(each.join("")));
  const bytes = fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 100 }), text);
  fc.assert(fc.property(bytes, (payload) => {
    assert.deepEqual(parsePayload(formatPayload(payload)), new Uint8Array(payload));
  }));
});

Deno.test("decodeConfig() restores every value of a service and a group", () => {
  const duration = (min = 0) =>
    fc.integer({ min, max: 2 ** 31 - 1 }).map((milliseconds) => `${milliseconds}ms`);
  const count = (min: number, max = 1000) => fc.integer({ min, max });
  const rate = fc.oneof(
    fc.double({ min: 0, minExcluded: true, max: 1_000_000, noNaN: true }),
    fc.record({ rate: count(1), burst: count(1) }, { requiredKeys: ["rate"] }),
  );
  const bandwidth = fc.oneof(fc.constant(0), fc.integer({ min: 1024, max: Number.MAX_SAFE_INTEGER }));
  const blocks = fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom("10.1.2.3/8", "::/0")));
  const some = <Model>(model: { [Key in keyof Model]: fc.Arbitrary<Model[Key]> }) =>
    fc.record(model, { requiredKeys: [] });
  const knobs = {
    allow: blocks,
    deny: blocks,
    connect_timeout: duration(),
    idle_timeout: duration(),
    half_close_timeout: duration(),
    buffer_size: count(4096, 16 * 1024 * 1024),
    nodelay: fc.boolean(),
    keepalive: fc.oneof(fc.boolean(), duration(1000)),
    reset: fc.constantFrom("close", "pass"),
  };
  const service = some({
    ...knobs,
    unix_mode: fc.nat({ max: 0o777 }).map((mode) => mode.toString(8).padStart(3, "0")),
    accept_proxy_protocol: fc.record({ from: fc.constant(["unix", "::/0"]), timeout: duration(1) }),
    limits: some({
      connections: count(0, 1_000_000),
      connects_per_second: rate,
      upload: bandwidth,
      download: bandwidth,
      lifetime: fc.oneof(fc.constant(0), duration(1000)),
    }),
  });
  const group = some({
    retry: some({ attempts: count(1, 100), timeout: duration() }),
    health_check: some({
      interval: duration(10),
      rise: count(1, 100),
      send: fc.string({ minLength: 1 }).filter((text) => !text.startsWith("hex:")),
      expect: fc.uint8Array({ minLength: 1 }),
      tls: fc.constant(false),
      proxy_protocol: fc.constantFrom("none", "v1", "v2"),
    }),
    queue: fc.record({ timeout: duration(1), length: count(1, 100_000) }),
    passive: some({ window: duration(1), eject: duration(1) }),
    pool: some({ mode: fc.constant("reuse"), max_idle: count(1), max_idle_time: duration(1) }),
  });
  const property = fc.property(service, some(knobs), group, (own, defaults, settings) => {
    const config = decodeConfig({
      defaults: { ...defaults, allow: [], deny: [] },
      upstreams: { pg: { endpoints: [{ address: "db:1", max_connections: 9 }], ...settings } },
      services: [{
        allow: [],
        accept_proxy_protocol: { from: "unix" },
        ...own,
        name: "a",
        listen: "unix:/a",
        upstream: "pg",
      }],
    });
    assert.deepEqual(decodeConfig(encodeConfig(config, (text) => text)), config);
  });
  fc.assert(property);
});
