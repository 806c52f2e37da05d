import assert from "node:assert/strict";
import fc from "fast-check";
import { clientKeyOf } from "../../../../src/wire/ip/client_key.ts";

Deno.test("clientKeyOf() takes every IPv4 address as a client, in any spelling", () => {
  assert.deepEqual(clientKeyOf("192.0.2.1"), { family: 4, high: 0, low: 0xc0000201 });
  assert.deepEqual(clientKeyOf("::ffff:192.0.2.1"), clientKeyOf("192.0.2.1"));
  assert.deepEqual(clientKeyOf("0:0:0:0:0:FFFF:C000:201"), clientKeyOf("192.0.2.1"));
  fc.assert(fc.property(fc.ipV4(), fc.ipV4(), (one, other) => {
    assert.equal(JSON.stringify(clientKeyOf(one)) === JSON.stringify(clientKeyOf(other)), one === other);
    assert.deepEqual(clientKeyOf(`::ffff:${one}`), clientKeyOf(one));
  }));
});

Deno.test("clientKeyOf() takes every IPv6 network of 64 bits as a client", () => {
  const key = { family: 6, high: 0x20010db8, low: 0x00010002 };
  for (const host of ["::", "::1", ":ffff:ffff:ffff:ffff", ":a:b:c:d", "::192.0.2.1", "::1%eth0"]) {
    assert.deepEqual(clientKeyOf(`2001:db8:1:2${host}`), key, host);
  }
  assert.deepEqual(clientKeyOf("2001:db8:1:3::1"), { ...key, low: 0x00010003 });
  assert.deepEqual(clientKeyOf("2001:db9:1:2::1"), { ...key, high: 0x20010db9 });
});

Deno.test("clientKeyOf() never takes an IPv6 network as an IPv4 address", () => {
  assert.deepEqual(clientKeyOf("::1"), { family: 6, high: 0, low: 0 });
  assert.deepEqual(clientKeyOf("0.0.0.0"), { family: 4, high: 0, low: 0 });
  assert.deepEqual(clientKeyOf("0:0:c000:201::1"), { family: 6, high: 0, low: 0xc0000201 });
});

Deno.test("clientKeyOf() has no client for a text that is not an address", () => {
  for (const text of ["", "localhost", "192.0.2", "192.0.2.256", "2001:db8", "/run/a.sock"]) {
    assert.equal(clientKeyOf(text), undefined, text);
  }
});
