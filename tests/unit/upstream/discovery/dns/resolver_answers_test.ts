/** How a resolver handles the answers of name servers. */

import assert from "node:assert/strict";
import { Resolver as NodeResolver } from "node:dns/promises";
import { mock } from "node:test";
import { DnsResolver } from "../../../../../src/upstream/discovery/dns/resolver.ts";

const NEVER = new AbortController().signal;

type Query = "resolve4" | "resolve6" | "resolveCname" | "resolveSrv";
type Answer = readonly unknown[] | Error | Promise<never>;

/** Answers queries, by default with nothing, and records them. */
class Answers implements Disposable {
  readonly calls: unknown[][] = [];
  readonly servers: unknown[] = [];
  cancelled = 0;

  constructor(answers: Partial<Record<Query, Answer>>) {
    for (const query of ["resolve4", "resolve6", "resolveCname", "resolveSrv"] as const) {
      mock.method(NodeResolver.prototype, query, (...args: unknown[]) => {
        this.calls.push([query, ...args]);
        const answer = answers[query] ?? [];
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
      });
    }
    mock.method(NodeResolver.prototype, "setServers", (servers: string[]) => this.servers.push(...servers));
    mock.method(NodeResolver.prototype, "cancel", () => void (this.cancelled += 1));
  }

  [Symbol.dispose](): void {
    mock.restoreAll();
  }
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}

const V4 = [{ address: "192.0.2.1", ttl: 60 }];
const V6 = [{ address: "2001:db8::1", ttl: 30 }];

Deno.test("DnsResolver asks for both families and an alias, under the unchanged name", async () => {
  for (const name of ["db.test", "db.test."]) {
    using answers = new Answers({ resolve4: V4, resolve6: V6 });
    const server = { transport: "tcp", hostname: "192.0.2.53", port: 5353 } as const;
    assert.deepEqual(await new DnsResolver(server).addresses(name, NEVER), {
      v4: ["192.0.2.1"],
      v6: ["2001:db8::1"],
      ttl: 30_000,
    });
    assert.deepEqual(answers.calls, [
      ["resolve4", "db.test.", { ttl: true }],
      ["resolve6", "db.test.", { ttl: true }],
      ["resolveCname", "db.test."],
    ]);
    assert.deepEqual([answers.servers, answers.cancelled], [["192.0.2.53:5353"], 0]);
  }
});

Deno.test("DnsResolver gives no TTL behind an alias or if an answer is missing", async () => {
  const late = failure("ETIMEOUT");
  const cases: [Partial<Record<Query, Answer>>, unknown][] = [
    [{ resolve4: V4, resolveCname: ["other.test"] }, { v4: ["192.0.2.1"], v6: [], ttl: undefined }],
    [{ resolve4: V4, resolveCname: late }, { v4: ["192.0.2.1"], v6: [], ttl: undefined }],
    [{ resolve4: V4, resolve6: late }, { v4: ["192.0.2.1"], v6: undefined, ttl: undefined }],
    [{ resolve4: late, resolve6: V6 }, { v4: undefined, v6: ["2001:db8::1"], ttl: undefined }],
    [{ resolve4: V4, resolve6: failure("ENODATA") }, { v4: ["192.0.2.1"], v6: [], ttl: 60_000 }],
    [{ resolve4: failure("ENOTFOUND"), resolve6: V6 }, { v4: [], v6: ["2001:db8::1"], ttl: 30_000 }],
  ];
  for (const [given, expected] of cases) {
    using _answers = new Answers(given);
    assert.deepEqual(await new DnsResolver(undefined).addresses("db.test", NEVER), expected);
  }
});

Deno.test("DnsResolver explains in words why there is no address", async () => {
  const refused = failure("EREFUSED");
  const cases: [Partial<Record<Query, Answer>>, unknown][] = [
    [{}, new Error("no A or AAAA record")],
    [{ resolve4: failure("ENOTFOUND"), resolve6: failure("ENODATA") }, new Error("no A or AAAA record")],
    [{ resolve6: failure("ETIMEOUT") }, new Error("no answer from the name server")],
    [{ resolve4: failure("UNKNOWN") }, {
      message: "no name server known, or a name that Deno does not take (an underscore inside a label)",
    }],
    [{ resolve4: refused }, refused],
  ];
  for (const [given, expected] of cases) {
    using _answers = new Answers(given);
    const { message } = expected as Error;
    await assert.rejects(new DnsResolver(undefined).addresses("db.test", NEVER), { message });
  }
  const cause = failure("ETIMEOUT");
  using _answers = new Answers({ resolve4: cause });
  await assert.rejects(new DnsResolver(undefined).addresses("db.test", NEVER), { cause });
});

Deno.test("DnsResolver returns the targets of SRV records, except the root target (no service)", async () => {
  const record = { name: "one.test", port: 5432, priority: 10, weight: 5 };
  using answers = new Answers({
    resolveSrv: [record, { ...record, name: "" }, { ...record, name: "." }, { ...record, name: "two.test" }],
  });
  assert.deepEqual(await new DnsResolver(undefined).services("_db._tcp.test", NEVER), [
    { priority: 10, weight: 5, port: 5432, target: "one.test" },
    { priority: 10, weight: 5, port: 5432, target: "two.test" },
  ]);
  assert.deepEqual([answers.calls, answers.servers], [[["resolveSrv", "_db._tcp.test."]], []]);
});

Deno.test("DnsResolver explains in words why there is no service", async () => {
  const cases: [Answer, string][] = [
    [[], "no SRV record"],
    [[{ name: ".", port: 0, priority: 0, weight: 0 }], "no SRV record"],
    [failure("ENOTFOUND"), "no SRV record"],
    [failure("ETIMEOUT"), "no answer from the name server"],
    [failure("EREFUSED"), "EREFUSED"],
  ];
  for (const [resolveSrv, message] of cases) {
    using _answers = new Answers({ resolveSrv });
    await assert.rejects(new DnsResolver(undefined).services("_db._tcp.test", NEVER), { message });
  }
});

Deno.test("DnsResolver aborts queries with the signal, and keeps no listener of finished ones", async () => {
  const abort = new AbortController();
  const { promise, reject } = Promise.withResolvers<never>();
  using answers = new Answers({
    resolve4: promise,
    resolveSrv: [{ name: "a.test", port: 1, priority: 0, weight: 0 }],
  });
  const resolver = new DnsResolver(undefined);
  await resolver.services("_db._tcp.test", abort.signal);
  const asking = resolver.addresses("db.test", abort.signal);
  const reason = new Error("over");
  abort.abort(reason);
  assert.equal(answers.cancelled, 1, "that of the one under way");
  reject(failure("ECANCELLED"));
  await assert.rejects(asking, { message: "ECANCELLED" });
  await assert.rejects(resolver.addresses("db.test", abort.signal), reason);
  await assert.rejects(resolver.services("_db._tcp.test", abort.signal), reason);
});

Deno.test("DnsResolver aborts no finished query", async () => {
  const abort = new AbortController();
  using answers = new Answers({ resolve4: V4 });
  await new DnsResolver(undefined).addresses("db.test", abort.signal);
  abort.abort();
  assert.equal(answers.cancelled, 0);
});
