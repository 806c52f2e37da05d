/** Endpoints from a file: new connections follow it, open ones stay, and a broken file changes nothing. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { UpstreamView } from "../../../src/admin/views.ts";
import { eventually } from "../../support/eventually.ts";
import { answeringServer, askName, NamedServer } from "../../support/peers/named_server.ts";
import { connect, readText, writeText } from "../../support/peers/sockets.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { runSluice, Sluice } from "../../support/program/program.ts";

/** Replaces the file as careful programs do: by a rename. */
async function write(path: string, groups: unknown): Promise<void> {
  await Deno.writeTextFile(`${path}.new`, typeof groups === "string" ? groups : JSON.stringify(groups));
  await Deno.rename(`${path}.new`, path);
}

Deno.test("new connections follow a file of endpoints, which may break meanwhile", async () => {
  await using folder = await temporaryDirectory();
  await using a = await NamedServer.start("a");
  await using b = await NamedServer.start("b");
  const path = join(folder.path, "targets.json");
  const file = join(folder.path, "sluice.yaml");
  await write(path, [{ targets: [a.address] }]);
  await Deno.writeTextFile(
    file,
    `admin: { listen: 127.0.0.1:0 }
services:
  - { name: test, listen: 127.0.0.1:0, upstream: { discovery: { file: targets.json } } }
`,
  );
  const checked = await runSluice(["check", file]);
  assert.equal(checked.code, 0, checked.stderr);
  assert.ok(checked.stdout.includes(`# Endpoints come from the file ${path}, which has 1.`), checked.stdout);

  await using sluice = await Sluice.start(["-c", file, "--log-format", "json"]);
  const group = async () => {
    const response = await fetch(`http://${sluice.ready.admin}/api/v1/upstreams`);
    return (await response.json() as UpstreamView[])[0]!;
  };
  using live = await connect(sluice.port());
  assert.equal(await askName(live), "a");
  assert.equal((await group()).discovery!.error, null);

  await write(path, [{ targets: [a.address], labels: { sluice_drain: "true" } }, { targets: [b.address] }]);
  await eventually("b to answer", () => answeringServer(sluice.port()), (name) => name === "b");
  // A thread may not have accounted for the end of the clients before.
  const { endpoints } = await eventually("one to be left", group, (each) => each.endpoints[0]!.active === 1);
  assert.deepEqual(endpoints.map(({ address, admin }) => [address, admin]), [
    [a.address, "drain"],
    [b.address, "up"],
  ]);

  await write(path, `[\n  { "targets": "${a.address}" }\n]`);
  const [failed] = await sluice.loggedEvents("discovery_failed", 1);
  assert.equal(
    failed!["detail"],
    `${path}:2: Expected a mapping with targets, got {"targets":"${a.address}"}`,
  );
  assert.equal(await answeringServer(sluice.port()), "b");
  const metrics = await (await fetch(`http://${sluice.ready.admin}/metrics`)).text();
  const labels = '{upstream="test.upstream",source="file"}';
  assert.ok(metrics.includes(`sluice_discovery_failures_total${labels} 1\n`), metrics);
  assert.ok(metrics.includes(`sluice_discovery_endpoints${labels} 2\n`), metrics);
  assert.ok(metrics.includes(`sluice_discovery_stale${labels} 1\n`), metrics);

  await write(path, [{ targets: [b.address] }]);
  await sluice.loggedEvents("discovery_recovered", 1);
  await eventually("a to be gone", async () => (await group()).endpoints.length, (count) => count === 1);
  await writeText(live, "still here");
  assert.equal(await readText(live, 10), "still here");
});

Deno.test("a file of endpoints that is missing or wrong prevents the start, and check names it", async () => {
  await using folder = await temporaryDirectory();
  const file = join(folder.path, "sluice.yaml");
  const service = "{ name: test, listen: 127.0.0.1:0, upstream: { discovery: { file: targets.json } } }";
  await Deno.writeTextFile(file, `services:\n  - ${service}\n`);
  const path = join(folder.path, "targets.json");
  const at = `${file}:2:71: services[0].upstream.discovery.file`;
  for (const args of [["check", file], ["-c", file]]) {
    const { code, stderr } = await runSluice(args);
    assert.equal(code, 2, stderr);
    assert.ok(stderr.includes(`${at}: Cannot read "${path}": no such file (check the path)`), stderr);
  }
  await Deno.writeTextFile(path, '[{ "targets": ["10.0.0.1"] }]');
  const { code, stderr } = await runSluice(["check", file]);
  assert.equal(code, 2, stderr);
  assert.ok(
    stderr.includes(`${at}: ${path}:1: Cannot parse address "10.0.0.1": the port is missing`),
    stderr,
  );
});
