/** The source addresses and sockets of dials, and that they leave nothing behind. */

import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { Socket, type TcpSocketConnectOpts } from "node:net";
import { mock } from "node:test";
import type { Adapter } from "../../../../src/net/socket/conn.ts";
import { DenoConn } from "../../../../src/net/socket/deno_socket.ts";
import { dial, type DialOptions } from "../../../../src/net/socket/dial.ts";
import { ProxyError } from "../../../../src/net/errors.ts";
import { NameLookup } from "../../../../src/net/socket/lookup.ts";
import { NodeConn } from "../../../../src/net/socket/node_conn.ts";
import { NotedTimers } from "../../../support/fakes/noted_timers.ts";

const ADAPTERS: Adapter[] = ["deno", "node"];
const GOING_ON = new AbortController().signal;
/** Every address of 127.0.0.0/8 can be connected from. */
const ignore = Deno.build.os !== "linux";

Deno.test("dial() uses the adapter of its options, and node:net where they have an address to connect from", {
  ignore,
}, async () => {
  using listener = Deno.listen({ hostname: "127.0.0.3", port: 0 });
  for (
    const [adapter, localAddress, kind] of [
      ["deno", undefined, DenoConn],
      ["node", undefined, NodeConn],
      ["deno", "127.0.0.2", NodeConn],
      ["node", "127.0.0.2", NodeConn],
    ] as const
  ) {
    // The name has only one address in the family of the source address.
    for (const hostname of ["127.0.0.3", "db.test"]) {
      using conn = await dial(tcp(hostname, listener.addr.port), {
        adapter,
        localAddress,
        names: namesOf(...localAddress === undefined ? [] : ["::1"], "127.0.0.3"),
        signal: GOING_ON,
      });
      using peer = await listener.accept();
      assert.ok(conn instanceof kind);
      assert.deepEqual(conn.remoteAddress, tcp("127.0.0.3", listener.addr.port));
      const from = peer.remoteAddr as Deno.NetAddr;
      assert.equal(from.hostname, localAddress ?? "127.0.0.1");
    }
  }
});

Deno.test("dial() does not connect from one family to the other, and says so", async () => {
  for (
    const [hostname, localAddress, family] of [
      ["::1", "127.0.0.2", "IPv4"],
      ["127.0.0.1", "::1", "IPv6"],
      ["db.test", "127.0.0.2", "IPv4"],
    ] as const
  ) {
    const options: DialOptions = { adapter: "deno", localAddress, names: namesOf("::1"), signal: GOING_ON };
    await assert.rejects(dial(tcp(hostname, 1), options), {
      name: "ProxyError",
      code: "address_not_available",
      side: "proxy",
      message:
        `Cannot connect to ${hostname} from the source address ${localAddress}: it has no ${family} address`,
    });
  }
});

Deno.test("dial() says that this machine does not have what it is to connect from", { ignore }, async () => {
  await assert.rejects(
    dial(tcp("127.0.0.1", 1), { adapter: "node", localAddress: "192.0.2.1", signal: GOING_ON }),
    {
      code: "address_not_available",
      side: "proxy",
      message: "Cannot connect from the source address 192.0.2.1: this machine does not have it",
    },
  );
});

for (const adapter of ADAPTERS) {
  Deno.test(`dial() makes connections that a later abort does not affect, with the ${adapter} adapter`, async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const ending = new AbortController();
    using conn = await dial(tcp("127.0.0.1", listener.addr.port), { adapter, signal: ending.signal });
    using peer = await listener.accept();
    assert.equal(getEventListeners(ending.signal, "abort").length, 0);
    ending.abort(new Error("too late"));
    await peer.write(Uint8Array.of(1));
    assert.equal(await conn.read(new Uint8Array(8)), 1);
    // It continues to send after its peer has finished.
    await peer.closeWrite();
    assert.equal(await conn.read(new Uint8Array(8)), null);
    await conn.write(Uint8Array.of(2));
    assert.equal(await peer.read(new Uint8Array(8)), 1);
  });

  Deno.test(`dial() leaves no listener on its signal after a failure, with the ${adapter} adapter`, async () => {
    const { signal } = new AbortController();
    await assert.rejects(dial(tcp("127.0.0.1", closedPort()), { adapter, signal }), {
      code: "connection_refused",
    });
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });
}

Deno.test("dial() refuses a connection to itself, because no program listens there", async () => {
  for (
    const [local, remote, isRefused] of [
      [tcp("127.0.0.1", 5), tcp("127.0.0.1", 5), true],
      [tcp("127.0.0.1", 5), tcp("127.0.0.1", 6), false],
      [tcp("127.0.0.2", 5), tcp("127.0.0.1", 5), false],
    ] as const
  ) {
    let closes = 0;
    using _connects = connecting(() => ({ localAddr: local, remoteAddr: remote, close: () => closes += 1 }));
    const dialled = dial(remote, { adapter: "deno", signal: GOING_ON });
    if (isRefused) await assert.rejects(dialled, { code: "connection_refused", side: "upstream" });
    else assert.deepEqual((await dialled).remoteAddress, remote);
    assert.equal(closes, isRefused ? 1 : 0);
  }
});

Deno.test("dial() refuses a connection of node:net to itself, and closes it", { ignore }, async () => {
  const { connect } = Socket.prototype;
  let closed: Promise<unknown> | undefined;
  // From the very port that it connects to, as the kernel may choose.
  mock.method(Socket.prototype, "connect", function (this: Socket, ...args: [[TcpSocketConnectOpts]]) {
    const [[options]] = args;
    Object.assign(options, { localAddress: "127.0.0.1", localPort: options.port });
    closed = once(this, "close");
    return connect.apply(this, args as never);
  });
  try {
    const dialled = dial(tcp("127.0.0.1", closedPort()), { adapter: "node", signal: GOING_ON });
    await assert.rejects(dialled, { code: "connection_refused", cause: undefined });
    await closed;
  } finally {
    mock.restoreAll();
  }
});

for (const adapter of ADAPTERS) {
  Deno.test(`dial() connects nowhere once its signal has aborted in a lookup, with the ${adapter} adapter`, async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const ending = new AbortController();
    const tooLate = new ProxyError("connect_timeout", "upstream");
    const names = new NameLookup();
    names.addresses = () => {
      ending.abort(tooLate);
      return Promise.resolve(["127.0.0.1"]);
    };
    const dialled = dial(tcp("db.test", listener.addr.port), { adapter, names, signal: ending.signal });
    await assert.rejects(dialled, tooLate);
  });
}

Deno.test("dial() leaves the lookup to Deno only where that may connect to the name and not to its address", async () => {
  for (const addresses of [["127.0.0.1"], ["127.0.0.1", "127.0.0.2"]]) {
    using connects = connecting(({ hostname }) => {
      if (hostname !== "db.test") throw new Deno.errors.NotCapable("Requires net access");
      return { localAddr: tcp("127.0.0.1", 1), remoteAddr: tcp("127.0.0.3", 2), close() {} };
    });
    const names = namesOf(...addresses);
    const conn = await dial(tcp("db.test", 2), { adapter: "deno", names, signal: GOING_ON });
    assert.deepEqual(conn.remoteAddress, tcp("127.0.0.3", 2));
    assert.deepEqual(
      connects.options.map(({ hostname, autoSelectFamily }) => [hostname, autoSelectFamily]),
      [...addresses.map((address) => [address, false]), ["db.test", true]],
    );
  }
});

Deno.test("dial() never leaves the lookup to Deno where the addresses that were looked up are binding", async () => {
  using connects = connecting(() => {
    throw new Deno.errors.NotCapable("Requires net access");
  });
  const names = { addresses: () => Promise.resolve(["127.0.0.1", "127.0.0.2"]), isBinding: true };
  await assert.rejects(dial(tcp("db.test", 2), { adapter: "deno", names, signal: GOING_ON }), {
    code: "permission_denied",
  });
  assert.deepEqual(connects.options.map(({ hostname }) => hostname), ["127.0.0.1", "127.0.0.2"]);
});

Deno.test("dial() tries a full backlog again after 2 ms, then after twice as long each time, up to 100 ms", async () => {
  using connects = connecting(() => {
    if (timers.delays.length < 8) throw new Deno.errors.WouldBlock();
    return { localAddr: {}, remoteAddr: { transport: "unix", path: "/full" }, close() {} };
  });
  const triesBefore: number[] = [];
  using timers = new NotedTimers((fire) =>
    queueMicrotask(() => {
      triesBefore.push(connects.options.length);
      fire();
    })
  );
  await dial({ transport: "unix", path: "/full" }, { adapter: "deno", signal: GOING_ON });
  assert.deepEqual(timers.delays, [2, 4, 8, 16, 32, 64, 100, 100]);
  assert.deepEqual(triesBefore, [1, 2, 3, 4, 5, 6, 7, 8]);
});

Deno.test("dial() says that there is no such socket", async () => {
  // If it kept retrying, it would end with another code.
  const signal = AbortSignal.timeout(1000);
  await assert.rejects(dial({ transport: "unix", path: "/missing.sock" }, { adapter: "deno", signal }), {
    name: "ProxyError",
    code: "no_such_socket",
    side: "upstream",
  });
});

interface ConnectOptions {
  readonly hostname?: string;
  readonly autoSelectFamily?: boolean;
}

/** In place of Deno.connect(), until disposed of. */
function connecting(
  connect: (options: ConnectOptions) => unknown,
): Disposable & { options: ConnectOptions[] } {
  const options: ConnectOptions[] = [];
  mock.method(Deno, "connect", (asked: ConnectOptions) => {
    options.push(asked);
    return Promise.resolve(asked).then(connect);
  });
  return { options, [Symbol.dispose]: () => mock.restoreAll() };
}

function tcp(hostname: string, port: number) {
  return { transport: "tcp", hostname, port } as const;
}

function namesOf(...addresses: string[]): NameLookup {
  return new NameLookup({ find: () => Promise.resolve(addresses) });
}

function closedPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
