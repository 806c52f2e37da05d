import assert from "node:assert/strict";
import type { Adapter } from "../../../../src/net/socket/conn.ts";
import { dial } from "../../../../src/net/socket/dial.ts";
import { ProxyError } from "../../../../src/net/errors.ts";
import { isIpLiteral } from "../../../../src/net/address.ts";
import { type FindAddresses, NameLookup } from "../../../../src/net/socket/lookup.ts";

const GOING_ON = new AbortController().signal;
const NEVER: FindAddresses = () => new Promise(() => {});

Deno.test("isIpLiteral() distinguishes addresses from names", () => {
  for (const address of ["127.0.0.1", "255.255.255.255", "::1", "fe80::1%eth0", "::ffff:10.0.0.1"]) {
    assert.ok(isIpLiteral(address), address);
  }
  for (
    const name of ["localhost", "db1", "1.2.3", "10.0.0.1.nip.io", "a.1.2.3.4", "1.2.3.4.5", "dead.beef"]
  ) {
    assert.ok(!isIpLiteral(name), name);
  }
});

Deno.test("NameLookup gives each address once, in the resolver's order", async () => {
  const names = new NameLookup({ find: () => Promise.resolve(["::1", "127.0.0.1", "::1", "127.0.0.2"]) });
  assert.deepEqual(await names.addresses("a", GOING_ON), ["::1", "127.0.0.1", "127.0.0.2"]);
});

Deno.test("NameLookup asks again for every lookup, and once for those at the same time", async () => {
  const resolver = new FakeResolver();
  const names = new NameLookup({ find: resolver.find });
  const together = [names.addresses("a", GOING_ON), names.addresses("a", GOING_ON)];
  const other = names.addresses("b", GOING_ON);
  assert.deepEqual(resolver.lookups, ["a", "b"]);
  resolver.answer("b", ["10.0.0.2"]);
  resolver.answer("a", ["10.0.0.1"]);
  assert.deepEqual(await Promise.all([...together, other]), [["10.0.0.1"], ["10.0.0.1"], ["10.0.0.2"]]);

  const later = names.addresses("a", GOING_ON);
  assert.deepEqual(resolver.lookups, ["a", "b", "a"]);
  resolver.answer("a", ["10.0.0.3"]);
  assert.deepEqual(await later, ["10.0.0.3"]);
  assert.equal(names.fallbacks, 0);
});

Deno.test("NameLookup runs no more lookups at the same time than it may, and the others in turn", async () => {
  const resolver = new FakeResolver();
  const names = new NameLookup({ find: resolver.find, most: 2 });
  const found = ["a", "b", "c", "d", "c"].map((name) => names.addresses(name, GOING_ON));
  assert.deepEqual(resolver.lookups, ["a", "b"]);
  resolver.answer("a", ["10.0.0.1"]);
  await found[0];
  await turn();
  assert.deepEqual(resolver.lookups, ["a", "b", "c"]);
  resolver.fail("b", "ENOTFOUND");
  await assert.rejects(found[1]!, { code: "name_not_resolved" });
  await turn();
  assert.deepEqual(resolver.lookups, ["a", "b", "c", "d"]);
  resolver.answer("c", ["10.0.0.3"]);
  resolver.answer("d", ["10.0.0.4"]);
  assert.deepEqual(await Promise.all(found.slice(2)), [["10.0.0.3"], ["10.0.0.4"], ["10.0.0.3"]]);
  const later = [names.addresses("e", GOING_ON), names.addresses("f", GOING_ON)];
  assert.deepEqual(resolver.lookups.slice(4), ["e", "f"]);
  for (const name of ["e", "f"]) resolver.answer(name, ["10.0.0.5"]);
  await Promise.all(later);
});

Deno.test("NameLookup goes by the last good answer when a lookup fails, however it fails", async () => {
  const resolver = new FakeResolver();
  const names = new NameLookup({ find: resolver.find });
  const lookUp = (end: () => void) => {
    const addresses = names.addresses("a", GOING_ON);
    end();
    return addresses;
  };
  await lookUp(() => resolver.answer("a", ["10.0.0.1"]));
  assert.deepEqual(await lookUp(() => resolver.answer("a", ["10.0.0.2"])), ["10.0.0.2"]);
  for (const code of ["ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "EPERM"]) {
    assert.deepEqual(await lookUp(() => resolver.fail("a", code)), ["10.0.0.2"], code);
  }
  assert.deepEqual(await lookUp(() => resolver.answer("a", [])), ["10.0.0.2"]);
  assert.equal(names.fallbacks, 5);
  assert.deepEqual(await lookUp(() => resolver.answer("a", ["10.0.0.3"])), ["10.0.0.3"]);
});

Deno.test("NameLookup says that a name was not found, when it never was", async () => {
  const resolver = new FakeResolver();
  const names = new NameLookup({ find: resolver.find });
  const cases: [end: () => void, code: string, message: RegExp][] = [
    [() => resolver.fail("a", "ENOTFOUND"), "name_not_resolved", /ENOTFOUND a/],
    [() => resolver.fail("a", "EAI_AGAIN"), "name_not_resolved", /EAI_AGAIN a/],
    [() => resolver.fail("a", "SOMETHING"), "name_not_resolved", /SOMETHING a/],
    [() => resolver.answer("a", []), "name_not_resolved", /^No address found for "a"$/],
    [() => resolver.fail("a", "EPERM"), "permission_denied", /EPERM a/],
  ];
  for (const [end, code, message] of cases) {
    const addresses = names.addresses("a", GOING_ON);
    end();
    await assert.rejects(
      addresses,
      (error) => error instanceof ProxyError && error.code === code && message.test(error.message),
    );
  }
});

Deno.test("NameLookup waits a second when it has an answer to go by, and does not ask anew meanwhile", async () => {
  const resolver = new FakeResolver();
  const timer = new FakeTimer();
  const names = new NameLookup({ find: resolver.find, after: timer.after });
  const first = names.addresses("a", GOING_ON);
  resolver.answer("a", ["10.0.0.1"]);
  await first;
  assert.deepEqual(timer.waits, []);

  const slow = names.addresses("a", GOING_ON);
  assert.deepEqual(timer.waits, [1000]);
  timer.runOut();
  assert.deepEqual(await slow, ["10.0.0.1"]);
  assert.deepEqual(await names.addresses("a", GOING_ON), ["10.0.0.1"]);
  assert.equal(names.fallbacks, 1);
  assert.deepEqual(resolver.lookups, ["a", "a"]);

  // A late answer is the last good answer from then on.
  resolver.answer("a", ["10.0.0.2"]);
  await turn();
  const failing = names.addresses("a", GOING_ON);
  resolver.fail("a", "ENOTFOUND");
  assert.deepEqual(await failing, ["10.0.0.2"]);
  assert.deepEqual(resolver.lookups, ["a", "a", "a"]);
  assert.ok(timer.isStopped, "the wait goes on after the lookup has ended");

  // A lookup that takes too long and then fails counts once.
  assert.equal(names.fallbacks, 2);
  const slowAndFailing = names.addresses("a", GOING_ON);
  timer.runOut();
  await slowAndFailing;
  resolver.fail("a", "EAI_AGAIN");
  await turn();
  assert.equal(names.fallbacks, 3);
});

Deno.test("NameLookup remembers a limited number of names, those that were answered last", async () => {
  const down = new Set<string>();
  const find: FindAddresses = (name) =>
    down.has(name) ? Promise.reject(failure("ENOTFOUND", name)) : Promise.resolve([`10.0.0.${name}`]);
  const names = new NameLookup({ find, capacity: 2 });
  for (const name of ["1", "2", "1", "3"]) await names.addresses(name, GOING_ON);
  for (const name of ["1", "2", "3"]) down.add(name);
  assert.deepEqual(await names.addresses("1", GOING_ON), ["10.0.0.1"]);
  assert.deepEqual(await names.addresses("3", GOING_ON), ["10.0.0.3"]);
  await assert.rejects(names.addresses("2", GOING_ON), { code: "name_not_resolved" });
});

Deno.test("NameLookup ends with the signal, and leaves others that wait for the same name alone", async () => {
  const resolver = new FakeResolver();
  const names = new NameLookup({ find: resolver.find });
  const stop = new AbortController();
  const stopped = names.addresses("a", stop.signal);
  const waiting = names.addresses("a", GOING_ON);
  const reason = new Error("too long");
  stop.abort(reason);
  await assert.rejects(stopped, reason);
  await assert.rejects(names.addresses("b", stop.signal), reason);
  assert.deepEqual(resolver.lookups, ["a"]);
  resolver.answer("a", ["10.0.0.1"]);
  assert.deepEqual(await waiting, ["10.0.0.1"]);
});

Deno.test("NameLookup asks the system unless given another resolver: /etc/hosts counts", async () => {
  const addresses = await new NameLookup().addresses("localhost", GOING_ON);
  assert.ok(addresses.some((address) => address === "127.0.0.1" || address === "::1"), `${addresses}`);
});

for (const adapter of ["deno", "node"] satisfies Adapter[]) {
  Deno.test(`dial() looks a name up each time and goes where it points now, with the ${adapter} adapter`, async () => {
    using one = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = one.addr;
    const found = ["127.0.0.1"];
    const names = new NameLookup({ find: () => Promise.resolve(found) });
    const address = { transport: "tcp", hostname: "db.test", port } as const;
    {
      using _conn = await dial(address, { adapter, names, signal: GOING_ON });
      (await one.accept()).close();
    }
    found[0] = "::1";
    await assert.rejects(dial(address, { adapter, names, signal: GOING_ON }), { code: "connection_refused" });
  });

  Deno.test(`dial() ends with its signal while the resolver hangs, with the ${adapter} adapter`, async () => {
    const names = new NameLookup({ find: NEVER });
    const stop = new AbortController();
    const dialled = dial({ transport: "tcp", hostname: "db.test", port: 1 }, {
      adapter,
      names,
      signal: stop.signal,
    });
    const reason = new ProxyError("connect_timeout", "upstream");
    stop.abort(reason);
    await assert.rejects(dialled, reason);
  });

  Deno.test(`dial() does not look addresses up, with the ${adapter} adapter`, async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const names = new NameLookup({ find: () => Promise.reject(new Error("looked up")) });
    using _conn = await dial(listener.addr as { transport: "tcp"; hostname: string; port: number }, {
      adapter,
      names,
      signal: GOING_ON,
    });
    (await listener.accept()).close();
  });
}

Deno.test("dial() reports a name that does not exist as such", async () => {
  // Labels have at most 63 bytes, so no name server is queried (RFC 1035 section 2.3.4).
  const hostname = `${"x".repeat(64)}.invalid`;
  const dialled = dial({ transport: "tcp", hostname, port: 1 }, {
    adapter: "deno",
    signal: GOING_ON,
  });
  await assert.rejects(dialled, { name: "ProxyError", code: "name_not_resolved", side: "upstream" });
});

Deno.test("dial() needs no more than permission for the name", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const program = `
    import { dial } from ${
    JSON.stringify(new URL("../../../../src/net/socket/dial.ts", import.meta.url).href)
  };
    const address = { transport: "tcp", hostname: "localhost", port: ${port} };
    const conn = await dial(address, { adapter: "deno", signal: AbortSignal.timeout(10_000) });
    conn.close();
  `;
  for (const granted of [`localhost:${port}`, "localhost"]) {
    const { code, stderr } = await runDeno(["--no-prompt", `--allow-net=${granted}`], program);
    assert.equal(code, 0, stderr);
    (await listener.accept()).close();
  }
  const { code, stderr } = await runDeno(["--no-prompt"], program);
  assert.equal(code, 1);
  assert.match(stderr, /Requires net access to "localhost:\d+"/);
});

async function runDeno(flags: string[], program: string): Promise<{ code: number; stderr: string }> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, program);
    const args = ["run", "--no-check", "--no-config", ...flags, file];
    const { code, stderr } = await new Deno.Command(Deno.execPath(), { args, stdout: "null" }).output();
    return { code, stderr: new TextDecoder().decode(stderr) };
  } finally {
    await Deno.remove(file);
  }
}

/** A resolver whose answers the test gives. */
class FakeResolver {
  readonly lookups: string[] = [];
  readonly #pending = new Map<string, PromiseWithResolvers<string[]>>();

  readonly find: FindAddresses = (name) => {
    this.lookups.push(name);
    const answer = Promise.withResolvers<string[]>();
    this.#pending.set(name, answer);
    return answer.promise;
  };

  answer(name: string, addresses: string[]): void {
    this.#pending.get(name)!.resolve(addresses);
  }

  fail(name: string, code: string): void {
    this.#pending.get(name)!.reject(failure(code, name));
  }
}

/** A timer that the test fires. */
class FakeTimer {
  readonly waits: number[] = [];
  isStopped = false;
  runOut = () => {};

  readonly after = (milliseconds: number, callback: () => void): () => void => {
    this.waits.push(milliseconds);
    this.runOut = callback;
    this.isStopped = false;
    return () => this.isStopped = true;
  };
}

function failure(code: string, name: string): Error {
  return Object.assign(new Error(`getaddrinfo ${code} ${name}`), { code });
}

/** Afterwards, everything that waits for nothing has run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
