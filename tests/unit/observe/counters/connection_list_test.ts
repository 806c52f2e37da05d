import assert from "node:assert/strict";
import fc from "fast-check";
import type {
  ConnectionPage as AdminPage,
  ConnectionQuery as AdminQuery,
} from "../../../../src/admin/views.ts";
import {
  type ConnectionPage,
  type ConnectionQuery,
  listConnections,
  mergeConnectionPages,
  queryOfEachThread,
  type SortKey,
} from "../../../../src/observe/counters/connection_list.ts";
import { type ConnectionRecord, ServiceLedger } from "../../../../src/observe/counters/ledger.ts";
import { newConnectionNumbers, OpenConnections } from "../../../../src/observe/counters/open_connections.ts";
import { Accounts } from "../../../../src/observe/counters/accounts.ts";
import { UNTOUCHED } from "./ledger_alone.ts";

const ALL: ConnectionQuery = { filter: "", sort: "id", isDescending: false, offset: 0, limit: 1000 };

Deno.test("listConnections() shows the known facts about a connection", () => {
  const { open, list } = fixture();
  const record = open("db");
  record.fromClient.add(3);
  record.fromUpstream.add(4);
  const [view] = list().connections;
  assert.ok(view);
  const { opened_at, age_ms, ...rest } = view;
  assert.deepEqual(rest, {
    id: 1,
    service: "db",
    state: "admitting",
    client: "198.51.100.9:4000",
    peer: null,
    listener: "127.0.0.1:5432",
    sni: null,
    alpn: null,
    tls_version: null,
    client_subject: null,
    upstream: null,
    endpoint: null,
    address: null,
    attempts: 0,
    faults: [],
    bytes: { upload: 3, download: 4 },
  });
  assert.equal(opened_at, new Date(record.openedAt).toISOString());
  assert.ok(Number.isInteger(age_ms) && age_ms >= 0);
  Object.assign(record, {
    state: "open",
    peer: "10.0.0.1:99",
    serverName: "db.example",
    alpn: "postgresql",
    tlsVersion: "TLSv1.3",
    clientSubject: "CN=alice",
    upstream: "databases",
    endpoint: "db.example:5432",
    address: "10.0.0.2:5432",
    attempts: 2,
  });
  const known = list().connections[0]!;
  assert.deepEqual(
    [known.state, known.peer, known.sni, known.alpn, known.tls_version, known.client_subject],
    ["open", "10.0.0.1:99", "db.example", "postgresql", "TLSv1.3", "CN=alice"],
  );
  assert.deepEqual(
    [known.upstream, known.endpoint, known.address, known.attempts],
    ["databases", "db.example:5432", "10.0.0.2:5432", 2],
  );
});

Deno.test("listConnections() filters by each name and address, literally and in any case", () => {
  const { open, list } = fixture();
  const found = (filter: string) => list({ filter }).connections.map(({ id }) => id);
  open("Orders", { client: "192.0.2.1:4000" });
  open("b", { peer: "10.9.8.7:1" });
  open("c", { serverName: "shop.example" });
  open("d", { upstream: "Databases" });
  open("e", { endpoint: "db-1.internal:5432", clientSubject: "CN=shop", alpn: "databases" });
  assert.deepEqual(found("ORDERS"), [1]);
  assert.deepEqual(found("192.0.2.1:4000"), [1]);
  assert.deepEqual(found("10.9"), [2]);
  assert.deepEqual(found("Shop"), [3]);
  assert.deepEqual(found("databases"), [4]);
  assert.deepEqual(found("db-1"), [5]);
  assert.deepEqual(found("nowhere"), []);
  assert.deepEqual(found("10.9.8.7.1"), []);
  for (const odd of [".*", "[", "(?:", "\\", "^d", "$"]) assert.deepEqual(found(odd), []);
  const { total, matching } = list({ filter: "shop" });
  assert.deepEqual({ total, matching }, { total: 5, matching: 1 });
});

Deno.test("listConnections() sorts by each key, and equal connections by their ids", () => {
  const { open, list } = fixture();
  const sorted = (sort: SortKey, isDescending = false) =>
    list({ sort, isDescending }).connections.map(({ id }) => id);
  open("b", { client: "192.0.2.3:1", endpoint: "y" }).fromClient.add(5);
  open("c", { client: "192.0.2.1:1", endpoint: "z" }).fromUpstream.add(7);
  open("a", { client: "192.0.2.2:1", endpoint: "z" }).fromClient.add(6);
  assert.deepEqual(sorted("id"), [1, 2, 3]);
  assert.deepEqual(sorted("id", true), [3, 2, 1]);
  assert.deepEqual(sorted("bytes"), [1, 3, 2]);
  assert.deepEqual(sorted("bytes", true), [2, 3, 1]);
  assert.deepEqual(sorted("client"), [2, 3, 1]);
  assert.deepEqual(sorted("service"), [3, 1, 2]);
  assert.deepEqual(sorted("endpoint"), [1, 2, 3]);
  assert.deepEqual(sorted("endpoint", true), [2, 3, 1]);
});

Deno.test("listConnections() gives the oldest connection the greatest age", () => {
  const { open, list } = fixture();
  const { now } = performance;
  let at = 0;
  performance.now = () => at;
  try {
    for (at = 0; at < 30; at += 10) open("db");
    const ids = (isDescending: boolean) =>
      list({ sort: "age", isDescending }).connections.map(({ id }) => id);
    assert.deepEqual(ids(false), [3, 2, 1]);
    assert.deepEqual(ids(true), [1, 2, 3]);
    assert.deepEqual(list().connections.map(({ age_ms }) => age_ms), [30, 20, 10]);
  } finally {
    performance.now = now;
  }
});

Deno.test("listConnections() gives pages that together are the whole list, for any query", () => {
  const { open, list } = fixture();
  for (let which = 0; which < 40; which++) {
    open(`s${which % 3}`, { client: `192.0.2.${which * 7 % 11}:1` }).fromClient.add(which * 13 % 17);
  }
  const query = fc.record({
    filter: fc.constantFrom("", "s1", "192.0.2.1", "nothing"),
    sort: fc.constantFrom<SortKey>("id", "bytes", "client", "service", "endpoint"),
    isDescending: fc.boolean(),
    size: fc.integer({ min: 1, max: 50 }),
  });
  fc.assert(fc.property(query, ({ size, ...query }) => {
    const whole = list(query);
    const ids: number[] = [];
    for (let offset = 0; offset < 60; offset += size) {
      const page = list({ ...query, offset, limit: size });
      assert.deepEqual([page.total, page.matching], [whole.total, whole.matching]);
      assert.ok(page.connections.length <= size);
      ids.push(...page.connections.map(({ id }) => id));
    }
    assert.deepEqual(ids, whole.connections.map(({ id }) => id));
    assert.equal(ids.length, whole.matching);
    assert.equal(new Set(ids).size, ids.length);
  }));
});

Deno.test("mergeConnectionPages() gives the page of one thread with all connections", () => {
  const { now } = performance;
  let at = 0;
  performance.now = () => at;
  const row = new Accounts({ services: 1, upstreams: 0, endpoints: 0 }).services.claim()!;
  const facts = fc.record({
    thread: fc.nat(3),
    age: fc.double({ min: 0, max: 3, noNaN: true }),
    service: fc.constantFrom("a", "b"),
    client: fc.constantFrom("192.0.2.1:1", "192.0.2.2:1", "[::1]:5"),
    endpoint: fc.constantFrom("", "x", "y"),
    upload: fc.nat(2),
    download: fc.nat(2),
  });
  const query = fc.record({
    filter: fc.constantFrom("", "a", "192", "nothing"),
    sort: fc.constantFrom<SortKey>("id", "age", "bytes", "client", "service", "endpoint"),
    isDescending: fc.boolean(),
    offset: fc.nat(12),
    limit: fc.integer({ min: 1, max: 12 }),
  });
  try {
    const memory = newConnectionNumbers(4);
    fc.assert(fc.property(fc.array(facts, { maxLength: 40 }), query, (all, query) => {
      const threads = [0, 1, 2, 3].map((thread) => new OpenConnections({ thread, threads: 4, memory }));
      const records = all.map(({ thread, age, service, client, endpoint, upload, download }) => {
        at = 1000 - age;
        const ledger = new ServiceLedger(service, { row, connections: threads[thread]! });
        const record = ledger.open({ client, listener: "" }, UNTOUCHED);
        record.endpoint = endpoint;
        record.fromClient.add(upload);
        record.fromUpstream.add(download);
        return record;
      });
      at = 1000;
      const pages = threads.map((connections) => {
        const page = listConnections(connections.all(), queryOfEachThread(query));
        // A copy, as from a message.
        return structuredClone(page);
      });
      assert.deepEqual(mergeConnectionPages(pages, query), listConnections(records, query));
    }));
  } finally {
    performance.now = now;
  }
});

Deno.test("listConnections() sorts by the ages that it shows, although ages change meanwhile", () => {
  const { open, list } = fixture();
  const { now } = performance;
  let at = 0;
  performance.now = () => at += 0.4;
  try {
    for (let which = 0; which < 50; which++) open("db");
    const ages = list({ sort: "age" }).connections.map(({ age_ms }) => age_ms);
    assert.deepEqual(ages, ages.toSorted((a, b) => a - b));
    assert.equal(ages.length, 50);
  } finally {
    performance.now = now;
  }
});

Deno.test("listConnections() returns the type that the admin interface needs", () => {
  const { open, list } = fixture();
  open("db");
  const query: AdminQuery = ALL;
  const page: AdminPage = list(query);
  const same: ConnectionPage = page;
  assert.equal(same.connections.length, 1);
});

function fixture() {
  const connections = new OpenConnections();
  const accounts = new Accounts({ services: 1, upstreams: 0, endpoints: 0 });
  const row = accounts.services.claim()!;
  const open = (service: string, { client, ...facts }: Partial<ConnectionRecord> = {}): ConnectionRecord => {
    const ledger = new ServiceLedger(service, { row, connections });
    return Object.assign(
      ledger.open({ client: client ?? "198.51.100.9:4000", listener: "127.0.0.1:5432" }, UNTOUCHED),
      facts,
    );
  };
  const list = (query: Partial<ConnectionQuery> = {}) =>
    listConnections(connections.all(), { ...ALL, ...query });
  return { open, list };
}
