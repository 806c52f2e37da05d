import assert from "node:assert/strict";
import { Accounts } from "../../../../src/observe/counters/accounts.ts";
import { countOf } from "../../../../src/observe/counters/columns.ts";
import { type ConnectionRecord } from "../../../../src/observe/counters/ledger.ts";
import { newConnectionNumbers, OpenConnections } from "../../../../src/observe/counters/open_connections.ts";
import { WorkerEpoch } from "../../../../src/shared/worker_epoch.ts";
import { CountedLedger, ledgerAlone, openIn } from "./ledger_alone.ts";

const SIZE = { services: 2, upstreams: 0, endpoints: 0 };

Deno.test("ServiceLedger.figures() changes while a connection lives, and keeps the counts afterwards", () => {
  const ledger = ledgerAlone("db");
  const record = openIn(ledger);
  record.fromClient.add(100);
  record.fromUpstream.add(2000);
  record.fromUpstream.add(1);
  const open = {
    name: "db",
    accepted: 1,
    active: 1,
    failed: 0,
    failedBy: {},
    refused: 0,
    refusedBy: {},
    closedBy: {},
    bytesFromClient: 100,
    bytesFromUpstream: 2001,
  };
  assert.deepEqual(ledger.figures(), open);
  assert.deepEqual([record.fromClient.bytes, record.fromUpstream.bytes], [100, 2001]);
  record.ended({ kind: "closed", key: "client_closed" });
  record[Symbol.dispose]();
  record[Symbol.dispose]();
  assert.deepEqual(ledger.figures(), { ...open, active: 0, closedBy: { client_closed: 1 } });
});

Deno.test("ServiceLedger counts every end by its reason, and durations of relayed connections only", () => {
  const ledger = ledgerAlone("db");
  const endings = [
    ["refused", "access_denied"],
    ["refused", "access_denied"],
    ["refused", "connection_limit"],
    ["failed", "connection_refused"],
    ["closed", "upstream_connection_reset"],
    ["closed", "idle_timeout"],
  ] as const;
  for (const [kind, key] of endings) {
    using record = openIn(ledger);
    record.ended({ kind, key });
  }
  const { accepted, active, refused, refusedBy, failed, failedBy, closedBy } = ledger.figures();
  assert.deepEqual({ accepted, active, refused, failed }, { accepted: 6, active: 0, refused: 3, failed: 1 });
  assert.deepEqual(refusedBy, { access_denied: 2, connection_limit: 1 });
  assert.deepEqual(failedBy, { connection_refused: 1 });
  assert.deepEqual(closedBy, { upstream_connection_reset: 1, idle_timeout: 1 });
  assert.equal(countOf(ledger.counted().duration), 2);
});

Deno.test("ServiceLedger.figures() has connections ended on purpose in failedBy, but not in failed", () => {
  const ledger = ledgerAlone();
  const keys = [
    "killed",
    "shutdown",
    "lifetime",
    "endpoint_down",
    "connect_timeout",
    "killed",
    "no such code",
  ];
  for (const key of keys) {
    using record = openIn(ledger);
    record.ended({ kind: "failed", key });
  }
  const { accepted, failed, failedBy } = ledger.figures();
  assert.deepEqual([accepted, failed], [7, 2]);
  assert.deepEqual(failedBy, {
    connect_timeout: 1,
    endpoint_down: 1,
    killed: 2,
    lifetime: 1,
    shutdown: 1,
    other: 1,
  });
});

Deno.test("ServiceLedger counts services separately, and the threads of a service together", async () => {
  const accounts = new Accounts(SIZE, new WorkerEpoch({ threads: 2 }));
  const elsewhere = new Accounts(SIZE, new WorkerEpoch({ thread: 1, threads: 2 }), accounts.memory);
  const rows = [accounts.services.claim()!, accounts.services.claim()!];
  const [connections, elsewhereConnections] = inThreads(2);
  const [a, b] = rows.map((row, index) => new CountedLedger(`s${index}`, { row, connections: connections! }));
  const bElsewhere = new CountedLedger("s1", {
    row: elsewhere.services.at(1),
    connections: elsewhereConnections!,
  });
  openIn(a!).fromClient.add(1);
  openIn(b!).fromClient.add(10);
  const there = openIn(bElsewhere);
  there.fromClient.add(100);
  assert.deepEqual([a, b].map((ledger) => ledger!.figures().bytesFromClient), [1, 110]);
  assert.deepEqual([a, b].map((ledger) => ledger!.figures().active), [1, 2]);
  there[Symbol.dispose]();
  await bElsewhere.drained();
  assert.equal(bElsewhere.figures().active, 1, "each thread waits for its own connections");
  b!.acceptFailed(3);
  assert.equal(bElsewhere.counted().acceptErrors, 3);
});

Deno.test("OpenConnections gives connections of all services and threads unique ids, and finds them by these", () => {
  const threads = inThreads(3);
  const accounts = new Accounts(SIZE);
  const row = accounts.services.claim()!;
  const records = threads.flatMap((connections) =>
    ["a", "b"].map((name) => openIn(new CountedLedger(name, { row, connections })))
  );
  const ids = records.map(({ id }) => id);
  assert.deepEqual(ids, [1, 4, 2, 5, 3, 6]);
  const [here] = threads;
  assert.equal(here!.find(4), records[1]);
  assert.equal(here!.find(2), undefined);
  assert.deepEqual(here!.all(), records.slice(0, 2));
  records[1]![Symbol.dispose]();
  assert.equal(here!.find(4), undefined);
  assert.equal(here!.all().length, 1);
});

Deno.test("OpenConnections of a restarted thread continues the ids of its predecessor", () => {
  const memory = newConnectionNumbers(2);
  const start = (thread: number) => new OpenConnections({ thread, threads: 2, memory });
  const [first, other] = [start(0), start(1)];
  assert.deepEqual([first.ids.next(), first.ids.next(), other.ids.next()], [1, 3, 2]);
  assert.deepEqual([start(0).ids.next(), other.ids.next()], [5, 4]);
});

Deno.test("ServiceLedger.drained() waits for the last connection", async () => {
  const ledger = ledgerAlone("db");
  await ledger.drained();
  const aborted: string[] = [];
  const records: ConnectionRecord[] = [1, 2].map((which) =>
    ledger.open({ client: `192.0.2.1:${which}`, listener: "" }, {
      abort: (code) => void aborted.push(`${which} ${code}`),
    })
  );
  const order: string[] = [];
  const waits = ["first", "second"].map((name) => ledger.drained().then(() => order.push(name)));
  for (const record of records) record.abort("shutdown");
  records[0]!.abort("killed");
  assert.deepEqual(aborted, ["1 shutdown", "2 shutdown", "1 killed"]);
  records[0]![Symbol.dispose]();
  await Promise.resolve();
  assert.deepEqual([order, ledger.figures().active], [[], 1]);
  records[1]![Symbol.dispose]();
  await Promise.all(waits);
  assert.deepEqual([order, ledger.figures().active], [["first", "second"], 0]);
});

Deno.test("OpenConnections.all() lets connections end while all are aborted, also in another service", () => {
  const accounts = new Accounts({ services: 2, upstreams: 0, endpoints: 0 });
  const connections = new OpenConnections();
  const ledgers = ["db", "web"].map((name) =>
    new CountedLedger(name, { row: accounts.services.claim()!, connections })
  );
  let ended = 0;
  for (const ledger of [...ledgers, ...ledgers]) {
    const record: ConnectionRecord = ledger.open({ client: "", listener: "" }, {
      abort() {
        ended += 1;
        record[Symbol.dispose]();
      },
    });
  }
  for (const record of connections.all()) record.abort("shutdown");
  assert.deepEqual([ended, ...ledgers.map((ledger) => ledger.figures().active)], [4, 0, 0]);
});

Deno.test("ConnectionRecord times the steps of a connection", () => {
  const clock = fakeClock();
  try {
    const ledger = ledgerAlone("db");
    const record = openIn(ledger);
    assert.deepEqual([record.state, record.openedAt], ["admitting", clock.epoch]);
    clock.pass(1);
    record.state = "handshake";
    clock.pass(20);
    record.state = "connecting";
    assert.equal(record.connectTime, undefined);
    clock.pass(300);
    record.state = "open";
    assert.equal(record.connectTime, 300);
    clock.pass(4000);
    assert.deepEqual([record.age, record.stateAge], [4321, 4000]);
    record.ended({ kind: "closed", key: "client_closed" });
    const { tlsHandshake, duration } = ledger.counted();
    assert.deepEqual([countOf(tlsHandshake), tlsHandshake.sum], [1, 0.02]);
    assert.deepEqual([countOf(duration), duration.sum], [1, 4.321]);
    record[Symbol.dispose]();
  } finally {
    clock.restore();
  }
});

Deno.test("ConnectionRecord times waits apart from the connect", () => {
  const clock = fakeClock();
  try {
    using record = openIn(ledgerAlone("db"));
    for (
      const [state, time] of [["connecting", 1], ["waiting", 20], ["connecting", 3], ["queued", 400]] as const
    ) {
      record.state = state;
      clock.pass(time);
    }
    assert.equal(record.waitTime, 20);
    record.state = "connecting";
    clock.pass(5);
    assert.deepEqual([record.waitTime, record.connectTime], [420, undefined]);
    record.state = "open";
    assert.deepEqual([record.waitTime, record.connectTime], [420, 9]);
  } finally {
    clock.restore();
  }
});

Deno.test("ConnectionRecord times neither a failed handshake nor a connection without an upstream", () => {
  const ledger = ledgerAlone("db");
  const [shaking, connecting] = [openIn(ledger), openIn(ledger)];
  shaking.state = "handshake";
  connecting.state = "connecting";
  for (const record of [shaking, connecting]) record[Symbol.dispose]();
  assert.equal(countOf(ledger.counted().tlsHandshake), 0);
  assert.equal(connecting.connectTime, undefined);
});

for (
  const { how, before, after, expected } of [
    { how: "speaks first", before: 0, after: 50, expected: 50 },
    { how: "is spoken to", before: 5000, after: 50, expected: 50 },
  ]
) {
  Deno.test(`an upstream that ${how} is timed from when it could first answer`, () => {
    const clock = fakeClock();
    try {
      const ledger = ledgerAlone("db");
      const record = openIn(ledger);
      clock.pass(3);
      record.state = "connecting";
      clock.pass(4);
      record.state = "open";
      assert.deepEqual([record.firstByteFromClient, record.firstByteFromUpstream], [undefined, undefined]);
      clock.pass(before);
      if (before > 0) record.fromClient.add(1);
      clock.pass(after);
      record.fromUpstream.add(1);
      clock.pass(1000);
      record.fromUpstream.add(1);
      if (before === 0) record.fromClient.add(1);
      assert.equal(record.firstByteFromUpstream, 7 + before + after);
      assert.equal(record.firstByteFromClient, before > 0 ? 7 + before : 7 + after + 1000);
      const { firstByte } = ledger.counted();
      assert.deepEqual([countOf(firstByte), firstByte.sum], [1, expected / 1000]);
    } finally {
      clock.restore();
    }
  });
}

/** A clock that the test moves. */
function fakeClock() {
  const { now } = performance;
  const { now: dateNow } = Date;
  const epoch = 1_700_000_000_000;
  let at = 0;
  performance.now = () => at;
  Date.now = () => epoch + at;
  return {
    epoch,
    pass: (ms: number) => void (at += ms),
    restore() {
      performance.now = now;
      Date.now = dateNow;
    },
  };
}

function inThreads(threads: number): OpenConnections[] {
  const memory = newConnectionNumbers(threads);
  return Array.from({ length: threads }, (_, thread) => new OpenConnections({ thread, threads, memory }));
}
