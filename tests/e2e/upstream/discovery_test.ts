/** Endpoints that DNS adds and removes: new connections follow, open ones stay. */

import assert from "node:assert/strict";
import { type ProxyOptions, type RunningProxy, startProxy } from "../../../main.ts";
import { DNSMASQ, DnsServer, type Service } from "../../support/servers/dns_server.ts";
import { interopTest } from "../../support/interop.ts";
import { eventually } from "../../support/eventually.ts";
import { answeringServer, askName, NamedServer } from "../../support/peers/named_server.ts";
import { connect, echo, readText, Upstream, writeText } from "../../support/peers/sockets.ts";

/** How often SRV records are looked up, in milliseconds, and by how much that varies. */
const INTERVAL = 1000;
const JITTER = 0.1;

/** The time limit for a lookup and a connection on a busy machine, in milliseconds. */
const LEEWAY = 700;

/** The TTL of the name server's answers, in milliseconds. */
const TTL = 1000;

type Group = NonNullable<ProxyOptions["upstreams"]>[string];

interopTest(
  "an SRV record that changes moves new connections within the interval, and no other",
  DNSMASQ,
  async (stack) => {
    const [a, b] = [stack.use(await NamedServer.start("a")), stack.use(await NamedServer.start("b"))];
    const hosts = { "db.test": ["127.0.0.1"] };
    const dns = await DnsServer.start(stack, { hosts, ttl: 1, services: [service(a)] });
    const proxy = await start(stack, dns, "srv", { endpoints: ["_pg._tcp.db.test"] });
    using live = await connect(portOf(proxy));
    assert.equal(await askName(live), "a");
    assert.equal(await answeringServer(portOf(proxy)), "a");

    await dns.stop();
    await dns.startAgain({ hosts, ttl: 1, services: [service(b)] });
    const changedAt = performance.now();
    await eventually("b to answer", () => answeringServer(portOf(proxy)), (name) => name === "b");
    const took = performance.now() - changedAt;
    assert.ok(took < INTERVAL * (1 + JITTER) + LEEWAY, `it took ${Math.round(took)} ms`);
    for (let client = 0; client < 5; client++) assert.equal(await answeringServer(portOf(proxy)), "b");
    assert.deepEqual(addressesOf(proxy), [b.address]);

    await writeText(live, "still here");
    assert.equal(await readText(live, 10), "still here");
  },
);

interopTest(
  "SRV priorities and weights decide which endpoints are used, and how often",
  DNSMASQ,
  async (stack) => {
    const [a, b] = [stack.use(await NamedServer.start("a")), stack.use(await NamedServer.start("b"))];
    const spare = stack.use(await NamedServer.start("s"));
    const dns = await DnsServer.start(stack, {
      hosts: { "db.test": ["127.0.0.1"] },
      ttl: 1,
      services: [service(spare, { priority: 20 }), service(a, { weight: 3 }), service(b, { weight: 1 })],
    });
    const proxy = await start(stack, dns, "srv", { endpoints: ["_pg._tcp.db.test"] });
    const names: string[] = [];
    for (let client = 0; client < 12; client++) names.push(await answeringServer(portOf(proxy)));
    assert.equal(names.toSorted().join(""), "aaaaaaaaabbb");
    await Promise.all([a.goDown(), b.goDown()]);
    assert.equal(await answeringServer(portOf(proxy)), "s");
  },
);

interopTest(
  "an address that changes moves new connections once its TTL has passed, and no other",
  DNSMASQ,
  async (stack) => {
    const [a, b] = twins(stack);
    const dns = await DnsServer.start(stack, { hosts: { "db.test": ["127.0.0.1"] }, ttl: TTL / 1000 });
    const proxy = await start(stack, dns, "a", { endpoints: [`db.test:${a.port}`] });
    using live = await connect(portOf(proxy));
    assert.equal(await askName(live), "a");

    dns.setHosts({ "db.test": ["127.0.0.2"] });
    const changedAt = performance.now();
    await eventually("b to answer", () => answeringServer(portOf(proxy)), (name) => name === "b");
    const took = performance.now() - changedAt;
    assert.ok(took < TTL + LEEWAY, `it took ${Math.round(took)} ms`);
    assert.deepEqual(addressesOf(proxy), [`127.0.0.2:${b.port}`]);

    await writeText(live, "still here");
    assert.equal(await readText(live, 10), "still here");
  },
);

interopTest(
  "the pool is filled for an endpoint found in DNS before any client, and closed for one that is gone",
  DNSMASQ,
  async (stack) => {
    const [a, b] = twins(stack);
    const dns = await DnsServer.start(stack, { hosts: { "db.test": ["127.0.0.1"] }, ttl: TTL / 1000 });
    const proxy = await start(stack, dns, "a", {
      endpoints: [`db.test:${a.port}`],
      pool: { maxIdle: 3, maxIdleTime: "10m" },
    });
    await eventually("a full pool", () => a.waiting, (count) => count === 3);
    assert.equal(await answeringServer(portOf(proxy)), "a");
    dns.setHosts({ "db.test": ["127.0.0.2"] });
    await eventually("the pool to be emptied", () => a.waiting, (count) => count === 0);
    await eventually("another full pool", () => b.waiting, (count) => count === 3);
    assert.equal(await answeringServer(portOf(proxy)), "b");
    const { idle, hits, misses } = proxy.upstreams()[0]!.pool!;
    assert.deepEqual({ idle, hits, misses }, { idle: 3, hits: 2, misses: 0 });
  },
);

/** One service before a group that is discovered. */
async function start(
  stack: AsyncDisposableStack,
  dns: DnsServer,
  records: "a" | "srv",
  group: Group,
): Promise<RunningProxy> {
  const { hostname, port } = dns.address;
  const discovery = { dns: records, interval: INTERVAL, server: `${hostname}:${port}` };
  return stack.use(
    await startProxy({
      upstreams: { group: { ...group, discovery } },
      services: [{ name: "test", listen: 0, upstream: "group" }],
    }),
  );
}

function service(member: NamedServer, more: Partial<Service> = {}): Service {
  const port = Number(member.address.split(":")[1]);
  return { name: "_pg._tcp.db.test", target: "db.test", port, priority: 10, weight: 1, ...more };
}

interface Twin {
  readonly port: number;
  /** Connections that are open and over which nothing came. */
  readonly waiting: number;
}

/** Two upstreams with the same port, at 127.0.0.1 and 127.0.0.2, which say "a" and "b". */
function twins(stack: AsyncDisposableStack): [a: Twin, b: Twin] {
  for (;;) {
    const first = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = first.addr;
    try {
      const second = Deno.listen({ hostname: "127.0.0.2", port });
      return [twin(stack, first, "a"), twin(stack, second, "b")];
    } catch (error) {
      first.close();
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

function twin(stack: AsyncDisposableStack, listener: Deno.TcpListener, name: string): Twin {
  const twin = { port: listener.addr.port, waiting: 0 };
  stack.use(
    new Upstream(listener, async (conn) => {
      twin.waiting += 1;
      await readText(conn, 4).finally(() => twin.waiting -= 1);
      await writeText(conn, name);
      await echo(conn);
    }),
  );
  return twin;
}

function addressesOf(proxy: RunningProxy): string[] {
  return proxy.upstreams()[0]!.endpoints.map(({ address }) => address);
}

function portOf(proxy: RunningProxy): number {
  return Number(proxy.services[0]!.listen[0]!.split(":")[1]);
}
