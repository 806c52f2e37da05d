import assert from "node:assert/strict";
import { decodeConfig } from "../../../../src/config/decode.ts";
import { formatAddress } from "../../../../src/net/address.ts";
import { OwnListeners } from "../../../../src/net/socket/own_listeners.ts";
import { mappingOf } from "../../../../src/upstream/mapping/mapping.ts";

function portMapping(listen: string | string[], upstream: string) {
  const service = decodeConfig({ services: [{ name: "a", listen, upstream }] }).services[0]!;
  const nothing = { has: () => false };
  return mappingOf(service.upstream!, service, {
    names: nothing,
    privates: nothing,
    own: new OwnListeners(),
  });
}

function mapped(listen: string | string[], upstream: string, listenPort: number): string {
  return formatAddress(portMapping(listen, upstream)!.addressFor({ sourceAddress: "10.0.0.1", listenPort }));
}

Deno.test("the n-th port of the service leads to the n-th port of the upstream", () => {
  assert.equal(mapped(":30000-30099", "db:40000-40099", 30000), "db:40000");
  assert.equal(mapped(":30000-30099", "db:40000-40099", 30099), "db:40099");
  assert.equal(mapped(":30000-30099", "[::1]:20000-20099", 30005), "[::1]:20005");
  assert.equal(mapped(["7005-7009", "7000-7004"], "db:1-10", 7000), "db:1");
  assert.equal(mapped("7000", "db:65535-65535", 7000), "db:65535");
});

Deno.test("a port that is none of the service's leads nowhere", () => {
  for (const port of [0, 29999, 30100, 65535]) {
    assert.throws(() => mapped(":30000-30099", "db:40000-40099", port), {
      name: "ProxyError",
      code: "no_route",
      message: new RegExp(`No port of db:40000-40099 is for port ${port}$`),
    });
  }
});

Deno.test("an upstream with one port has no mapping", () => {
  assert.equal(portMapping("7000-7010", "db:5432"), undefined);
  assert.equal(portMapping("7000", "unix:/run/db:1-2"), undefined);
});
