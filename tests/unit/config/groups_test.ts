import assert from "node:assert/strict";
import type { Config, GroupConfig } from "../../../src/config/config.ts";
import { decodeConfig } from "../../../src/config/decode.ts";
import { formatAddress } from "../../../src/net/address.ts";

const CONNECTING = {
  ...{ type: undefined, http: undefined, script: undefined, send: undefined, expect: undefined },
  ...{ address: undefined, port: undefined, fastInterval: undefined },
  ...{ tls: undefined, proxyProtocol: undefined },
};

Deno.test("decodeConfig() reads every setting of a group", () => {
  const { upstreams } = decodeOne({
    pg: {
      balance: "least_connections",
      endpoints: [
        "10.0.0.5:5432",
        { address: "10.0.0.6:5432", weight: 2, max_connections: 100 },
        { address: "unix:/run/pg.sock", backup: true },
      ],
      retry: { attempts: 5, timeout: "1m" },
      health_check: {
        interval: "1s",
        timeout: "2s",
        rise: 3,
        fall: 4,
        send: "PING\r\n",
        expect: "hex:2B50",
        tls: false,
        proxy_protocol: "v1",
      },
      passive: { failures: 6, window: "7s", eject: "8s" },
      on_down: "close",
      on_recover: { action: "close", spread: "9s" },
      drain_idle: "4s",
      stick: "none",
      slow_start: "20s",
      rebalance: { share: "7.5%", every: "2m" },
      on_all_down: "wait",
      queue: "5s",
      pool: { mode: "reuse", max_idle: 9, max_idle_time: "10s", quiet: "11ms", max_uses: 12 },
    },
  }, "pg");
  assert.deepEqual(upstreams, [{
    name: "pg",
    writtenAs: "name",
    balance: "least_connections",
    endpoints: [
      {
        address: { transport: "tcp", hostname: "10.0.0.5", port: 5432 },
        weight: 1,
        maxConnections: 0,
        tier: undefined,
        backup: false,
      },
      {
        address: { transport: "tcp", hostname: "10.0.0.6", port: 5432 },
        weight: 2,
        maxConnections: 100,
        tier: undefined,
        backup: false,
      },
      {
        address: { transport: "unix", path: "/run/pg.sock" },
        weight: 1,
        maxConnections: 0,
        tier: undefined,
        backup: true,
      },
    ],
    retry: { attempts: 5, timeout: 60_000 },
    healthCheck: {
      ...CONNECTING,
      interval: 1_000,
      timeout: 2_000,
      rise: 3,
      fall: 4,
      send: new Uint8Array([80, 73, 78, 71, 13, 10]),
      expect: { begins: new Uint8Array([43, 80]), contains: undefined, regex: undefined },
      tls: false,
      proxyProtocol: "v1",
    },
    passive: { failures: 6, window: 7_000, eject: 8_000 },
    onDown: "close",
    onRecover: { action: "close", spread: 9_000 },
    stick: "none",
    slowStart: 20_000,
    rebalance: { share: 0.075, every: 120_000, quiet: 2_000 },
    drainIdle: 4_000,
    onAllDown: "wait",
    queue: { timeout: 5_000, length: 1000 },
    pool: { mode: "reuse", maxIdle: 9, maxIdleTime: 10_000, quiet: 11, maxUses: 12 },
    discovery: undefined,
  }]);
});

Deno.test("decodeConfig() fills in what a group leaves out", () => {
  const { upstreams: [group] } = decodeOne({
    pg: { endpoints: ["db:1"], health_check: {}, passive: {}, pool: {}, discovery: { dns: "a" } },
  }, "pg");
  assert.equal(group?.balance, "round_robin");
  assert.equal(group.onDown, "keep");
  assert.deepEqual([group.onRecover, group.slowStart, group.rebalance, group.drainIdle], [
    undefined,
    0,
    undefined,
    0,
  ]);
  assert.deepEqual(group.retry, { attempts: 3, timeout: 10_000 });
  assert.deepEqual(group.healthCheck, {
    ...CONNECTING,
    interval: 5_000,
    timeout: 2_000,
    rise: 2,
    fall: 3,
  });
  assert.deepEqual(group.passive, { failures: 5, window: 10_000, eject: 30_000 });
  assert.deepEqual(group.pool, { mode: "warm", maxIdle: 8, maxIdleTime: 5_000, quiet: 50, maxUses: 1_000 });
  assert.deepEqual([group.discovery?.dns, group.discovery?.interval, group.discovery?.server], [
    "a",
    10_000,
    undefined,
  ]);
});

Deno.test("decodeConfig() reads names without a port for SRV records, and name servers in every form", () => {
  const groupWith = (server: string) =>
    decodeOne({ pg: { endpoints: ["_pg._tcp.db"], discovery: { dns: "srv", server } } }, "pg").upstreams[0]!;
  assert.deepEqual(groupWith("10.0.0.2").endpoints[0]?.address, {
    transport: "tcp",
    hostname: "_pg._tcp.db",
    port: 0,
  });
  const servers: [text: string, address: string][] = [
    ["10.0.0.2", "10.0.0.2:53"],
    ["10.0.0.2:5353", "10.0.0.2:5353"],
    ["::1", "[::1]:53"],
    ["[::1]", "[::1]:53"],
    ["[2001:db8::1]:5353", "[2001:db8::1]:5353"],
  ];
  for (const [text, address] of servers) {
    assert.equal(formatAddress(groupWith(text).discovery!.server!), address, text);
  }
});

Deno.test("decodeConfig() gives all users of a group the same one", () => {
  const { upstreams, services } = decodeConfig({
    upstreams: { unused: { endpoints: ["a:1"] }, pg: { endpoints: ["b:1"] } },
    services: [
      { name: "a", listen: 1, routes: [{ source_ip: "10.0.0.1", upstream: "pg" }], upstream: "pg" },
      { name: "b", listen: 2, upstream: "pg" },
    ],
  });
  assert.deepEqual(namesOf(upstreams), ["unused", "pg"]);
  for (const group of [services[0]?.upstream, services[0]?.routes[0]?.upstream, services[1]?.upstream]) {
    assert.equal(group, upstreams[1]);
  }
});

Deno.test("decodeConfig() makes one group of an address, however often and in what case it is written", () => {
  const { upstreams, services } = decodeConfig({
    services: [
      { name: "a", listen: 1, routes: [{ source_port: 5, upstream: "Db:1" }], upstream: "db:1" },
      { name: "b", listen: 2, upstream: "DB:1" },
      { name: "c", listen: 3, upstream: "unix:/run/db" },
      { name: "d", listen: 4, upstream: "unix:/run/DB" },
    ],
  });
  assert.deepEqual(namesOf(upstreams), ["Db:1", "unix:/run/db", "unix:/run/DB"]);
  assert.equal(services[0]?.upstream, upstreams[0]);
  assert.equal(services[1]?.upstream, upstreams[0]);
});

Deno.test("decodeConfig() names groups in place after where they are, and keeps them apart", () => {
  const list = ["a:1", { address: "b:1", weight: 3 }];
  const group = { endpoints: ["a:1"], balance: "source_hash" };
  const { upstreams, services } = decodeConfig({
    services: [
      {
        name: "a",
        listen: 1,
        routes: [{ source_port: 5, upstream: list }, { source_port: 6, upstream: group }],
        upstream: list,
      },
      { name: "b", listen: 2, upstream: group },
    ],
  });
  assert.deepEqual(namesOf(upstreams), ["a.routes[0]", "a.routes[1]", "a.upstream", "b.upstream"]);
  assert.deepEqual(upstreams[2]?.endpoints.map(({ weight }) => weight), [1, 3]);
  assert.equal(upstreams[3]?.balance, "source_hash");
  assert.equal(services[0]?.routes[1]?.upstream, upstreams[1]);
  assert.equal(services[1]?.upstream, upstreams[3]);
});

Deno.test("decodeConfig() gives every group a name of its own", () => {
  const { upstreams } = decodeConfig({
    upstreams: { "a.upstream": { endpoints: ["x:1"] }, toString: { endpoints: ["y:1"] } },
    services: [
      { name: "a", listen: 1, upstream: ["b:1"] },
      { name: "unix:/a", listen: 2, upstream: ["b:1"] },
      { name: "c", listen: 3, upstream: "unix:/a.upstream" },
      { name: "d", listen: 4, upstream: "toString" },
    ],
  });
  assert.deepEqual(namesOf(upstreams), [
    "a.upstream",
    "toString",
    "a.upstream#2",
    "unix:/a.upstream",
    "unix:/a.upstream#2",
  ]);
});

Deno.test("decodeConfig() reads routes with one value or several", () => {
  const routes = [
    { source_port: [40000, "40002-40004"], source_ip: "10.0.0.0/8", upstream: "a:1" },
    {
      source_ip: ["::1", "10.1.2.3/8"],
      listen_port: "1-9",
      protocol: "ssh",
      starts_with: ["HI", "hex:00"],
      silent: "false",
      sni: ["A.b.", "*.C"],
      alpn: "h2",
      upstream: "b:1",
    },
    { upstream: "c:1" },
  ];
  const [service] = decodeConfig({ services: [{ name: "a", listen: 1, routes }] }).services;
  assert.equal(service?.upstream, undefined);
  const conditions = service?.routes.map(({ upstream, ...rest }) => ({ ...rest, upstream: upstream.name }));
  assert.deepEqual(conditions, [
    {
      sourcePort: [{ first: 40000, last: 40000 }, { first: 40002, last: 40004 }],
      sourceIp: ["10.0.0.0/8"],
      listenPort: undefined,
      protocol: undefined,
      startsWith: undefined,
      silent: undefined,
      clientName: undefined,
      clientSubject: undefined,
      clientIssuer: undefined,
      sni: undefined,
      alpn: undefined,
      tls: undefined,
      upstream: "a:1",
    },
    {
      sourcePort: undefined,
      sourceIp: ["::1", "10.1.2.3/8"],
      listenPort: [{ first: 1, last: 9 }],
      protocol: ["ssh"],
      startsWith: [Uint8Array.of(0x48, 0x49), Uint8Array.of(0)],
      silent: false,
      clientName: undefined,
      clientSubject: undefined,
      clientIssuer: undefined,
      sni: ["a.b", "*.c"],
      alpn: ["h2"],
      tls: undefined,
      upstream: "b:1",
    },
    {
      sourcePort: undefined,
      sourceIp: undefined,
      listenPort: undefined,
      protocol: undefined,
      startsWith: undefined,
      silent: undefined,
      clientName: undefined,
      clientSubject: undefined,
      clientIssuer: undefined,
      sni: undefined,
      alpn: undefined,
      tls: undefined,
      upstream: "c:1",
    },
  ]);
});

function decodeOne(upstreams: Record<string, unknown>, upstream: unknown): Config {
  return decodeConfig({ upstreams, services: [{ name: "a", listen: 1, upstream }] });
}

function namesOf(groups: readonly GroupConfig[]): string[] {
  return groups.map(({ name }) => name);
}
