import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeConfig } from "../../../../src/config/decode.ts";
import { formatAddress, isIpLiteral } from "../../../../src/net/address.ts";
import { OwnListeners } from "../../../../src/net/socket/own_listeners.ts";
import { mappingOf } from "../../../../src/upstream/mapping/mapping.ts";
import { NameMapping } from "../../../../src/upstream/mapping/name_mapping.ts";
import { CidrSet } from "../../../../src/wire/ip/cidr.ts";
import { ServerNameSet } from "../../../../src/wire/client_hello/server_names.ts";

const NAMES = {
  addresses: () => {
    throw new Error("Nothing may be looked up here");
  },
};

function mapped(serverName: string | undefined, allowed: string[] | "every", noHello?: string): string {
  const names = allowed === "every" ? { has: () => true } : new ServerNameSet(allowed);
  const client = { sourceAddress: "10.0.0.1", serverName, noHello };
  return formatAddress(new NameMapping(443, names, NAMES).addressFor(client));
}

function refused(message: string) {
  return {
    name: "ProxyError",
    code: "name_not_allowed",
    side: "proxy",
    isRefusal: true,
    retryable: false,
    message,
  };
}

Deno.test("a client goes to the name that it asks for, in its canonical form", () => {
  const allowed = ["shop.example.com", "*.apps.example.com"];
  assert.equal(mapped("shop.example.com", allowed), "shop.example.com:443");
  assert.equal(mapped("Shop.Example.COM.", allowed), "shop.example.com:443");
  assert.equal(mapped("a_b.apps.example.com", allowed), "a_b.apps.example.com:443");
  assert.equal(mapped("anything", "every"), "anything:443");
  const longest = `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(61)}`;
  assert.equal(longest.length, 253);
  assert.equal(mapped(longest, "every"), `${longest}:443`);
  assert.throws(() => mapped(`${longest}e`, "every"), refused(`"${longest}e" is no host name`));
});

Deno.test("the upstream {sni}:8443 has a mapping to its port, whose addresses are checked", async () => {
  const { services: [service] } = decodeConfig({
    services: [{ name: "a", listen: 1, upstream: "{sni}:8443", allow_names: "localhost" }],
  });
  const rules = {
    names: new ServerNameSet(["localhost"]),
    privates: new CidrSet([]),
    own: new OwnListeners(),
  };
  const mapping = mappingOf(service!.upstream!, service!, rules)!;
  const address = mapping.addressFor({ sourceAddress: "10.0.0.1", serverName: "localhost" });
  assert.equal(formatAddress(address), "localhost:8443");
  await assert.rejects(mapping.names!.addresses("localhost", new AbortController().signal), {
    code: "address_not_allowed",
  });
});

Deno.test("a client that asks for another name, or for none, is refused", () => {
  const allowed = ["shop.example.com", "*.apps.example.com"];
  for (
    const name of ["example.com", "a.b.apps.example.com", "shop.example.com.evil.net", "xshop.example.com"]
  ) {
    assert.throws(() => mapped(name, allowed), refused(`"${name}" is not in allow_names`));
  }
  assert.throws(() => mapped(undefined, "every"), refused("The client asks for no name"));
  assert.throws(() => mapped("", "every"), refused("The client asks for no name"));
  assert.throws(() => mapped(undefined, "every", "not TLS"), refused("No name of the client: not TLS"));
});

Deno.test("an address is no name, however resolvers may read it", () => {
  for (
    const name of [
      "10.0.0.1",
      "127.1",
      "2130706433",
      "0x7f000001",
      "0177.0.0.1",
      "::1",
      "a.0x1",
      "shop.1",
      "1.",
    ]
  ) {
    const shown = name.replace(/\.$/, "");
    assert.throws(() => mapped(name, "every"), refused(`"${shown}" is an IP address`));
  }
});

Deno.test("what is no host name is refused, whatever is allowed", () => {
  const long = `${"a".repeat(63)}.`.repeat(4);
  for (
    const name of [
      "a b",
      "a/b",
      "a..b",
      ".a",
      "a%eth0",
      "[a]",
      "*.example.com",
      "a@b",
      "é",
      `${"a".repeat(64)}.b`,
      `${long}b`,
    ]
  ) {
    assert.throws(() => mapped(name, "every"), refused(`"${name}" is no host name`));
  }
});

Deno.test("whatever a client asks for, it is refused or gets a name, never an address or a port of its own", () => {
  const texts = fc.oneof(
    fc.string(),
    fc.domain(),
    fc.ipV4(),
    fc.ipV6(),
    fc.ipV4Extended(),
    fc.stringMatching(/^[0-9a-fx.:%\[\]]{1,20}$/),
  );
  fc.assert(fc.property(texts, (text) => {
    let address: string;
    try {
      address = mapped(text, "every");
    } catch (error) {
      assert.equal((error as { code?: string }).code, "name_not_allowed");
      return;
    }
    const [, host] = /^([a-z0-9_.-]+):443$/.exec(address)!;
    assert.ok(!isIpLiteral(host!) && !/(^|\.)(\d+|0x[\da-f]*)$/.test(host!), host);
  }));
});
