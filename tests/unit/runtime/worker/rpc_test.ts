import assert from "node:assert/strict";
import { invoke, type Posted, Rpc, type RpcMessage } from "../../../../src/runtime/worker/rpc.ts";

interface Shop {
  buy(what: string, count: number): Promise<number>;
  close(): Promise<void>;
  ring(times: number): void;
}

const SHOP: Posted<Shop> = { ring: true };

interface Street {
  shout(word: string): void;
}

Deno.test("Rpc carries calls with their arguments to the other side, and its answers back", async () => {
  const { remote, calls } = fixture();
  assert.equal(await remote.buy("nails", 12), 12);
  assert.equal(await remote.close(), undefined);
  assert.deepEqual(calls, [["buy", "nails", 12], ["close"]]);
});

Deno.test("Rpc gives each of several pending calls its own answer", async () => {
  const { remote, shop } = fixture();
  const slow = Promise.withResolvers<number>();
  shop.buy = (what) => what === "slow" ? slow.promise : Promise.resolve(2);
  const first = remote.buy("slow", 0);
  assert.equal(await remote.buy("fast", 0), 2);
  slow.resolve(1);
  assert.equal(await first, 1);
});

Deno.test("Rpc rejects a call with the message of the other side's error, and answers the next one", async () => {
  const { remote, shop } = fixture();
  const { buy } = shop;
  shop.buy = () => Promise.reject(new RangeError("sold out"));
  await assert.rejects(remote.buy("nails", 1), { name: "Error", message: "sold out" });
  shop.buy = () => Promise.reject("closed").then(() => 0);
  await assert.rejects(remote.buy("nails", 1), { name: "Error", message: "closed" });
  shop.buy = buy;
  assert.equal(await remote.buy("nails", 3), 3);
});

Deno.test("Rpc sends one message for a call without an answer", () => {
  const { remote, calls, sent } = fixture();
  assert.equal(remote.ring(3), undefined);
  assert.deepEqual(calls, [["ring", 3]]);
  assert.deepEqual(sent, [{ call: "ring", args: [3], id: undefined }]);
});

Deno.test("Rpc.receive() rejects with what a call without an answer throws, and sends nothing", async () => {
  const sent: RpcMessage[] = [];
  const rpc = new Rpc<Shop, Street>({ shout: true }, (message) => sent.push(message));
  const shop = { ...new Counter([]), ring: () => assert.fail("broken bell") } as unknown as Shop;
  await assert.rejects(rpc.receive({ call: "ring", args: [1], id: undefined }, shop), /broken bell/);
  assert.deepEqual(sent, []);
});

Deno.test("Rpc calls work in both directions", () => {
  const { street, shouted } = fixture();
  street.shout("fire");
  assert.deepEqual(shouted, ["fire"]);
});

Deno.test("Rpc.end() rejects pending and later calls with its error, and sends nothing more", async () => {
  const { client, remote, shop, sent } = fixture();
  const slow = Promise.withResolvers<number>();
  shop.buy = () => slow.promise;
  const pending = [remote.buy("a", 1), remote.buy("b", 2)].map((call) => assert.rejects(call, /has ended/));
  const count = sent.length;
  client.end(new Error("The thread has ended"));
  await Promise.all(pending);
  await assert.rejects(remote.close(), /has ended/);
  remote.ring(1);
  assert.equal(sent.length, count);
  // A late answer matches no pending call.
  slow.resolve(1);
  await new Promise((resolve) => setTimeout(resolve));
});

Deno.test("Rpc ignores an answer to a call that is not pending", async () => {
  const rpc = new Rpc<Street, Shop>(SHOP, () => {});
  const street = { shout: () => assert.fail() };
  await rpc.receive({ answer: 7, value: 1 }, street);
  await rpc.receive({ failure: 7, message: "late" }, street);
});

Deno.test("invoke() calls a method on its object", () => {
  const calls: unknown[][] = [];
  invoke(new Counter(calls), "ring", [2]);
  assert.deepEqual(calls, [["ring", 2]]);
});

/** Records its calls in a private field, which only a call on the object itself reaches. */
class Counter implements Shop {
  readonly #calls: unknown[][];

  constructor(calls: unknown[][]) {
    this.#calls = calls;
  }

  buy(what: string, count: number): Promise<number> {
    this.#calls.push(["buy", what, count]);
    return Promise.resolve(count);
  }

  close(): Promise<void> {
    this.#calls.push(["close"]);
    return Promise.resolve();
  }

  ring(times: number): void {
    this.#calls.push(["ring", times]);
  }
}

/** Both sides, with their messages cloned as between isolates. */
function fixture() {
  const sent: RpcMessage[] = [];
  const calls: unknown[][] = [];
  const shouted: string[] = [];
  const shop = new Counter(calls) as Shop;
  const client: Rpc<Street, Shop> = new Rpc<Street, Shop>(SHOP, (message) => {
    sent.push(structuredClone(message));
    void server.receive(structuredClone(message), shop);
  });
  const server: Rpc<Shop, Street> = new Rpc<Shop, Street>({ shout: true }, (message) => {
    void client.receive(structuredClone(message), { shout: (word) => void shouted.push(word) });
  });
  return { client, remote: client.remote, street: server.remote, shop, calls, sent, shouted };
}
