import assert from "node:assert/strict";
import { boundAddress, type TcpAddress } from "../../../../src/net/address.ts";
import { listen } from "../../../../src/net/socket/listen.ts";
import { canShare, reserve } from "../../../../src/net/socket/reserve.ts";
import { ANYWHERE } from "../../../support/peers/accept_fixture.ts";
import { listenAgain } from "../../../support/peers/sockets.ts";

Deno.test("canShare() is true on Linux, where the kernel distributes clients", () => {
  assert.deepEqual(
    (["linux", "android", "darwin", "windows", "freebsd"] as const).filter((os) => canShare(os)),
    ["linux", "android"],
  );
  assert.equal(canShare(), canShare(Deno.build.os));
});

Deno.test("canShare() is false unless all APIs of --unstable-net exist", () => {
  for (const api of ["listenDatagram", "QuicEndpoint"]) {
    const deno = Deno as unknown as Record<string, unknown>;
    const there = Object.getOwnPropertyDescriptor(deno, api)!;
    delete deno[api];
    try {
      assert.equal(canShare("linux"), false, api);
    } finally {
      Object.defineProperty(deno, api, there);
    }
  }
});

Deno.test({
  name: "reserve() turns port 0 into one port, and holds it until it is released",
  ignore: !canShare(),
  fn: reservesPort,
});

async function reservesPort(): Promise<void> {
  const reservation = await reserve(ANYWHERE);
  const { address } = reservation;
  assert.equal(address.hostname, "127.0.0.1");
  assert.ok(address.port > 0);
  await assert.rejects(listen(address, { adapter: "deno" }), inUse(address));
  const thread = await listen(address, { adapter: "deno", shared: true });
  const other = await listen(address, { adapter: "node", shared: true });
  assert.deepEqual([thread.address, other.address], [address, address]);
  reservation.release();
  reservation.release();
  thread.close();
  other.close();
  (await listenAgain(address.port)).close();
}

Deno.test("reserve() never gives two reservations of port 0 the same port", async () => {
  using stack = new DisposableStack();
  const ports = new Set<number>();
  for (let count = 0; count < 100; count++) ports.add(stack.use(await reserve(ANYWHERE)).address.port);
  assert.equal(ports.size, 100);
});

Deno.test("reserve() checks that a given port is free, but does not hold it", async () => {
  const free = await freeAddress();
  using reservation = await reserve(free);
  assert.deepEqual(reservation.address, free);
  // A client is refused, and does not wait in a queue.
  await assert.rejects(
    Deno.connect({ hostname: free.hostname, port: free.port }),
    Deno.errors.ConnectionRefused,
  );
  (await listen(free, { adapter: "deno" })).close();
});

Deno.test("reserve() refuses an address in use, whichever program has it", async () => {
  for (const adapter of ["deno", "node"] as const) {
    for (const shared of canShare() ? [false, true] : [false]) {
      const taken = await listen(ANYWHERE, { adapter, shared });
      const address = taken.address as TcpAddress;
      await assert.rejects(reserve(address), inUse(address));
      // An address that is part of it is in use, too.
      const everywhere = { ...address, hostname: "0.0.0.0" };
      await assert.rejects(reserve(everywhere), inUse(everywhere));
      taken.close();
    }
  }
});

Deno.test("reserve() takes a port although connections of its last listener are open", async () => {
  const last = await listen(ANYWHERE, { adapter: "deno", shared: canShare() });
  const address = last.address as TcpAddress;
  using _client = await Deno.connect({ hostname: address.hostname, port: address.port });
  using _conn = await last.accept();
  last.close();
  (await reserve(address)).release();
});

Deno.test("reserve() resolves a host name to its address", async () => {
  using reservation = await reserve({ transport: "tcp", hostname: "localhost", port: 0 });
  assert.match(reservation.address.hostname, /^(127\.0\.0\.1|::1)$/);
  const unknown = { transport: "tcp", hostname: "no-such-host.invalid", port: 0 } as const;
  await assert.rejects(reserve(unknown), {
    code: "name_not_resolved",
    message: "Cannot listen on no-such-host.invalid:0: the name cannot be resolved (use an IP address)",
  });
  await assert.rejects(reserve({ ...ANYWHERE, hostname: "203.0.113.77" }), {
    code: "address_not_available",
    message:
      "Cannot listen on 203.0.113.77:0: no such local address (listen on one that this machine has, or on " +
      'all with ":port")',
  });
});

Deno.test("boundAddress() has the real port, and keeps the zone, which sockets lack", () => {
  const asked = { transport: "tcp", hostname: "fe80::1%eth0", port: 0 } as const;
  const reported = { transport: "tcp", hostname: "fe80::1", port: 4321 } as const;
  assert.deepEqual(boundAddress(asked, reported), { transport: "tcp", hostname: "fe80::1%eth0", port: 4321 });
  assert.deepEqual(boundAddress({ ...asked, hostname: "localhost" }, reported), reported);
});

function inUse({ hostname, port }: TcpAddress) {
  const remedy = "address already in use (another program listens there; stop it or choose another port)";
  return {
    name: "ListenError",
    code: "address_in_use",
    message: `Cannot listen on ${hostname}:${port}: ${remedy}`,
  };
}

async function freeAddress(): Promise<TcpAddress> {
  const listener = await listen(ANYWHERE, { adapter: "deno" });
  listener.close();
  return listener.address as TcpAddress;
}
