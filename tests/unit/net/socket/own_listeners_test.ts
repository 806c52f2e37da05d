import assert from "node:assert/strict";
import { type Address, formatAddress } from "../../../../src/net/address.ts";
import { OwnListeners } from "../../../../src/net/socket/own_listeners.ts";

const INTERFACES = ["127.0.0.1", "10.0.0.5", "::1", "fe80::1", "02:42:ac:11:00:02", "2001:DB8::5"];

function tcp(hostname: string, port: number) {
  return { transport: "tcp", hostname, port } as const;
}

function listenersOn(...addresses: Address[]): OwnListeners {
  const own = new OwnListeners(() => INTERFACES);
  own.set(addresses);
  return own;
}

function isOwn(own: OwnListeners, hostname: string, port = 443): boolean {
  return own.at(tcp(hostname, port)) !== undefined;
}

Deno.test("OwnListeners.at() finds a listener by its address, in any spelling", () => {
  const own = listenersOn(tcp("10.0.0.5", 443), tcp("2001:db8::5", 443), {
    transport: "unix",
    path: "/run/a",
  });
  assert.equal(formatAddress(own.at(tcp("10.0.0.5", 443))!), "10.0.0.5:443");
  for (const address of ["::ffff:10.0.0.5", "2001:DB8:0::5"]) assert.ok(isOwn(own, address), address);
  for (const address of ["10.0.0.6", "127.0.0.1", "2001:db8::6"]) assert.ok(!isOwn(own, address), address);
  assert.ok(!isOwn(own, "10.0.0.5", 444));
});

Deno.test("OwnListeners.at() finds a listener on all addresses by those of this machine", () => {
  const own = listenersOn(tcp("::", 443));
  for (const address of ["10.0.0.5", "127.0.0.1", "127.9.9.9", "::1", "2001:db8::5", "::ffff:10.0.0.5"]) {
    assert.ok(isOwn(own, address), address);
  }
  for (const address of ["10.0.0.6", "93.184.216.34", "2001:db8::6"]) {
    assert.ok(!isOwn(own, address), address);
  }
  const ipv4 = listenersOn(tcp("0.0.0.0", 443));
  assert.ok(isOwn(ipv4, "10.0.0.5"));
  assert.ok(!isOwn(ipv4, "2001:db8::5"));
});

Deno.test("OwnListeners.has() knows addresses, and nothing of names, sockets and machines that it may not ask", () => {
  const own = listenersOn(tcp("::", 443));
  assert.ok(own.has(tcp("10.0.0.5", 443)));
  for (
    const other of [
      tcp("10.0.0.5", 444),
      tcp("10.0.0.6", 443),
      tcp("db.internal", 443),
      tcp("localhost", 443),
    ]
  ) {
    assert.ok(!own.has(other), formatAddress(other));
  }
  assert.ok(!own.has({ transport: "unix", path: "/run/a" }));
  const unasked = new OwnListeners(() => {
    throw new Deno.errors.NotCapable();
  });
  unasked.set([tcp("0.0.0.0", 443)]);
  assert.ok(!unasked.has(tcp("10.0.0.5", 443)));
  assert.ok(unasked.has(tcp("127.0.0.1", 443)));
});

Deno.test("OwnListeners.at() finds sockets of a service manager", () => {
  const own = new OwnListeners();
  const bound = { transport: "tcp", hostname: "127.0.0.1", port: 80 } as const;
  own.set([{ transport: "systemd", name: "db" }, { transport: "systemd", name: "web", bound }]);
  assert.deepEqual(own.at({ ...bound }), bound);
  assert.equal(own.at({ ...bound, port: 81 }), undefined);
});

Deno.test("OwnListeners knows the addresses that this machine has", () => {
  const own = new OwnListeners();
  own.set([tcp("0.0.0.0", 443)]);
  const addresses = Deno.networkInterfaces().filter(({ family }) => family === "IPv4");
  assert.ok(addresses.length > 0);
  for (const { address } of addresses) assert.ok(isOwn(own, address), address);
});

Deno.test("OwnListeners.at() fails where Deno may not read the addresses of this machine", () => {
  const own = new OwnListeners(() => {
    throw new Deno.errors.NotCapable("Requires sys access");
  });
  own.set([tcp("::", 443), tcp("10.0.0.5", 80)]);
  assert.throws(() => own.at(tcp("10.0.0.5", 443)), {
    name: "ProxyError",
    code: "permission_denied",
    message: /--allow-sys/,
  });
  // It is not asked where that does not matter.
  assert.ok(isOwn(own, "127.0.0.1"));
  assert.ok(isOwn(own, "10.0.0.5", 80));
  assert.ok(!isOwn(own, "10.0.0.5", 81));
});
