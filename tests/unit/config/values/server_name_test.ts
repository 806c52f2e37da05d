import assert from "node:assert/strict";
import fc from "fast-check";
import { isIpAddress } from "../../../../src/config/values/address_text.ts";
import {
  HOST_NAME_PATTERN,
  parseHostName,
  parseServerName,
  SERVER_NAME_PATTERN,
} from "../../../../src/config/values/server_name.ts";
import { ServerNameSet } from "../../../../src/wire/client_hello/server_names.ts";

Deno.test("parseServerName() gives names in lower case and without the dot at their end", () => {
  const cases: [text: string, name: string][] = [
    ["shop.example.com", "shop.example.com"],
    ["Shop.EXAMPLE.com.", "shop.example.com"],
    ["*.example.com", "*.example.com"],
    ["*.Internal.", "*.internal"],
    ["**.Internal.", "**.internal"],
    ["localhost", "localhost"],
    ["_dmarc.example.com", "_dmarc.example.com"],
    ["xn--bcher-kva.example", "xn--bcher-kva.example"],
    ["1.2.3", "1.2.3"],
    [`${"a".repeat(63)}.b`, `${"a".repeat(63)}.b`],
    [`${"a.".repeat(126)}a`, `${"a.".repeat(126)}a`],
  ];
  for (const [text, name] of cases) assert.equal(parseServerName(text), name);
});

Deno.test("parseServerName() says how to write what was probably meant", () => {
  const cases: [text: string, reason: RegExp][] = [
    ["*", /leave sni out to take every client$/],
    ["a.*.com", /a "\*" can only be the whole first label$/],
    ["shop*.example.com", /a "\*" can only be the whole first label$/],
    ["shop.example.com:443", /a name has no port, write "shop.example.com"$/],
    ["192.0.2.1", /clients do not send IP addresses as names$/],
    ["[2001:db8::1]", /clients do not send IP addresses as names$/],
    ["*.bücher.example", /clients send its ASCII form, write "\*.xn--bcher-kva.example"$/],
    ["ÜBER.example", /clients send its ASCII form, write "xn--ber-goa.example"$/],
    ["bücher.example:443", /expected a name such as /],
    [`${"a.".repeat(126)}aa`, /expected at most 253 characters, got 254$/],
    ["", /expected a name such as shop\.example\.com or \*\.example\.com$/],
    ["a..b", /expected a name such as /],
    ["a..", /expected a name such as /],
  ];
  for (const [text, reason] of cases) {
    assert.throws(() => parseServerName(text), { name: "SyntaxError", message: reason }, text);
    assert.throws(() => parseServerName(text), { message: /^Cannot use ".*" as a server name: / }, text);
  }
});

Deno.test("parseServerName() accepts exactly what SERVER_NAME_PATTERN does, addresses aside", () => {
  const pieces = fc.array(fc.constantFrom("a", "Shop", "*", ".", "-", "_", "1", "xn--", ":", " ", "ü"), {
    maxLength: 8,
  });
  fc.assert(fc.property(pieces, (parts) => {
    const text = parts.join("");
    let accepted = true;
    try {
      parseServerName(text);
    } catch {
      accepted = false;
    }
    assert.equal(accepted, new RegExp(SERVER_NAME_PATTERN).test(text) && !isIpAddress(text), text);
  }));
});

Deno.test("parseServerName() returns names that can be matched, and parse to themselves", () => {
  const label = fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/);
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."))
    .filter((text) => !isIpAddress(text));
  fc.assert(fc.property(name, label, fc.boolean(), (parent, first, isWild) => {
    const pattern = parseServerName(isWild ? `*.${parent}.` : parent);
    assert.equal(parseServerName(pattern), pattern);
    assert.ok(new ServerNameSet([pattern]).has(isWild ? `${first}.${parent}` : parent));
  }));
});

Deno.test("parseHostName() gives names in lower case and without the dot at their end", () => {
  for (
    const [text, name] of [["DB.Internal.", "db.internal"], ["localhost", "localhost"], [
      "_a.b",
      "_a.b",
    ]] as const
  ) {
    assert.equal(parseHostName(text), name);
    assert.match(text, new RegExp(HOST_NAME_PATTERN));
  }
});

Deno.test("parseHostName() says how to write what was probably meant", () => {
  const cases: [text: string, reason: RegExp][] = [
    ["*.example.com", /it must be a whole name, without "\*"$/],
    ["*", /it must be a whole name, without "\*"$/],
    ["db.internal:5432", /a name has no port, write "db.internal"$/],
    ["bücher.example", /write its ASCII form, "xn--bcher-kva.example"$/],
    ["192.0.2.1", /expected a name such as db\.internal$/],
    ["", /expected a name such as db\.internal$/],
    [`${"a.".repeat(126)}aa`, /expected a name such as db\.internal$/],
  ];
  for (const [text, reason] of cases) {
    assert.throws(() => parseHostName(text), { name: "SyntaxError", message: reason }, text);
    assert.throws(() => parseHostName(text), { message: /^Cannot use ".*" as a host name: / }, text);
  }
});
