import assert from "node:assert/strict";
import fc from "fast-check";
import { parseClientHello, type ParsedClientHello } from "../../../../src/wire/client_hello/client_hello.ts";
import {
  concat,
  type HelloFields,
  helloMessage,
  inRecords,
  latin1,
  number,
  vector,
} from "../../../support/bytes/client_hello_bytes.ts";

const SERVER_NAME = 0;
const ALPN = 16;
const SUPPORTED_VERSIONS = 43;
const ENCRYPTED_CLIENT_HELLO = 0xfe0d;
const MAX_RECORD = 1 << 14;

/** RFC 8448 section 3: the ClientHello of the simple handshake, in the record it was sent in. */
const RFC_8448 = `16030100c4 010000c00303 cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7
  00 0006130113031302 0100 0091 0000000b0009000006736572766572 ff01000100
  000a00140012001d0017001800190100010101020103010400230000
  00330026002400 1d002099381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c
  002b0003020304 000d0020001e040305030603020308040805080604010501060102010402050206020202
  002d00020101 001c00024001`;

Deno.test("parseClientHello() parses the ClientHello of RFC 8448", () => {
  const bytes = Uint8Array.fromHex(RFC_8448.replace(/\s/g, ""));
  const expected = { kind: "hello", serverName: "server", alpn: [], versions: [0x0304] };
  assert.deepEqual(parseClientHello(bytes), expected);
  assert.deepEqual(parseClientHello(inRecords(bytes.subarray(5), [1])), expected);
});

Deno.test("parseClientHello() reads names, protocols and versions, without reserved values", () => {
  const grease = [0x0a0a, 0x7a7a, 0xfafa];
  const cases: [fields: HelloFields, expected: Partial<ParsedClientHello>][] = [
    [{ extensions: null }, {}],
    [{ extensions: [] }, {}],
    [{ extensions: null, legacyVersion: 0x0301, sessionId: new Uint8Array(0) }, { versions: [0x0301] }],
    [{ extensions: [serverName("Shop.EXAMPLE.com.")] }, { serverName: "shop.example.com" }],
    [{ extensions: [serverName("x")] }, { serverName: "x" }],
    [{ extensions: [serverName("a".repeat(255))] }, { serverName: "a".repeat(255) }],
    // It skips a name of an undefined type.
    [{ extensions: [[SERVER_NAME, names([7, "\0"], [0, "a.b"], [7, "c"])]] }, { serverName: "a.b" }],
    [{ extensions: [[SERVER_NAME, names([1, "a.b"])]] }, {}],
    [{ extensions: [protocols("h2", "http/1.1")] }, { alpn: ["h2", "http/1.1"] }],
    [{ extensions: [protocols("\x0a\x0a", "h2", "\xfa\xfa", "\x0a\x1a", "\x0a\x0ax")] }, {
      alpn: ["h2", "\x0a\x1a", "\x0a\x0ax"],
    }],
    [{ extensions: [versions(0x0304, 0x0303)] }, { versions: [0x0304, 0x0303] }],
    [{ extensions: [versions(...grease, 0x0304, 0x0a1a)] }, { versions: [0x0304, 0x0a1a] }],
    [{ extensions: grease.map((type) => [type, Uint8Array.of(1, 2, 3)]) }, {}],
    [{ extensions: [[ENCRYPTED_CLIENT_HELLO, new Uint8Array(300)], serverName("outer.example")] }, {
      serverName: "outer.example",
    }],
  ];
  for (const [fields, expected] of cases) {
    const bytes = inRecords(helloMessage(fields), [MAX_RECORD]);
    const nothing = { kind: "hello", serverName: undefined, alpn: [], versions: [0x0303] };
    assert.deepEqual(parseClientHello(bytes), { ...nothing, ...expected });
  }
});

Deno.test("parseClientHello() refuses an invalid ClientHello with the reason", () => {
  const extension = (type: number, data: Uint8Array): HelloFields => ({ extensions: [[type, data]] });
  const name = (...entries: [number, string][]) => extension(SERVER_NAME, names(...entries));
  const cases: [fields: HelloFields, reason: RegExp][] = [
    [{ sessionId: new Uint8Array(33) }, /session ID is too long/],
    [{ ciphers: new Uint8Array(0) }, /cipher list/],
    [{ ciphers: new Uint8Array(3) }, /cipher list/],
    [{ compression: new Uint8Array(0) }, /compression list/],
    [{ rest: new Uint8Array(1) }, /ClientHello is too long/],
    [{ extensions: null, rest: new Uint8Array(1) }, /ClientHello is too short/],
    [{ extensions: null, rest: Uint8Array.of(0, 1) }, /extensions runs? past the end/],
    [{ extensions: null, rest: vector(2, Uint8Array.of(0, 99, 0, 1)) }, /extension 99 runs past the end/],
    [{ extensions: null, rest: vector(2, Uint8Array.of(0, 99, 0)) }, /extensions is too short/],
    [{ extensions: [serverName("a"), serverName("a")] }, /extension 0 occurs twice/],
    [{ extensions: [[99, new Uint8Array(0)], [99, new Uint8Array(0)]] }, /extension 99 occurs twice/],
    [extension(SERVER_NAME, new Uint8Array(0)), /too short/],
    [name(), /empty server name list/],
    [name([0, ""]), /empty or not printable/],
    [name([0, "."]), /empty or not printable/],
    [name([0, "a"], [0, "b"]), /more than one server name/],
    [name([0, "a\0b"]), /not printable ASCII/],
    [name([0, "a b"]), /not printable ASCII/],
    [name([0, "b\xfccher.example"]), /not printable ASCII/],
    [name([0, "a".repeat(256)]), /too long/],
    [extension(SERVER_NAME, vector(2, Uint8Array.of(0, 0, 2, 97))), /runs past the end/],
    [extension(SERVER_NAME, concat(names([0, "a"]), Uint8Array.of(0))), /extension 0 is too long/],
    [extension(ALPN, vector(2, new Uint8Array(0))), /empty ALPN list/],
    [extension(ALPN, vector(2, Uint8Array.of(0))), /empty ALPN protocol/],
    [extension(ALPN, vector(2, Uint8Array.of(3, 97, 97))), /ALPN protocol runs past/],
    [extension(ALPN, concat(protocols("h2")[1], Uint8Array.of(0))), /extension 16 is too long/],
    [extension(SUPPORTED_VERSIONS, Uint8Array.of(0)), /empty version list/],
    [extension(SUPPORTED_VERSIONS, Uint8Array.of(3, 3, 4, 3)), /too short/],
    [extension(SUPPORTED_VERSIONS, Uint8Array.of(2, 3, 4, 3)), /extension 43 is too long/],
  ];
  for (const [fields, reason] of cases) {
    const message = helloMessage(fields);
    for (const size of [MAX_RECORD, 1]) {
      const parsed = parseClientHello(inRecords(message, [size]));
      assert.ok(parsed.kind === "invalid", `${reason}: ${parsed.kind}`);
      assert.match(parsed.reason, reason);
    }
  }
});

Deno.test("parseClientHello() recognises bytes that are not TLS at the first wrong one", () => {
  const cases: [right: number[], wrong: number][] = [
    [[], 0x47],
    [[], 0x15],
    [[], 0x80],
    [[0x16], 0x02],
    [[0x16], 0xfe],
    [[0x16, 3, 1, 0, 50], 2],
    [[0x16, 3, 1, 0, 1], 0],
  ];
  for (const [right, wrong] of cases) {
    assert.equal(parseClientHello(Uint8Array.from(right)).kind, "need_more");
    assert.equal(parseClientHello(Uint8Array.of(...right, wrong)).kind, "not_tls", `${right},${wrong}`);
  }
});

Deno.test("parseClientHello() refuses records without a ClientHello at the first wrong byte", () => {
  const cases: [right: number[], wrong: number, reason: RegExp][] = [
    [[0x16, 3, 1], 0x41, /record of more than 16384/],
    [[0x16, 3, 1, 0x40], 1, /record of more than 16384/],
    [[0x16, 3, 1, 0], 0, /empty record/],
    [[0x16, 3, 1, 0, 1, 1], 0x17, /no handshake record/],
    [[0x16, 3, 1, 0, 1, 1, 0x16], 4, /no handshake record/],
    [[0x16, 3, 1, 0, 1, 1, 0x16, 3, 1, 0], 0, /empty record/],
    [[0x16, 3, 1, 0, 50, 1, 0, 0], 40, /impossible length/],
    [[0x16, 3, 1, 0, 50, 1, 2, 1], 0x45, /impossible length/],
    [[0x16, 3, 1, 0, 50, 1, 0xff, 0xff], 0, /impossible length/],
  ];
  for (const [right, wrong, reason] of cases) {
    assert.equal(parseClientHello(Uint8Array.from(right)).kind, "need_more", `${right}`);
    const parsed = parseClientHello(Uint8Array.of(...right, wrong));
    assert.ok(parsed.kind === "invalid", `${right},${wrong}: ${parsed.kind}`);
    assert.match(parsed.reason, reason);
  }
});

Deno.test("parseClientHello() parses the longest records and the longest ClientHello", () => {
  const data = new Uint8Array(65_535 - 4);
  const fields = { ciphers: new Uint8Array(65_534), compression: new Uint8Array(255) };
  const message = helloMessage({ ...fields, extensions: [[99, data]] });
  for (const sizes of [[MAX_RECORD], [3, 1, MAX_RECORD]]) {
    assert.equal(parseClientHello(inRecords(message, sizes)).kind, "hello");
  }
});

Deno.test("parseClientHello() gives the same result for any division into records, and any bytes after it", () => {
  fc.assert(
    fc.property(hellos(), recordSizes(), fc.uint8Array(), ({ message, expected }, sizes, payload) => {
      const bytes = inRecords(message, sizes);
      assert.deepEqual(parseClientHello(bytes), expected);
      assert.deepEqual(parseClientHello(concat(bytes, payload)), expected);
      // More of the client's handshake in the same record.
      const more = concat(message, payload);
      if (more.length <= MAX_RECORD) {
        assert.deepEqual(parseClientHello(inRecords(more, [MAX_RECORD])), expected);
      }
    }),
  );
});

Deno.test("parseClientHello() needs more for a ClientHello that is cut anywhere", () => {
  fc.assert(
    fc.property(hellos(), recordSizes(), ({ message }, sizes) => {
      const bytes = inRecords(message, sizes);
      for (let length = 0; length < bytes.length; length++) {
        assert.equal(parseClientHello(bytes.subarray(0, length)).kind, "need_more", `${length}`);
      }
    }),
    { numRuns: 50 },
  );
});

Deno.test("parseClientHello() returns no view of the buffer", () => {
  fc.assert(fc.property(hellos(), recordSizes(), ({ message, expected }, sizes) => {
    const bytes = inRecords(message, sizes);
    const parsed = parseClientHello(bytes);
    bytes.fill(0xff);
    assert.deepEqual(parsed, expected);
  }));
});

Deno.test("parseClientHello() never throws, and never changes its decision with more bytes", () => {
  const mutated = fc.tuple(hellos(), recordSizes(), fc.nat(), fc.integer({ min: 1, max: 255 }))
    .map(([{ message }, sizes, at, change]) => {
      const bytes = inRecords(message, sizes);
      bytes[at % bytes.length]! ^= change;
      return bytes;
    });
  const anything = fc.uint8Array({ maxLength: 200 });
  const body = anything.map((bytes) =>
    inRecords(concat(Uint8Array.of(1), vector(3, concat(new Uint8Array(34), bytes))), [MAX_RECORD])
  );
  const records = fc.array(fc.oneof(anything, fc.constant(new Uint8Array(0))), { maxLength: 4 }).map((
    pieces,
  ) => concat(...pieces.map((piece) => concat(Uint8Array.of(22, 3, 1), vector(2, piece)))));
  fc.assert(
    fc.property(fc.oneof(anything, mutated, body, records), (bytes) => {
      let last = parseClientHello(bytes.subarray(0, 0));
      for (let length = 1; length <= bytes.length; length++) {
        const next = parseClientHello(bytes.subarray(0, length));
        if (last.kind !== "need_more") assert.deepEqual(next, last);
        last = next;
      }
    }),
    { numRuns: 500 },
  );
});

/** A hello with extensions in any order, and the expected result. */
function hellos(): fc.Arbitrary<{ message: Uint8Array; expected: ParsedClientHello }> {
  const name = fc.option(fc.domain(), { nil: undefined });
  const protocol = fc.uint8Array({ minLength: 1, maxLength: 12 }).filter((bytes) => bytes.length !== 2);
  const alpn = fc.array(protocol.map((bytes) => String.fromCharCode(...bytes)), { maxLength: 3 });
  const version = fc.uniqueArray(fc.constantFrom(0x0301, 0x0302, 0x0303, 0x0304), { maxLength: 4 });
  const type = fc.integer({ min: 50, max: 0xffff });
  const other = fc.uniqueArray(fc.tuple(type, fc.uint8Array({ maxLength: 60 })), {
    selector: ([each]) => each,
    maxLength: 6,
  });
  return fc.tuple(name, alpn, version, other, fc.infiniteStream(fc.nat()), fc.uint8Array({ maxLength: 32 }))
    .map(
      ([host, alpn, listed, others, order, sessionId]) => {
        const extensions = [
          ...host === undefined ? [] : [serverName(host)],
          ...alpn.length === 0 ? [] : [protocols(...alpn)],
          ...listed.length === 0 ? [] : [versions(...listed)],
          ...others,
        ].map((each) => ({ each, key: order.next().value! })).sort((a, b) => a.key - b.key);
        const message = helloMessage({ sessionId, extensions: extensions.map(({ each }) => each) });
        const expected: ParsedClientHello = {
          kind: "hello",
          serverName: host?.toLowerCase(),
          alpn,
          versions: listed.length === 0 ? [0x0303] : listed,
        };
        return { message, expected };
      },
    );
}

function recordSizes(): fc.Arbitrary<readonly number[]> {
  const few: fc.Arbitrary<readonly number[]> = fc.array(fc.integer({ min: 1, max: 60 }), {
    minLength: 1,
    maxLength: 6,
  });
  return fc.oneof(few, fc.constantFrom([1], [MAX_RECORD], [3, MAX_RECORD], [1, 1, 1, 1, MAX_RECORD]));
}

function serverName(name: string): [number, Uint8Array] {
  return [SERVER_NAME, names([0, name])];
}

function names(...entries: [type: number, name: string][]): Uint8Array {
  return vector(
    2,
    concat(...entries.map(([type, name]) => concat(number(type, 1), vector(2, latin1(name))))),
  );
}

function protocols(...list: string[]): [number, Uint8Array] {
  return [ALPN, vector(2, concat(...list.map((each) => vector(1, latin1(each)))))];
}

function versions(...list: number[]): [number, Uint8Array] {
  return [SUPPORTED_VERSIONS, vector(1, concat(...list.map((each) => number(each, 2))))];
}
