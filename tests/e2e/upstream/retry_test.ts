import assert from "node:assert/strict";
import { startProxy } from "../../../main.ts";
import { PATIENCE } from "../../support/peers/line_reader.ts";
import {
  answeringServer,
  askName,
  countsOf,
  NamedServer,
  NamedServers,
  Visits,
} from "../../support/peers/named_server.ts";
import { HostsFile } from "../../support/program/hosts_file.ts";
import { Sluice, within } from "../../support/program/program.ts";
import {
  blackHole,
  connect,
  echo,
  endOf,
  freePorts,
  readText,
  refusingAddress,
  Upstream,
  writeText,
} from "../../support/peers/sockets.ts";

for (const reset of ["close", "pass"]) {
  Deno.test(`clients of an endpoint that refuses reach the other ones, with reset: ${reset}`, async () => {
    await using group = await NamedServers.start("abc");
    await using sluice = await Sluice.beforeGroup(group.endpoints, [], [`reset: ${reset}`]);
    await group.all[1]!.goDown();
    const names = await new Visits(sluice.port()).make(30);
    assert.deepEqual(Object.keys(countsOf(names)), ["a", "c"]);
    const lines = await sluice.loggedEvents("connection_closed", 30);
    const retried = lines.filter(({ attempts }) => attempts !== 1);
    assert.ok(retried.length >= 9, `${retried.length} of 30 met the endpoint that refuses`);
    for (const { attempts, endpoint } of retried) {
      assert.equal(attempts, 2);
      assert.notEqual(endpoint, group.all[1]!.address);
    }
  });
}

for (const [attempts, made] of [[1, 1], [3, 3], [100, 5]] as const) {
  Deno.test(`of 5 endpoints that refuse, "attempts: ${attempts}" tries ${made}, each once`, async () => {
    await using stack = new AsyncDisposableStack();
    const endpoints: string[] = [];
    for (let count = 0; count < 5; count++) endpoints.push(stack.use(await refusingAddress()).address);
    await using proxy = await startProxy({
      services: [{ name: "test", listen: 0, upstream: { endpoints, retry: { attempts } } }],
    });
    using client = await connect(Number(/\d+$/.exec(proxy.services[0]!.listen[0]!)![0]));
    assert.equal(await endOf(client), "fin");
    const failures = proxy.upstreams()[0]!.endpoints.map((endpoint) => endpoint.failures);
    assert.deepEqual(failures.toSorted(), Array.from({ length: 5 }, (_, index) => index < 5 - made ? 0 : 1));
    assert.deepEqual(proxy.figures().map(({ accepted, failed }) => [accepted, failed]), [[1, 1]]);
  });
}

Deno.test("a client whose attempts all fail has one line with the last cause and the number of attempts", async () => {
  await using first = await refusingAddress();
  await using second = await refusingAddress();
  await using sluice = await Sluice.beforeGroup([`"${first.address}"`, `"${second.address}"`]);
  using client = await connect(sluice.port());
  assert.equal(await endOf(client), "fin");
  const [line, ...others] = await sluice.loggedEvents("connection_failed", 1);
  const { service, upstream, endpoint, attempts, reason, code } = line!;
  assert.deepEqual({ service, upstream, endpoint, attempts, reason, code }, {
    service: "test",
    upstream: "group",
    endpoint: second.address,
    attempts: 2,
    reason: "upstream connection refused",
    code: "connection_refused",
  });
  assert.deepEqual(others, []);
});

Deno.test("clients of other endpoints are served while connects to a black hole hang", async () => {
  await using hole = await blackHole();
  await using a = await NamedServer.start("a");
  const [localPort] = freePorts(1);
  await using sluice = await Sluice.withConfig(`
services:
  - { name: hole, listen: 0, upstream: "${hole.address}", connect_timeout: 1h }
  - name: both
    listen: 0
    connect_timeout: 1h
    routes: [{ source_port: ${localPort}, upstream: "${hole.address}" }]
    upstream: "${a.address}"
`);
  let returned = 0;
  const hang = async (port: number, from = {}) => {
    await answeringServer(port, from).catch(() => {});
    returned += 1;
  };
  const hanging = [
    ...Array(10).fill(sluice.port(0)).map((port) => hang(port)),
    hang(sluice.port(1), { localPort }),
  ];
  const answers = await Promise.all(Array.from({ length: 50 }, () => answeringServer(sluice.port(1))));
  assert.deepEqual(countsOf(answers), { a: 50 });
  assert.equal(returned, 0);
  sluice.kill("SIGKILL");
  await Promise.all(hanging);
});

for (const reset of ["close", "pass"]) {
  Deno.test(`clients of a black hole wait connect_timeout, others do not wait, with reset: ${reset}`, async () => {
    await using hole = await blackHole();
    await using a = await NamedServer.start("a");
    const keys = ["connect_timeout: 1s", `reset: ${reset}`];
    await using sluice = await Sluice.beforeGroup([`"${hole.address}"`, `"${a.address}"`], [], keys);
    const started = performance.now();
    const answered: { readonly client: string; readonly after: number }[] = [];
    await Promise.all(Array.from({ length: 10 }, async () => {
      using conn = await connect(sluice.port());
      assert.equal(await askName(conn), "a");
      answered.push({ client: `127.0.0.1:${conn.localAddr.port}`, after: performance.now() - started });
    }));
    const lines = await sluice.loggedEvents("connection_closed", 10);
    const retried = lines.filter(({ attempts }) => attempts === 2).map(({ client }) => client);
    const late = answered.slice(5);
    assert.deepEqual(late.map(({ client }) => client).toSorted(), retried.toSorted());
    const [first, last] = [late[0]!.after, late[4]!.after];
    assert.ok(first >= 950 && last < 3000, `answered after ${first} to ${last} ms`);
  });
}

Deno.test("retry.timeout limits all attempts together", async () => {
  await using stack = new AsyncDisposableStack();
  const holes = await Promise.all(Array.from({ length: 4 }, async () => stack.use(await blackHole())));
  await using sluice = await Sluice.beforeGroup(
    holes.map(({ address }) => `"${address}"`),
    ["retry: { attempts: 10, timeout: 1s }"],
    ["connect_timeout: 400ms"],
  );
  using client = await connect(sluice.port());
  const started = performance.now();
  assert.equal(await within(PATIENCE, "The end", endOf(client)), "fin");
  const waited = performance.now() - started;
  assert.ok(waited >= 950 && waited < 3000, `closed after ${waited} ms`);
  const [line] = await sluice.loggedEvents("connection_failed", 1);
  assert.equal(line!.code, "connect_timeout");
  // Three of 400 ms would be too many already, the last one is cut short.
  assert.ok(Number(line!.attempts) >= 2 && Number(line!.attempts) <= 3, `${line!.attempts} attempts`);
});

Deno.test("retry.timeout limits a single attempt too", async () => {
  await using hole = await blackHole();
  await using sluice = await Sluice.beforeGroup(
    [`"${hole.address}"`],
    ["retry: { timeout: 300ms }"],
    ["connect_timeout: 1h"],
  );
  using client = await connect(sluice.port());
  const started = performance.now();
  assert.equal(await within(PATIENCE, "The end", endOf(client)), "fin");
  const waited = performance.now() - started;
  assert.ok(waited >= 250 && waited < 2000, `closed after ${waited} ms`);
  const [line] = await sluice.loggedEvents("connection_failed", 1);
  assert.deepEqual([line!.code, line!.attempts], ["connect_timeout", 1]);
});

Deno.test("an endpoint whose name is unknown does not cost a client its connection", async () => {
  await using a = await NamedServer.start("a");
  await using sluice = await Sluice.beforeGroup(["no-such-host.invalid:5432", `"${a.address}"`]);
  assert.equal(await answeringServer(sluice.port()), "a");
  assert.equal((await sluice.loggedEvents("connection_closed", 1))[0]!.attempts, 2);
});

for (const hostname of ["127.0.0.1", "::1"]) {
  Deno.test({
    name: `a name with two addresses needs only one that works: ${hostname} (needs ::1 and unshare)`,
    ignore: !await canRun(),
    fn: async () => {
      await using server = new Upstream(Deno.listen({ hostname, port: 0 }), echo);
      await using hosts = await HostsFile.create({ "twins.test": ["127.0.0.1", "::1"] });
      await using sluice = await Sluice.before(`twins.test:${server.port}`, [], { wrapper: hosts.wrapper });
      for (let count = 0; count < 3; count++) {
        using client = await connect(sluice.port());
        await writeText(client, "ping");
        assert.equal(await readText(client, 4), "ping");
      }
      const line = await sluice.logged("connection_closed");
      assert.match(line, new RegExp(` upstream=twins\\.test:${server.port} `));
      assert.match(line, / attempts=1 /);
    },
  });
}

/** Whether a program can have a hosts file of its own here, and IPv6. */
function canRun(): Promise<boolean> {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return HostsFile.isPossible();
  } catch {
    return Promise.resolve(false);
  }
}
