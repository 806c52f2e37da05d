/** The commands that talk to a running proxy, against an admin interface with made up figures. */

import assert from "node:assert/strict";
import { aDiscovery, anUpstream, aService, FakeAdmin } from "../../../support/peers/fake_admin.ts";
import { type Finished, runSluice } from "../../../support/program/program.ts";

/** Runs a command on a fake proxy. */
function ask(fake: FakeAdmin, ...args: string[]): Promise<Finished> {
  return runSluice([...args, "--admin", fake.address]);
}

Deno.test("sluice status prints the program, its services and its upstreams", async () => {
  await using fake = await FakeAdmin.start();
  const { code, stdout, stderr } = await ask(fake, "status");
  assert.equal(stderr, "");
  assert.equal(code, 0);
  const [program, state, ...tables] = stdout.trimEnd().split("\n");
  assert.match(program!, /^sluice 1\.2\.3 \(deno 2\.9\.6\), pid 4711, 1 thread, started \d+d\d\dh ago$/);
  assert.equal(state, "running, ready, 3/10000 connections open");
  assert.deepEqual(tables, [
    "",
    "SERVICE  STATE       OPEN  TOTAL  FAILED  REFUSED   UPLOAD  DOWNLOAD  LISTEN",
    "mysql    listening  3/100    120       4        5  2.0 KiB   3.0 MiB  127.0.0.1:3306",
    "redis    listening  3/100    120       4        5  2.0 KiB   3.0 MiB  127.0.0.1:3306",
    "",
    "UPSTREAM  ENDPOINT       STATE  OPEN  CONNECTS  FAILURES  WEIGHT  TIER",
    "db        10.0.0.1:3306  up        2        60         0       1     0",
    "db        10.0.0.2:3306  down      2        60         7       1     0",
    "cache     10.0.0.1:3306  up        2        60         0       1     0",
    "cache     10.0.0.2:3306  down      2        60         7       1     0",
  ]);
});

Deno.test("sluice status prints certificates and why the program is not ready, and escapes control characters in names", async () => {
  await using fake = await FakeAdmin.start();
  const certificate = { route: null, subject: "CN=db", names: [], expires_at: "2020-05-01T00:00:00.000Z" };
  fake.serviceViews = [aService("\x1b[2Jmysql", { tls: { certificates: [certificate], crls: [] } })];
  fake.statusView = { ...fake.statusView, state: "draining", ready: false, not_ready: ["draining"] };
  const { stdout } = await ask(fake, "status");
  assert.match(stdout, /\ndraining, not ready \(draining\), 3\/10000 connections open\n/);
  assert.match(stdout, /\n\ufffd\[2Jmysql +CN=db +2020-05-01 +EXPIRED\n/);
  assert.ok(!stdout.includes("\x1b"));
});

Deno.test("sluice status prints where endpoints come from, when their source last answered, and why it does not", async () => {
  await using fake = await FakeAdmin.start();
  const last_success = new Date(Date.now() - 3 * 86_400_000 - 3_700_000).toISOString();
  const error = "Consul at http://127.0.0.1:8500: connection\x1b refused";
  fake.upstreamViews = [
    anUpstream("db", { discovery: aDiscovery({ last_success, failures: 12, error }) }),
    anUpstream("plain"),
    anUpstream("new", {
      discovery: aDiscovery({ from: "DNS (addresses)", last_success: null }),
      endpoints: [],
    }),
  ];
  const { stdout } = await ask(fake, "status");
  assert.deepEqual(stdout.trimEnd().split("\n").slice(-3), [
    "UPSTREAM  DISCOVERY                                     ANSWERED    FAILURES  ERROR",
    "db        Consul (service db at http://127.0.0.1:8500)  3d01h ago         12  " +
    error.replace("\x1b", "\ufffd"),
    "new       DNS (addresses)                               never              0",
  ]);
});

Deno.test("sluice status --json prints the answer of the admin interface", async () => {
  await using fake = await FakeAdmin.start();
  const { code, stdout } = await ask(fake, "status", "--json");
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), {
    status: fake.statusView,
    services: fake.serviceViews,
    upstreams: fake.upstreamViews,
  });
});

Deno.test("sluice connections lists them and says how many more there are", async () => {
  await using fake = await FakeAdmin.start({ connections: 40 });
  const { code, stdout } = await ask(
    fake,
    "connections",
    "--limit",
    "2",
    "--filter",
    "192.0.2.1",
    "--sort",
    "id",
  );
  assert.equal(code, 0);
  assert.deepEqual(stdout.trimEnd().split("\n"), [
    "ID  SERVICE  CLIENT            ENDPOINT       AGE     UPLOAD  DOWNLOAD  STATE",
    " 1  mysql    192.0.2.1:40001   10.0.0.1:3306   1s  976.5 KiB   1.9 MiB  open",
    "10  mysql    192.0.2.10:40010  10.0.0.1:3306  10s  975.6 KiB   1.9 MiB  open",
    "... and 9 more; --limit 11 lists all, --filter TEXT fewer",
  ]);
});

Deno.test("sluice connections says that there are none, or that none matches", async () => {
  await using fake = await FakeAdmin.start({ connections: 1 });
  assert.equal(
    (await ask(fake, "connections", "--filter", "x")).stdout,
    "None of 1 open connection matches\n",
  );
  fake.connectionViews = [];
  assert.equal((await ask(fake, "connections")).stdout, "No open connections\n");
});

Deno.test("sluice connections lists more than the admin interface gives at once", async () => {
  await using fake = await FakeAdmin.start({ connections: 2500 });
  const { stdout } = await ask(fake, "connections", "--limit", "2400", "--sort", "id", "--reverse", "--json");
  const page = JSON.parse(stdout);
  assert.deepEqual([page.total, page.matching], [2500, 2500]);
  assert.deepEqual(page.connections, fake.connectionViews.toReversed().slice(0, 2400));
  assert.deepEqual(fake.calls, [
    'connections -id "" 0 1000',
    'connections -id "" 1000 1000',
    'connections -id "" 2000 400',
  ]);
});

Deno.test("sluice kill closes open connections and names unknown ones, with code 1", async () => {
  await using fake = await FakeAdmin.start();
  const { code, stdout, stderr } = await ask(fake, "kill", "2", "7", "3");
  assert.equal(stdout, "Closed connection 2\nClosed connection 3\n");
  assert.equal(stderr, "sluice: Connection 7 is not open: sluice connections lists open ones\n");
  assert.equal(code, 1);
  const last = await ask(fake, "kill", "1", "--json");
  assert.deepEqual(JSON.parse(last.stdout), { closed: [1], unknown: [] });
  assert.equal(last.code, 0);
  assert.deepEqual(fake.calls, ["kill 2", "kill 7", "kill 3", "kill 1"]);
});

Deno.test("sluice upstream takes an endpoint out of use, and ends with code 1 for an unknown one", async () => {
  await using fake = await FakeAdmin.start();
  const drained = await ask(fake, "upstream", "db", "10.0.0.1:3306", "drain");
  assert.deepEqual(drained, { code: 0, stdout: "10.0.0.1:3306: up (drain), 2 open\n", stderr: "" });
  const unknown = await ask(fake, "upstream", "db", "10.0.0.9:1", "up");
  assert.equal(unknown.stderr, 'sluice: The upstream "db" has no endpoint "10.0.0.9:1"\n');
  assert.equal(unknown.code, 1);
  assert.deepEqual(fake.calls, ["endpoint db 10.0.0.1:3306 drain", "endpoint db 10.0.0.9:1 up"]);
});

Deno.test("sluice reload prints what changed, or why nothing did with code 1", async () => {
  await using fake = await FakeAdmin.start();
  assert.deepEqual(await ask(fake, "reload"), {
    code: 0,
    stdout: "Reloaded: 1 service changed\n",
    stderr: "",
  });
  fake.reloadOutcome = { ok: false, detail: "services[0].listen: Cannot parse" };
  const { code, stdout, stderr } = await ask(fake, "reload");
  assert.deepEqual([code, stdout, stderr], [1, "", "sluice: services[0].listen: Cannot parse\n"]);
});

Deno.test("sluice drain passes its deadline on, if it has one", async () => {
  await using fake = await FakeAdmin.start();
  assert.match((await ask(fake, "drain")).stdout, /^Draining: /);
  assert.equal((await ask(fake, "drain", "--deadline", "1m30s")).code, 0);
  assert.deepEqual(fake.calls, ["drain undefined", "drain 90000"]);
});
