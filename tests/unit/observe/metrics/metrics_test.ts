import assert from "node:assert/strict";
import { Accounts, type UpstreamCounts } from "../../../../src/observe/counters/accounts.ts";
import {
  METRIC_FAMILIES,
  type MetricsSnapshot,
  renderMetrics,
} from "../../../../src/observe/metrics/metrics.ts";
import { exportMetrics } from "../../../../src/observe/telemetry/exported_metrics.ts";
import type { Observe } from "../../../../src/observe/telemetry/telemetry.ts";
import { OpenConnections } from "../../../../src/observe/counters/open_connections.ts";
import type { EndpointSnapshot, UpstreamSnapshot } from "../../../../src/observe/metrics/upstream_metrics.ts";
import { CountedLedger, openIn, UNTOUCHED } from "../counters/ledger_alone.ts";
import { parsePrometheus, type Sample } from "../../../support/prometheus_parser.ts";

const PROMTOOL = findPromtool();

const UPSTREAM_COUNTS: UpstreamCounts = {
  connectTime: { bounds: [1], counts: [5, 1], sum: 7 },
  poolHits: 10,
  poolMisses: 3,
  poolExpired: 4,
  poolLost: 5,
  poolShelved: 22,
  poolUnshelved: 20,
  queueWait: { bounds: [1], counts: [3, 4], sum: 9 },
  queueTimeouts: 6,
  queueRefused: 7,
  heldBegan: 9,
  heldEnded: 8,
};

/** An endpoint without health checks. */
const UNCHECKED = { admin: "up", tier: 0, active: 1, checks: new Map(), lastCheck: undefined } as const;

Deno.test("renderMetrics() writes the counts of services", () => {
  const { snapshot, ledgers } = fixture();
  const [web] = ledgers;
  const record = openIn(web);
  record.state = "connecting";
  record.state = "open";
  record.fromClient.add(10);
  record.fromUpstream.add(2000);
  for (const key of ["access_denied", "connection_limit", "access_denied"]) {
    using refused = openIn(web);
    refused.ended({ kind: "refused", key });
  }
  using closed = openIn(web);
  closed.ended({ kind: "closed", key: "idle_timeout" });
  web.acceptFailed(4);
  const metrics = parsePrometheus(renderMetrics(snapshot()));
  const of = (name: string) => metrics.get(name)?.samples.map(short);
  assert.deepEqual(of("sluice_connections_total"), ["web 5", "mail 0"]);
  assert.deepEqual(of("sluice_connections_active"), ["web 2", "mail 0"]);
  assert.deepEqual(of("sluice_connections_limit"), ["5000"]);
  assert.deepEqual(of("sluice_service_connections_limit"), ["web 100"]);
  assert.deepEqual(of("sluice_acme_renewals_total"), ["/acme/a.pem 2", "/acme/b.pem 0"]);
  assert.deepEqual(of("sluice_acme_failures_total"), ["/acme/a.pem 1", "/acme/b.pem 3"]);
  assert.deepEqual(of("sluice_acme_failing"), ["/acme/a.pem 0", "/acme/b.pem 3"]);
  assert.deepEqual(of("sluice_acme_next_attempt_timestamp_seconds"), ["/acme/a.pem 1800000000"]);
  assert.deepEqual(of("sluice_acme_last_success_timestamp_seconds"), ["/acme/a.pem 1700000000.5"]);
  assert.deepEqual(of("sluice_bytes_total"), [
    "web upload 10",
    "web download 2000",
    "mail upload 0",
    "mail download 0",
  ]);
  assert.deepEqual(of("sluice_connections_refused_total"), ["web access_denied 2", "web connection_limit 1"]);
  assert.deepEqual(of("sluice_connections_closed_total"), ["web idle_timeout 1"]);
  assert.equal(of("sluice_connections_failed_total"), undefined);
  assert.deepEqual(of("sluice_accept_errors_total"), ["web 4", "mail 0"]);
  assert.deepEqual(countsOf(metrics.get("sluice_connection_duration_seconds")!.samples), [1, 0]);
  assert.deepEqual(countsOf(metrics.get("sluice_first_byte_seconds")!.samples), [1, 0]);
  assert.deepEqual(of("sluice_tls_certificate_expiry_timestamp_seconds"), ["web /etc/web.pem 1900000000"]);
  assert.deepEqual(countsOf(metrics.get("sluice_tls_handshake_seconds")!.samples), [0]);
  assert.deepEqual(of("sluice_threads"), ["2"]);
  assert.deepEqual(of("sluice_build_info"), ["1.2.3 2.9.6 1"]);
  assert.deepEqual(of("process_start_time_seconds"), ["1700000000.5"]);
  assert.deepEqual(of("process_open_fds"), ["23"]);
  assert.deepEqual(of("process_max_fds"), ["1024"]);
  assert.deepEqual(of("sluice_thread_restarts_total"), ["1"]);
  assert.deepEqual(of("sluice_config_last_reload_successful"), ["0"]);
  assert.deepEqual(of("sluice_config_last_reload_success_timestamp_seconds"), ["1700000001"]);
  assert.deepEqual(of("sluice_log_lines_dropped_total"), ["program 0", "access 7"]);
});

Deno.test("renderMetrics() counts health checks by kind and result, of one address together", () => {
  const { snapshot } = fixture();
  const lastCheck = { outcome: "bad", cause: "connection refused", duration: 250, at: 0 } as const;
  const endpoint: EndpointSnapshot = {
    ...UNCHECKED,
    address: "10.0.0.1:5432",
    state: "down",
    counted: { connects: 0, failures: {} },
    checks: new Map([["http", { good: 1, bad: 2, skipped: 0 }]]),
    lastCheck,
  };
  const unchecked = { ...endpoint, ...UNCHECKED, address: "10.0.0.2:5432" };
  const twice = { ...endpoint, checks: new Map([["connect", { good: 0, bad: 0, skipped: 7 }]]) };
  const metrics = parsePrometheus(renderMetrics(snapshot([{
    name: "db",
    hasPool: false,
    queued: undefined,
    holds: false,
    counted: UPSTREAM_COUNTS,
    endpoints: [endpoint, unchecked, twice],
  }])));
  const of = (name: string) => metrics.get(name)?.samples.map(short);
  assert.deepEqual(of("sluice_health_checks_total"), [
    "db 10.0.0.1:5432 http good 1",
    "db 10.0.0.1:5432 http bad 2",
    "db 10.0.0.1:5432 http skipped 0",
    "db 10.0.0.1:5432 connect good 0",
    "db 10.0.0.1:5432 connect bad 0",
    "db 10.0.0.1:5432 connect skipped 7",
  ]);
  assert.deepEqual(of("sluice_health_check_seconds"), ["db 10.0.0.1:5432 0.25"]);
});

Deno.test("renderMetrics() writes the counts of upstreams", () => {
  const { snapshot } = fixture();
  const endpoint = { ...UNCHECKED, state: "up", counted: { connects: 5, failures: {} } } as const;
  const failing: EndpointSnapshot = {
    ...endpoint,
    address: "[::1]:5433",
    state: "ejected",
    tier: 2,
    counted: { connects: 5, failures: { connection_refused: 2, connect_timeout: 1 } },
  };
  const metrics = parsePrometheus(renderMetrics(snapshot([{
    name: "db",
    hasPool: true,
    queued: 2,
    holds: true,
    stuck: "[::1]:5433",
    counted: UPSTREAM_COUNTS,
    endpoints: [
      { ...endpoint, address: "10.0.0.1:5432" },
      failing,
      { ...endpoint, address: "10.0.0.2:5432", admin: "drain", counted: { connects: 0, failures: {} } },
    ],
  }])));
  const of = (name: string) => metrics.get(name)?.samples.map(short);
  const ofEach = (name: string) => of(name)?.map((sample) => Number(sample.split(" ").at(-1)));
  assert.deepEqual(of("sluice_endpoint_up"), ["db 10.0.0.1:5432 1", "db [::1]:5433 0", "db 10.0.0.2:5432 1"]);
  assert.deepEqual(ofEach("sluice_endpoint_enabled"), [1, 1, 0]);
  assert.deepEqual(ofEach("sluice_endpoint_tier"), [0, 2, 0]);
  assert.deepEqual(ofEach("sluice_endpoint_stuck"), [0, 1, 0]);
  assert.deepEqual(ofEach("sluice_endpoint_connections_active"), [1, 1, 1]);
  assert.deepEqual(ofEach("sluice_upstream_connects_total"), [5, 5, 0]);
  assert.deepEqual(of("sluice_upstream_failures_total"), [
    "db [::1]:5433 connection_refused 2",
    "db [::1]:5433 connect_timeout 1",
  ]);
  assert.deepEqual(countsOf(metrics.get("sluice_connect_seconds")!.samples), [6]);
  const pool = ["idle_connections", "hits_total", "misses_total", "expired_total", "lost_total"];
  assert.deepEqual(pool.map((name) => of(`sluice_pool_${name}`)), [
    ["db 2"],
    ["db 10"],
    ["db 3"],
    ["db 4"],
    ["db 5"],
  ]);
  assert.deepEqual(countsOf(metrics.get("sluice_queue_wait_seconds")!.samples), [7]);
  const waits = ["queue_length", "queue_timeouts_total", "queue_refused_total", "waiting_connections"];
  assert.deepEqual(waits.map((name) => of(`sluice_${name}`)), [["db 2"], ["db 6"], ["db 7"], ["db 1"]]);
});

Deno.test("renderMetrics() writes one series for an address that DNS returns twice", () => {
  const { snapshot } = fixture();
  const endpoint: EndpointSnapshot = {
    ...UNCHECKED,
    address: "10.0.0.1:5432",
    state: "down",
    tier: 3,
    counted: { connects: 5, failures: { connection_refused: 1, timed_out: 1 } },
  };
  const upstream: UpstreamSnapshot = {
    name: "db",
    hasPool: false,
    queued: undefined,
    holds: false,
    counted: UPSTREAM_COUNTS,
    endpoints: [
      endpoint,
      { ...endpoint, state: "unknown", tier: 1, counted: { connects: 5, failures: { timed_out: 2 } } },
    ],
  };
  const metrics = parsePrometheus(renderMetrics(snapshot([upstream])));
  const of = (name: string) => metrics.get(name)?.samples.map(short);
  assert.deepEqual(of("sluice_endpoint_up"), ["db 10.0.0.1:5432 1"]);
  assert.deepEqual(of("sluice_endpoint_tier"), ["db 10.0.0.1:5432 1"]);
  assert.equal(of("sluice_endpoint_stuck"), undefined);
  assert.deepEqual(of("sluice_upstream_connects_total"), ["db 10.0.0.1:5432 10"]);
  assert.deepEqual(of("sluice_upstream_failures_total"), [
    "db 10.0.0.1:5432 connection_refused 1",
    "db 10.0.0.1:5432 timed_out 3",
  ]);
  assert.equal(of("sluice_pool_hits_total"), undefined);
});

Deno.test("renderMetrics() writes no new series for ten thousand clients with their own server names", () => {
  const { snapshot, ledgers } = fixture();
  const visit = (random: () => string) => {
    using record = ledgers[0].open(
      { client: `${random()}:${random()}`, listener: "127.0.0.1:443" },
      UNTOUCHED,
    );
    record.peer = random();
    record.serverName = `${random()}.example`;
    record.alpn = random();
    record.clientSubject = `CN=${random()}`;
    record.fromClient.add(1);
    record.ended({ kind: "closed", key: "client_closed" });
  };
  visit(() => "first");
  const before = renderMetrics(snapshot());
  for (let client = 0; client < 10_000; client++) visit(() => crypto.randomUUID());
  const after = renderMetrics(snapshot());
  assert.deepEqual(seriesIn(after), seriesIn(before));
  assert.match(after, /^sluice_connections_total\{service="web"\} 10001$/m);
});

Deno.test("renderMetrics() writes one series for all unknown reasons", () => {
  const { snapshot, ledgers } = fixture();
  for (let client = 0; client < 100; client++) {
    using record = openIn(ledgers[0]);
    record.ended({ kind: "failed", key: crypto.randomUUID() });
  }
  const failed = parsePrometheus(renderMetrics(snapshot())).get("sluice_connections_failed_total");
  assert.deepEqual(failed?.samples.map(short), ["web other 100"]);
});

Deno.test("renderMetrics() writes no series without a limit, or if descriptors cannot be counted", () => {
  const { snapshot } = fixture();
  const whole = snapshot();
  const process = { ...whole.process, openDescriptors: undefined };
  const metrics = parsePrometheus(renderMetrics({ ...whole, connectionLimit: 0, process }));
  assert.ok(!metrics.has("sluice_connections_limit"));
  assert.ok(!metrics.has("process_open_fds"));
});

Deno.test({
  name: "renderMetrics() writes what promtool accepts (needs promtool)",
  ignore: PROMTOOL === undefined,
  fn: async () => {
    const { snapshot, ledgers } = fixture();
    using record = openIn(ledgers[0]);
    record.ended({ kind: "closed", key: "client_closed" });
    using refused = openIn(ledgers[0]);
    refused.ended({ kind: "refused", key: "access_denied" });
    using failed = openIn(ledgers[0]);
    failed.ended({ kind: "failed", key: "connect_timeout" });
    const text = renderMetrics(snapshot([{
      name: 'a "quoted" name',
      hasPool: true,
      queued: 0,
      holds: true,
      counted: UPSTREAM_COUNTS,
      endpoints: [{
        ...UNCHECKED,
        address: "unix:C:\\x",
        state: "up",
        counted: { connects: 5, failures: { connection_refused: 1 } },
      }],
    }]));
    assert.deepEqual(await promtool(text), { code: 0, said: "" });
    const spoiled = await promtool(`${text}sluice_threads three\n`);
    assert.notEqual(spoiled.code, 0);
  },
});

Deno.test("exportMetrics() observes what renderMetrics() writes", () => {
  const { snapshot } = fixture();
  const kinds: Record<string, string> = {};
  let observe: Observe | undefined;
  const create = (kind: string) => (name: string) => {
    kinds[name] = kind;
    return { name };
  };
  const meter = {
    createObservableCounter: create("counter"),
    createObservableGauge: create("gauge"),
    addBatchObservableCallback: (callback: Observe) => void (observe = callback),
    removeBatchObservableCallback: (callback: Observe) => {
      assert.equal(callback, observe);
      observe = undefined;
    },
  };
  const exported = exportMetrics(snapshot, { meterProvider: { getMeter: () => meter } })!;
  const observed: unknown[] = [];
  observe!({
    observe: (instrument, value, labels) =>
      observed.push([(instrument as { name: string }).name, labels, value]),
  });
  const written = [...parsePrometheus(renderMetrics(snapshot())).values()].flatMap(({ samples }) => samples);
  assert.ok(written.length > 100);
  assert.deepEqual(observed, written.map(({ name, labels, value }) => [name, labels, value]));
  assert.equal(kinds["sluice_connections_active"], "gauge");
  assert.equal(kinds["sluice_first_byte_seconds_bucket"], "counter");
  exported[Symbol.dispose]();
  assert.equal(observe, undefined);
});

Deno.test("METRIC_FAMILIES has unique names, and a sentence of help for each", () => {
  const families = Object.values(METRIC_FAMILIES).flat();
  assert.ok(families.length >= 25, `only ${families.length} metrics`);
  assert.equal(new Set(families.map(({ name }) => name)).size, families.length);
  for (const { name, type, help } of families) {
    assert.match(help, /^[A-Z0].*\.$/, name);
    assert.equal(name.endsWith("_total"), type === "counter", name);
  }
});

/** The input of metrics: two services, one of them with a limit and TLS. */
function fixture() {
  const accounts = new Accounts({ services: 2, upstreams: 0, endpoints: 0 });
  const connections = new OpenConnections();
  const ledger = (name: string) => new CountedLedger(name, { row: accounts.services.claim()!, connections });
  const ledgers = [ledger("web"), ledger("mail")] as const;
  const [web, mail] = ledgers;
  accounts.program.cells.eventLoopDelay.observe(0.003);
  const certificates = [{ path: "/etc/web.pem", expiresAt: 1_900_000_000_000 }];
  const snapshot = (upstreams: readonly UpstreamSnapshot[] = []): MetricsSnapshot => ({
    version: "1.2.3",
    deno: "2.9.6",
    threads: 2,
    threadRestarts: 1,
    process: {
      cpuSeconds: 1.25,
      residentBytes: 2 ** 26,
      startedAt: 1_700_000_000_500,
      openDescriptors: 23,
      maxDescriptors: 1024,
    },
    reload: { isGood: false, lastGoodAt: 1_700_000_001_000 },
    droppedLines: { program: 0, access: 7 },
    counted: accounts.program.figures(),
    connectionLimit: 5000,
    acme: [
      {
        file: "/acme/a.pem",
        issued: 2,
        failed: 1,
        failing: 0,
        nextAttempt: 1_800_000_000_000,
        lastSuccess: 1_700_000_000_500,
      },
      {
        file: "/acme/b.pem",
        issued: 0,
        failed: 3,
        failing: 3,
        nextAttempt: undefined,
        lastSuccess: undefined,
      },
    ],
    lists: [
      { kind: "addresses", path: "/etc/blocked.txt", entries: 70_000, isStale: false },
      { kind: "names", path: "/etc/names.txt", entries: 2, isStale: true },
    ],
    services: [
      {
        name: "web",
        counted: web.counted(),
        connectionLimit: 100,
        hasMirror: true,
        certificates,
        faults: [{ name: "slow", applied: 3 }],
      },
      {
        name: "mail",
        counted: mail.counted(),
        connectionLimit: 0,
        hasMirror: false,
        certificates: [],
        faults: [],
      },
    ],
    upstreams,
  });
  return { snapshot, ledgers };
}

function short({ labels, value }: Sample): string {
  return [...Object.values(labels), value].join(" ");
}

/** The number of values in each histogram of a family. */
function countsOf(samples: readonly Sample[]): number[] {
  return samples.filter(({ name }) => name.endsWith("_count")).map(({ value }) => value);
}

function seriesIn(text: string): string[] {
  return [...parsePrometheus(text).values()].flatMap(({ samples }) =>
    samples.map(({ name, labels }) => JSON.stringify([name, labels]))
  );
}

function findPromtool(): string | undefined {
  try {
    return new Deno.Command("promtool", { args: ["--version"] }).outputSync().success
      ? "promtool"
      : undefined;
  } catch {
    return undefined;
  }
}

async function promtool(text: string): Promise<{ code: number; said: string }> {
  const command = new Deno.Command(PROMTOOL!, {
    args: ["check", "metrics"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  const child = command.spawn();
  await new Blob([text]).stream().pipeTo(child.stdin);
  const { code, stdout, stderr } = await child.output();
  return { code, said: [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("") };
}
