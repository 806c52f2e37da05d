import assert from "node:assert/strict";
import { type AddressRules, CheckedLookup } from "../../../../src/net/socket/checked_lookup.ts";
import { dial } from "../../../../src/net/socket/dial.ts";
import type { Names } from "../../../../src/net/socket/lookup.ts";
import { OwnListeners } from "../../../../src/net/socket/own_listeners.ts";
import { CidrSet } from "../../../../src/wire/ip/cidr.ts";

const GOING_ON = new AbortController().signal;
const PORT = 443;

/** Answers in turn, and notes what is asked. */
class Answers implements Names {
  readonly asked: string[] = [];
  readonly #answers: (readonly string[])[];

  constructor(...answers: (readonly string[])[]) {
    this.#answers = answers;
  }

  addresses(hostname: string): Promise<readonly string[]> {
    this.asked.push(hostname);
    return Promise.resolve(this.#answers.shift()!);
  }
}

function checked(answers: Names, { privates = [], own = new OwnListeners(), port = PORT }: {
  privates?: readonly string[];
  own?: AddressRules["own"];
  port?: number;
} = {}): CheckedLookup {
  return new CheckedLookup({ names: answers, privates: new CidrSet(privates), own, port });
}

function refused(message: RegExp) {
  return { name: "ProxyError", code: "address_not_allowed", side: "proxy", message, retryable: false };
}

Deno.test("CheckedLookup hands out public addresses only, in their order", async () => {
  const all = [
    "10.0.0.1",
    "2606:4700::1",
    "127.0.0.1",
    "1.1.1.1",
    "::ffff:192.168.0.1",
    "64:ff9b::a00:1",
    "fd00::1",
  ];
  const lookup = checked(new Answers(all, ["10.0.0.1", "::1"], ["not an address"]));
  assert.deepEqual(await lookup.addresses("a.test", GOING_ON), ["2606:4700::1", "1.1.1.1"]);
  assert.equal(lookup.isBinding, true, "else a dial could fall back to the name");
  await assert.rejects(
    lookup.addresses("b.test", GOING_ON),
    refused(/^Cannot connect to b\.test: 10\.0\.0\.1 is a private address; ::1 is a loopback address$/),
  );
  await assert.rejects(lookup.addresses("c.test", GOING_ON), refused(/not an address is no address$/));
});

Deno.test("CheckedLookup hands out private addresses where that is allowed, and never others", async () => {
  const addresses = [
    "10.0.0.1",
    "11.0.0.1",
    "64:ff9b::a00:2",
    "192.168.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "ff02::1",
  ];
  const some = checked(new Answers(addresses), { privates: ["10.0.0.0/8"] });
  assert.deepEqual(await some.addresses("a.test", GOING_ON), ["10.0.0.1", "11.0.0.1", "64:ff9b::a00:2"]);
  const all = checked(new Answers(addresses), { privates: ["0.0.0.0/0", "::/0"] });
  assert.deepEqual(await all.addresses("a.test", GOING_ON), addresses.slice(0, 4));
  // What is inside counts, not what is around it.
  const outside = checked(new Answers(["64:ff9b::a00:2"]), { privates: ["64:ff9b::/96"] });
  await assert.rejects(outside.addresses("a.test", GOING_ON), refused(/64:ff9b::a00:2 is a private address/));
});

Deno.test("CheckedLookup refuses the listeners of the program, also where private addresses are allowed", async () => {
  const own = new OwnListeners(() => ["127.0.0.1", "93.184.216.34"]);
  own.set([{ transport: "tcp", hostname: "::", port: PORT }]);
  const privates = ["0.0.0.0/0", "::/0"];
  const lookup = checked(new Answers(["127.0.0.1", "::1", "1.1.1.1"], ["93.184.216.34"]), { own, privates });
  assert.deepEqual(await lookup.addresses("a.test", GOING_ON), ["1.1.1.1"]);
  await assert.rejects(
    lookup.addresses("b.test", GOING_ON),
    refused(/sluice itself listens on 93\.184\.216\.34 at port 443/),
  );
  const elsewhere = checked(new Answers(["127.0.0.1"]), { own, privates, port: 444 });
  assert.deepEqual(await elsewhere.addresses("a.test", GOING_ON), ["127.0.0.1"]);
});

Deno.test("CheckedLookup refuses its own listeners behind NAT64 and 6to4", async () => {
  const own = new OwnListeners(() => ["8.8.4.4"]);
  own.set([{ transport: "tcp", hostname: "::", port: PORT }]);
  for (const address of ["64:ff9b::808:404", "2002:808:404::1"]) {
    const lookup = checked(new Answers([address]), { own });
    await assert.rejects(lookup.addresses("a.test", GOING_ON), refused(/sluice itself listens on/), address);
  }
  const other = checked(new Answers(["64:ff9b::808:808"]), { own });
  assert.deepEqual(await other.addresses("a.test", GOING_ON), ["64:ff9b::808:808"]);
});

for (const adapter of ["deno", "node"] as const) {
  Deno.test(`dial() connects to the addresses that were checked, without another lookup, with the ${adapter} adapter`, async () => {
    using allowed = Deno.listen({ hostname: "127.0.0.2", port: 0 });
    const { port } = allowed.addr;
    using forbidden = Deno.listen({ hostname: "127.0.0.1", port });
    const privates = ["127.0.0.2"];
    const answers = new Answers(["127.0.0.1", "127.0.0.2"], ["127.0.0.1"]);
    const names = checked(answers, { privates, port });
    const address = { transport: "tcp", hostname: "localhost", port } as const;
    using conn = await dial(address, { adapter, names, signal: GOING_ON });
    assert.deepEqual(conn.remoteAddress, { ...address, hostname: "127.0.0.2" });
    assert.deepEqual(answers.asked, ["localhost"]);
    (await allowed.accept()).close();
    // The same name leads elsewhere now (DNS rebinding).
    await assert.rejects(dial(address, { adapter, names, signal: GOING_ON }), refused(/loopback/));
    assert.deepEqual(answers.asked, ["localhost", "localhost"]);
    const first = forbidden.accept();
    using own = await Deno.connect({ hostname: "127.0.0.1", port });
    using accepted = await first;
    assert.deepEqual(accepted.remoteAddr, own.localAddr);
  });
}
