import assert from "node:assert/strict";
import fc from "fast-check";
import { type ClientLimits, ClientTable } from "../../../src/shared/client_table.ts";
import { SharedLock } from "../../../src/shared/shared_lock.ts";
import { type ClientKey, clientKeyOf } from "../../../src/wire/ip/client_key.ts";
import { ClientTableModel } from "./client_table_model.ts";
import { WorkerEpoch } from "../../../src/shared/worker_epoch.ts";

const START = Date.UTC(2030, 0, 1);
const HOUR = 3_600_000;

Deno.test("ClientTable.enter() limits the connections of each client", () => {
  const table = new ClientTable(10, { connections: 2, rate: undefined });
  for (const client of [key("192.0.2.1"), key("192.0.2.2"), key("2001:db8::1"), key("::1"), key("0.0.0.0")]) {
    assert.deepEqual(times(3, () => table.enter(client)), ["ok", "ok", "too_many"]);
    table.leave(client);
    assert.deepEqual(times(2, () => table.enter(client)), ["ok", "too_many"]);
  }
});

Deno.test("ClientTable counts without limits", () => {
  const table = new ClientTable(1, { connections: 0, rate: undefined });
  const client = key("192.0.2.1");
  for (let entered = 0; entered < 10_000; entered++) assert.equal(table.enter(client), "ok");
  for (let left = 0; left < 10_000; left++) table.leave(client);
  assert.throws(() => table.leave(client), RangeError);
});

Deno.test("ClientTable.enter() limits the rate of each client", () => {
  const clock = { now: START };
  const table = tableOf(10, { connections: 0, rate: { rate: 2, burst: 3 } }, clock);
  const clients = [key("192.0.2.1"), key("192.0.2.2")];
  for (const client of clients) {
    assert.deepEqual(times(4, () => table.enter(client)), ["ok", "ok", "ok", "too_fast"]);
    for (let left = 0; left < 3; left++) table.leave(client);
    assert.equal(table.enter(client), "too_fast");
  }
  clock.now += 500;
  for (const client of clients) assert.deepEqual(times(2, () => table.enter(client)), ["ok", "too_fast"]);
});

Deno.test("ClientTable.enter() spends nothing of one limit when the other refuses", () => {
  const clock = { now: START };
  const table = tableOf(10, { connections: 1, rate: { rate: 1, burst: 2 } }, clock);
  const client = key("192.0.2.1");
  assert.deepEqual(times(9, () => table.enter(client)), ["ok", ...times(8, () => "too_many")]);
  table.leave(client);
  assert.equal(table.enter(client), "ok");
  table.leave(client);
  assert.deepEqual(times(9, () => table.enter(client)), times(9, () => "too_fast"));
  clock.now += 1000;
  assert.equal(table.enter(client), "ok");
});

Deno.test("ClientTable.refund() restores the rate of the client, and of no other", () => {
  const clock = { now: START };
  const table = tableOf(10, { connections: 2, rate: { rate: 1, burst: 3 } }, clock);
  const [one, two] = [key("192.0.2.1"), key("192.0.2.2")];
  for (let tries = 0; tries < 50; tries++) {
    assert.equal(table.enter(one), "ok");
    clock.now += tries % 7;
    table.refund(one);
  }
  assert.throws(() => table.refund(one), RangeError);
  assert.equal(table.enter(two), "ok");
  for (const client of [one, two]) assert.equal(table.enter(client), "ok");
  table.refund(one);
  for (const _ of [1, 2, 3]) {
    assert.equal(table.enter(one), "ok");
    table.leave(one);
  }
  assert.equal(table.enter(one), "too_fast");
});

Deno.test("ClientTable works while its rate changes, in threads with the new rate and with the old one", () => {
  const rates = fc.record({
    rate: fc.constantFrom(0.5, 1, 3, 7, 20, 100),
    burst: fc.integer({ min: 1, max: 9 }),
  });
  fc.assert(fc.property(fc.option(rates, { nil: undefined }), rates, (before, after) => {
    const clock = { now: START };
    const epoch = new WorkerEpoch({ threads: 2 });
    const old = new ClientTable(50, { connections: 0, rate: before }, { epoch, now: () => clock.now });
    const clients = Array.from({ length: 50 }, (_, host) => key(addressOf(host)));
    for (const client of clients) old.enter(client);
    for (const client of clients) old.leave(client);
    // All clients have recovered their rate.
    clock.now += 2000;
    const place = { memory: old.memory, epoch: new WorkerEpoch(epoch.startOf(1)), now: () => clock.now };
    const table = new ClientTable(50, { connections: 0, rate: after }, place);
    const others = Array.from({ length: 50 }, (_, host) => key(addressOf(1000 + host)));
    for (const client of [...clients.slice(0, 25), ...others.slice(0, 25)]) {
      assert.deepEqual(times(after.burst + 1, () => table.enter(client)), [
        ...times(after.burst, () => "ok"),
        "too_fast",
      ]);
      if (before === undefined) continue;
      // A thread that does not know the new rate yet sees the same use of it.
      const seen = times(before.burst, () => old.enter(client)).filter((answer) => answer === "ok").length;
      assert.ok(seen < before.burst || after.burst / after.rate < 1 / before.rate + 1e-9, `${seen}`);
    }
  }));
});

Deno.test("ClientTable keeps what a client has spent when its rate changes, up to the new burst", () => {
  const clock = { now: START };
  const old = tableOf(1, { connections: 0, rate: { rate: 1, burst: 5 } }, clock);
  const client = key("192.0.2.1");
  assert.deepEqual(times(6, () => old.enter(client)), [...times(5, () => "ok"), "too_fast"]);
  const place = { memory: old.memory, now: () => clock.now };
  const table = new ClientTable(1, { connections: 0, rate: { rate: 10, burst: 3 } }, place);
  assert.equal(table.enter(client), "too_fast");
  clock.now += 100;
  assert.deepEqual(times(2, () => table.enter(client)), ["ok", "too_fast"]);
});

Deno.test("ClientTable charges a client nothing for the previous one in its place, also after the rate has changed", () => {
  const clock = { now: START };
  const limits: ClientLimits = { connections: 0, rate: { rate: 1, burst: 3 } };
  const before = tableOf(1, limits, clock);
  const [one, two, three] = [1, 2, 3].map((host) => key(`192.0.2.${host}`));
  for (const client of [one!, two!]) {
    for (const _ of [1, 2, 3]) assert.equal(before.enter(client), "ok");
    for (const _ of [1, 2, 3]) before.leave(client);
  }
  assert.equal(before.enter(three!), "table_full");
  const { memory } = before;
  const without = new ClientTable(1, { connections: 0, rate: undefined }, { memory });
  assert.equal(without.enter(three!), "ok");
  const after = new ClientTable(1, limits, { memory, now: () => clock.now });
  assert.deepEqual(times(4, () => after.enter(three!)), ["ok", "ok", "ok", "too_fast"]);
});

Deno.test("ClientTable.leave() throws for a client with nothing open", () => {
  const table = new ClientTable(10, { connections: 1, rate: undefined });
  const error = {
    name: "RangeError",
    message: "Cannot count a connection less: the client has none open",
  };
  assert.throws(() => table.leave(key("192.0.2.1")), error);
  table.enter(key("192.0.2.1"));
  assert.throws(() => table.leave(key("192.0.2.2")), error);
  table.leave(key("192.0.2.1"));
  assert.throws(() => table.leave(key("192.0.2.1")), error);
  assert.deepEqual(times(2, () => table.enter(key("192.0.2.1"))), ["ok", "too_many"]);
});

Deno.test("ClientTable.enter() refuses new clients while all places are busy", () => {
  const table = new ClientTable(2, { connections: 2, rate: undefined });
  const [one, two, three, four, five] = [1, 2, 3, 4, 5].map((host) => key(`192.0.2.${host}`));
  assert.deepEqual([one, two, three, four].map((client) => table.enter(client!)), times(4, () => "ok"));
  assert.equal(table.enter(five!), "table_full");
  assert.throws(() => table.leave(five!), RangeError);
  assert.equal(table.enter(three!), "ok");
  table.leave(three!);
  assert.equal(table.enter(five!), "table_full");
  table.leave(three!);
  assert.equal(table.enter(five!), "ok");
  assert.equal(table.enter(three!), "table_full");
  for (const client of [one, two, four, five]) {
    assert.deepEqual(times(2, () => table.enter(client!)), ["ok", "too_many"]);
  }
});

Deno.test("ClientTable keeps the place of a client until its rate has recovered", () => {
  const clock = { now: START };
  const table = tableOf(1, { connections: 0, rate: { rate: 1, burst: 2 } }, clock);
  const [one, two, three] = [1, 2, 3].map((host) => key(`192.0.2.${host}`));
  for (const client of [one!, one!, two!]) {
    assert.equal(table.enter(client), "ok");
    table.leave(client);
  }
  clock.now += 999;
  assert.equal(table.enter(three!), "table_full");
  clock.now += 1;
  assert.deepEqual(times(3, () => table.enter(three!)), ["ok", "ok", "too_fast"]);
  assert.deepEqual(times(2, () => table.enter(one!)), ["ok", "too_fast"]);
  assert.equal(table.enter(two!), "table_full");
});

Deno.test("ClientTable.enter() locks no client out when the clock is set back", () => {
  const clock = { now: START };
  const table = tableOf(1, { connections: 0, rate: { rate: 1, burst: 3 } }, clock);
  const [one, two, three] = [1, 2, 3].map((host) => key(`192.0.2.${host}`));
  for (const client of [one!, two!]) {
    assert.equal(table.enter(client), "ok");
    table.leave(client);
  }
  clock.now -= HOUR;
  assert.deepEqual([table.enter(one!), table.enter(three!)], ["too_fast", "table_full"]);
  clock.now += 1000;
  assert.deepEqual(times(2, () => table.enter(one!)), ["ok", "too_fast"]);
  clock.now += 2000;
  assert.equal(table.enter(three!), "ok");
});

Deno.test("ClientTable is one table for all that share its memory", () => {
  const limits = { connections: 2, rate: undefined };
  const table = new ClientTable(1, limits);
  const other = new ClientTable(1, limits, { memory: table.memory });
  const client = key("192.0.2.1");
  assert.deepEqual([table.enter(client), other.enter(client), table.enter(client)], ["ok", "ok", "too_many"]);
  other.leave(client);
  other.leave(client);
  assert.throws(() => table.leave(client), RangeError);
});

Deno.test("ClientTable answers as a map with a token bucket for each client (property)", () => {
  const step = fc.record({
    client: fc.nat(7),
    pause: fc.oneof(fc.constant(0), fc.nat(700)),
    thread: fc.nat(2),
    does: fc.constantFrom("enter", "enter", "enter", "leave", "leave", "leave", "reclaim"),
  });
  const limits = fc.record({
    connections: fc.nat(3),
    rate: fc.option(
      fc.record({ rate: fc.integer({ min: 1, max: 20 }), burst: fc.integer({ min: 1, max: 4 }) }),
      {
        nil: undefined,
      },
    ),
  });
  const steps = fc.array(step, { minLength: 20, maxLength: 200 });
  fc.assert(fc.property(fc.integer({ min: 1, max: 4 }), limits, steps, (capacity, limits, steps) => {
    const clock = { now: START };
    const epoch = new WorkerEpoch({ threads: 3 });
    const { memory } = new ClientTable(capacity, limits, { epoch });
    const start = (thread: number) =>
      new ClientTable(capacity, limits, {
        epoch: new WorkerEpoch(epoch.startOf(thread)),
        memory,
        now: () => clock.now,
      });
    const tables = [0, 1, 2].map(start);
    const model = new ClientTableModel(2 * capacity, limits);
    for (const { client, pause, thread, does } of steps) {
      clock.now += pause;
      model.pass(pause);
      const address = addressOf(client);
      const table = tables[thread]!;
      if (does === "reclaim") {
        epoch.end(thread);
        tables[(thread + 1) % 3]!.reclaimWorker(thread);
        model.reclaimWorker(thread);
        assert.equal(table.enter(key(address)), "table_full");
        table.leave(key(address));
        tables[thread] = start(thread);
      } else if (does === "enter") assert.equal(table.enter(key(address)), model.enter(address, thread));
      else if (model.leave(address, thread)) table.leave(key(address));
      else assert.throws(() => table.leave(key(address)), RangeError);
    }
  }));
});

Deno.test("ClientTable for a thousand clients counts right while ten thousand come and go", () => {
  const clock = { now: START };
  const limits = { connections: 3, rate: { rate: 1000, burst: 10 } };
  const table = tableOf(1000, limits, clock);
  const random = randomNumbers(1);
  /** The clients of open connections, once for each. */
  const held: string[] = [];
  const openOf = (address: string) => held.filter((other) => other === address).length;
  const answers = { ok: 0, too_many: 0, too_fast: 0, table_full: 0 };
  for (let round = 0; round < 20_000; round++) {
    clock.now += 1;
    const address = held.length > 0 && random(4) === 0
      ? held[random(held.length)]!
      : addressOf(random(10_000));
    const answer = table.enter(key(address));
    answers[answer] += 1;
    assert.equal(answer, openOf(address) < limits.connections ? "ok" : "too_many");
    if (answer === "ok" && held.length < 1000) held.push(address);
    else if (answer === "ok") table.leave(key(address));
    if (random(4) === 0) {
      const [leaving] = held.splice(random(held.length), 1);
      table.leave(key(leaving!));
    }
  }
  assert.ok(held.length > 900 && answers.ok > 10_000 && answers.too_many > 100, JSON.stringify(answers));
  for (const address of held) table.leave(key(address));
  for (const address of held) assert.throws(() => table.leave(key(address)), RangeError);
});

Deno.test("ClientTable has a place for as many clients as its size", () => {
  const table = new ClientTable(20_000, { connections: 1, rate: undefined });
  for (let host = 0; host < 20_000; host++) {
    assert.equal(table.enter(key(addressOf(host))), "ok");
  }
  for (let host = 0; host < 20_000; host++) {
    assert.equal(table.enter(key(addressOf(host))), "too_many");
  }
});

Deno.test("ClientTable that is many times too small refuses clients and keeps its counts", () => {
  const table = new ClientTable(100, { connections: 1, rate: undefined });
  const clients = Array.from({ length: 5000 }, (_, host) => key(addressOf(host)));
  const held = clients.filter((client) => table.enter(client) === "ok");
  assert.ok(held.length > 150 && held.length <= 200, `${held.length}`);
  for (const client of held) assert.equal(table.enter(client), "too_many");
  for (const client of held) table.leave(client);
  for (const client of clients) assert.throws(() => table.leave(client), RangeError);
});

Deno.test("ClientTable.reclaimWorker() takes a dead worker's connections off all clients, and frees their places", () => {
  const epoch = new WorkerEpoch({ threads: 3 });
  const limits = { connections: 3, rate: undefined };
  const first = new ClientTable(2000, limits, { epoch });
  const start = (thread: number) =>
    new ClientTable(2000, limits, { epoch: new WorkerEpoch(epoch.startOf(thread)), memory: first.memory });
  const tables = [first, start(1), start(2)];
  const clients = Array.from({ length: 2000 }, (_, host) => key(addressOf(host)));
  for (const client of clients) {
    assert.deepEqual(tables.map((table) => table.enter(client)), ["ok", "ok", "ok"]);
  }
  epoch.end(1);
  first.reclaimWorker(1);
  for (const client of clients) {
    assert.deepEqual(times(2, () => first.enter(client)), ["ok", "too_many"]);
    first.leave(client);
    first.leave(client);
    tables[2]!.leave(client);
  }
  const next = start(1);
  for (const client of clients) {
    assert.throws(() => next.leave(client), RangeError);
    assert.deepEqual(times(4, () => next.enter(client)), ["ok", "ok", "ok", "too_many"]);
  }
  epoch.end(1);
  first.reclaimWorker(1);
  const others = Array.from({ length: 2000 }, (_, host) => key(addressOf(4000 + host)));
  for (const client of others) assert.equal(first.enter(client), "ok");
});

Deno.test("ClientTable works on after a thread has died with its lock", () => {
  const table = new ClientTable(1, { connections: 1, rate: undefined });
  const client = key("192.0.2.1");
  table.enter(client);
  new SharedLock(new Int32Array(table.memory), 0).acquire();
  assert.equal(table.enter(client), "too_many");
  table.leave(client);
  assert.equal(table.enter(client), "ok");
});

function key(address: string): ClientKey {
  const client = clientKeyOf(address);
  assert.ok(client);
  return client;
}

/** Half of the clients have IPv4, half IPv6. */
function addressOf(client: number): string {
  return client % 2 === 0 ? `10.0.${client >> 8}.${client & 255}` : `2001:db8:0:${client.toString(16)}::1`;
}

function tableOf(capacity: number, limits: ClientLimits, clock: { now: number }): ClientTable {
  return new ClientTable(capacity, limits, { now: () => clock.now });
}

function times<Value>(count: number, make: () => Value): Value[] {
  return Array.from({ length: count }, make);
}

/** Whole numbers from 0 up to a bound, the same every time (a linear congruential generator). */
function randomNumbers(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * bound);
  };
}
