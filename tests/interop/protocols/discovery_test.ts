/** Discovery with a real name server. */

import assert from "node:assert/strict";
import { formatAddress } from "../../../src/net/address.ts";
import { DiscoveryState } from "../../../src/upstream/discovery/discovery_state.ts";
import { DnsResolver } from "../../../src/upstream/discovery/dns/resolver.ts";
import { sourceParts } from "../../support/fakes/upstream_parts.ts";
import { discover, type DiscoverOptions } from "../../../src/upstream/discovery/dns/discover.ts";
import { DNSMASQ, DnsServer, type Service } from "../../support/servers/dns_server.ts";
import { interopTest } from "../../support/interop.ts";

/** The test fails when what it waits for takes longer than this. */
const DEADLINE_MS = 20_000;

interopTest("DNS: a changed address is used once its TTL has passed", DNSMASQ, async (stack) => {
  const dns = await DnsServer.start(stack, { hosts: { "db.test": ["10.0.0.1", "fd00::1"] }, ttl: 2 });
  const found = Found.start(stack, dns, { entries: [entry("db.test", 5432)], interval: 3_600_000 });
  await found.endpoints("0 10.0.0.1:5432 weight 1", "0 [fd00::1]:5432 weight 1");
  const known = performance.now();
  dns.setHosts({ "db.test": ["10.0.0.2", "10.0.0.3"] });
  await found.endpoints("0 10.0.0.2:5432 weight 1", "0 10.0.0.3:5432 weight 1");
  const passed = performance.now() - known;
  assert.ok(passed > 1900, `the TTL of 2 s was not waited for, but ${passed} ms`);
  assert.deepEqual(found.reports, []);
});

interopTest(
  "DNS: SRV records give ports, priorities and weights, and their changes are used",
  DNSMASQ,
  async (stack) => {
    const hosts = { "one.test": ["10.0.0.1"], "two.test": ["10.0.0.2"], "three.test": ["10.0.0.3"] };
    const one = service({ target: "one.test", port: 5431, priority: 10, weight: 60 });
    const two = service({ target: "two.test", port: 5432, priority: 10, weight: 0 });
    const three = service({ target: "three.test", port: 5433, priority: 20, weight: 5 });
    const dns = await DnsServer.start(stack, { hosts, ttl: 300, services: [three, one, two] });
    const entries = [entry("_pg._tcp.test", 0, 2)];
    const found = Found.start(stack, dns, { dns: "srv", entries, interval: 300 });
    await found.endpoints(
      "0 10.0.0.1:5431 weight 120",
      "0 10.0.0.2:5432 weight 2",
      "1 10.0.0.3:5433 weight 10",
    );

    await dns.stop();
    await dns.startAgain({ hosts, ttl: 300, services: [{ ...two, port: 6432 }, { ...three, priority: 10 }] });
    await found.endpoints("0 10.0.0.2:6432 weight 2", "0 10.0.0.3:5433 weight 10");

    // The record that stands for "no such service".
    await dns.stop();
    await dns.startAgain({ hosts, ttl: 300, services: [service({ target: "" })] });
    const anew = Found.start(stack, dns, { dns: "srv", entries });
    await anew.report("_pg._tcp.test: no SRV record");
    await found.report("_pg._tcp.test: no SRV record", "_pg._tcp.test: no answer from the name server");
    assert.deepEqual(found.last, ["0 10.0.0.2:6432 weight 2", "0 10.0.0.3:5433 weight 10"]);
  },
);

interopTest("DNS: a removed name or an unreachable server changes nothing", DNSMASQ, async (stack) => {
  const dns = await DnsServer.start(stack, { hosts: { "db.test": ["10.0.0.1"] }, ttl: 1 });
  const found = Found.start(stack, dns, { entries: [entry("db.test", 1)], interval: 300 });
  await found.endpoints("0 10.0.0.1:1 weight 1");
  dns.setHosts({});
  await found.report("db.test: no A or AAAA record");
  dns.setHosts({ "db.test": ["10.0.0.1"] });
  await found.report("db.test is back");
  await dns.stop();
  await found.report("db.test: no answer from the name server");
  assert.equal(found.sets.length, 1);

  await dns.startAgain({ hosts: { "db.test": ["10.0.0.2"] }, ttl: 1 });
  await found.endpoints("0 10.0.0.2:1 weight 1");
  assert.equal(found.reports.at(-1), "db.test is back");
});

interopTest("DNS: an alias is followed, whatever the TTL of its target", DNSMASQ, async (stack) => {
  const hosts = { "a.test": ["10.0.0.1"], "b.test": ["10.0.0.2"] };
  const dns = await DnsServer.start(stack, { hosts, ttl: 300, aliases: { "db.test": "a.test" } });
  const found = Found.start(stack, dns, { entries: [entry("db.test", 1)], interval: 300 });
  await found.endpoints("0 10.0.0.1:1 weight 1");
  await dns.stop();
  await dns.startAgain({ hosts, ttl: 300, aliases: { "db.test": "b.test" } });
  await found.endpoints("0 10.0.0.2:1 weight 1");
});

interopTest("DNS: a name may have more addresses than one datagram holds", DNSMASQ, async (stack) => {
  const addresses = Array.from({ length: 200 }, (_, index) => `10.0.0.${index + 1}`);
  const dns = await DnsServer.start(stack, { hosts: { "db.test": addresses }, ttl: 300 });
  const found = Found.start(stack, dns, { entries: [entry("db.test", 1)] });
  await found.endpoints(...addresses.map((address) => `0 ${address}:1 weight 1`).sort());
});

/** The endpoints that discovery reports. */
class Found {
  readonly sets: string[][] = [];
  readonly reports: string[] = [];
  #onNews = () => {};

  /** Runs discovery until the end of the test. */
  static start(stack: AsyncDisposableStack, dns: DnsServer, options: Partial<DiscoverOptions>): Found {
    const found = new Found();
    const stop = new AbortController();
    const state = new DiscoveryState();
    const discovering = discover({
      dns: "a",
      interval: 10_000,
      entries: [],
      onEndpoints: (endpoints) => {
        found.sets.push(
          endpoints.map(({ tier, address, weight }) => `${tier} ${formatAddress(address)} weight ${weight}`),
        );
        found.#onNews();
      },
      onError: (name, error) => {
        const { message } = error as Error;
        if (state.failed(name, message)) found.#report(`${name}: ${message}`);
      },
      onForgotten: (name) => state.forgotten(name),
      onAnswer: (name) => {
        if (state.answered(name)) found.#report(`${name} is back`);
      },
      signal: stop.signal,
      ...options,
    }, { ...sourceParts(), resolver: new DnsResolver(dns.address) });
    stack.defer(async () => {
      stop.abort();
      await discovering;
    });
    return found;
  }

  get last(): string[] | undefined {
    return this.sets.at(-1);
  }

  /** Waits until discovery reports exactly these endpoints. */
  async endpoints(...expected: string[]): Promise<void> {
    await this.#until(() => JSON.stringify(this.last) === JSON.stringify(expected));
    assert.deepEqual(this.last, expected);
  }

  /** Waits until the last report is one of these. */
  async report(...expected: string[]): Promise<void> {
    await this.#until(() => expected.includes(this.reports.at(-1) ?? ""));
    assert.ok(expected.includes(this.reports.at(-1) ?? ""), `${this.reports}`);
  }

  #report(report: string): void {
    this.reports.push(report);
    this.#onNews();
  }

  /** Also ends at the deadline. */
  async #until(isCase: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const deadline = setTimeout(resolve, DEADLINE_MS);
    this.#onNews = () => {
      if (isCase()) resolve();
    };
    this.#onNews();
    await promise;
    clearTimeout(deadline);
  }
}

function entry(name: string, port: number, weight = 1) {
  return { name, port, weight, tier: 0 };
}

function service(service: Partial<Service>): Service {
  return { name: "_pg._tcp.test", target: "", port: 0, priority: 0, weight: 0, ...service };
}
