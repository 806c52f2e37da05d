import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigError } from "../../../src/config/config_error.ts";
import { ListenError } from "../../../src/net/socket/listen_error.ts";
import { PortApplier } from "../../../src/gateway/port_applier.ts";
import type { PortPlan } from "../../../src/gateway/translation/ports.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { keptLog } from "./kept_log.ts";

function plan(port: number, address: string, certificate?: string): PortPlan {
  const groups = new Map([["g", { endpoints: [{ address, weight: 1 }], refuses: false, routes: [] }]]);
  if (certificate === undefined) return { port, routes: [], upstream: "g", groups };
  const pairs = [{ id: certificate, cert: `cert ${certificate}`, key: `key ${certificate}` }];
  return { port, routes: [{ sni: ["a.example.com"], pairs, group: "g" }], upstream: undefined, groups };
}

async function fixtureIn(stack: AsyncDisposableStack) {
  const { path } = stack.use(await temporaryDirectory());
  const changes: string[] = [];
  const lines: string[] = [];
  const failing = new Map<string, Error>();
  const applier = new PortApplier({
    host: "127.0.0.1",
    directory: path,
    defaults: {},
    log: keptLog(lines),
    change: (name, change) => {
      const error = failing.get(name);
      if (error !== undefined) return Promise.reject(error);
      changes.push(
        change === undefined ? `${name} removed` : `${name} ${change.groups[0]!.endpoints.length}`,
      );
      return Promise.resolve();
    },
  });
  const files = async () => (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name).sort();
  return { applier, changes: () => changes.splice(0), lines, failing, files, path };
}

Deno.test("PortApplier.apply() changes what differs, and nothing else", async () => {
  await using stack = new AsyncDisposableStack();
  const { applier, changes } = await fixtureIn(stack);
  await applier.apply([plan(1, "10.0.0.1:1"), plan(2, "10.0.0.1:1")]);
  assert.deepEqual(changes(), ["port-1 1", "port-2 1"]);
  await applier.apply([plan(1, "10.0.0.1:1"), plan(2, "10.0.0.2:1")]);
  assert.deepEqual(changes(), ["port-2 1"]);
  await applier.apply([plan(2, "10.0.0.2:1"), plan(3, "10.0.0.2:1")]);
  assert.deepEqual(changes(), ["port-1 removed", "port-3 1"]);
});

Deno.test("PortApplier.apply() serves other ports than one that fails, says once why, and tries that again", async () => {
  await using stack = new AsyncDisposableStack();
  const { applier, changes, lines, failing } = await fixtureIn(stack);
  failing.set("port-1", ListenError.of({ message: "in use", code: "address_in_use" }));
  for (let attempt = 0; attempt < 2; attempt++) {
    await applier.apply([plan(1, "10.0.0.1:1"), plan(2, "10.0.0.1:1")]);
  }
  assert.deepEqual(changes(), ["port-2 1"]);
  assert.deepEqual([...applier.failures], [[1, { reason: "PortUnavailable", message: "in use" }]]);
  assert.deepEqual(lines, ["error Cannot serve port 1: in use"]);
  failing.clear();
  await applier.apply([plan(1, "10.0.0.1:1"), plan(2, "10.0.0.1:1")]);
  assert.deepEqual(changes(), ["port-1 1"]);
  assert.equal(applier.failures.size, 0);
});

Deno.test("PortApplier.apply() keeps what a port had while its new plan cannot be used", async () => {
  await using stack = new AsyncDisposableStack();
  const { applier, changes, failing } = await fixtureIn(stack);
  await applier.apply([plan(1, "10.0.0.1:1")]);
  changes();
  failing.set("port-1", new ConfigError([{ path: "", message: "cannot be used" }]));
  await applier.apply([plan(1, "10.0.0.2:1")]);
  assert.deepEqual(changes(), []);
  assert.equal(applier.failures.get(1)!.reason, "Invalid");
  await applier.apply([plan(1, "10.0.0.1:1")]);
  assert.deepEqual(changes(), []);
  assert.equal(applier.failures.size, 0);
});

Deno.test("PortApplier.apply() forgets the failure of a port that no Gateway asks for", async () => {
  await using stack = new AsyncDisposableStack();
  const { applier, failing } = await fixtureIn(stack);
  failing.set("port-1", ListenError.of({ message: "in use", code: "address_in_use" }));
  await applier.apply([plan(1, "10.0.0.1:1")]);
  await applier.apply([]);
  assert.equal(applier.failures.size, 0);
});

Deno.test("PortApplier.apply() has files for the certificates in use, and for no others", async () => {
  await using stack = new AsyncDisposableStack();
  const { applier, files } = await fixtureIn(stack);
  await applier.apply([plan(1, "10.0.0.1:1", "a"), plan(2, "10.0.0.1:1", "a")]);
  assert.deepEqual(await files(), ["a.crt", "a.key"]);
  await applier.apply([plan(1, "10.0.0.1:1", "b"), plan(2, "10.0.0.1:1", "a")]);
  assert.deepEqual(await files(), ["a.crt", "a.key", "b.crt", "b.key"]);
  await applier.apply([plan(1, "10.0.0.1:1", "b")]);
  assert.deepEqual(await files(), ["b.crt", "b.key"]);
  await applier.apply([]);
  assert.deepEqual(await files(), []);
});

Deno.test("PortApplier.apply() rejects with what no configuration explains", async () => {
  await using stack = new AsyncDisposableStack();
  const { applier, failing } = await fixtureIn(stack);
  failing.set("port-1", new Error("the program stops"));
  await assert.rejects(applier.apply([plan(1, "10.0.0.1:1")]), { message: "the program stops" });
});

Deno.test("PortApplier.apply() serves a port with an endpoint that cannot be used, and says which group it is of", async () => {
  await using stack = new AsyncDisposableStack();
  const { applier, changes, lines } = await fixtureIn(stack);
  for (let round = 0; round < 2; round++) await applier.apply([plan(1, "no address")]);
  assert.deepEqual(changes(), ["port-1 1"]);
  assert.equal(applier.failures.size, 0);
  assert.deepEqual([...applier.faults.keys()], ["g"]);
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^warn Refusing clients of g on port 1: .*"no address"/);
  await applier.apply([plan(1, "10.0.0.1:1")]);
  assert.equal(applier.faults.size, 0);
});

Deno.test("PortApplier.apply() does without files that another program has removed", async () => {
  await using stack = new AsyncDisposableStack();
  const { applier, changes, files, path } = await fixtureIn(stack);
  await applier.apply([plan(1, "10.0.0.1:1", "a"), plan(2, "10.0.0.1:1", "b")]);
  await Deno.remove(join(path, "a.crt"));
  await Deno.remove(join(path, "b.crt"));
  changes();
  await applier.apply([plan(1, "10.0.0.1:1", "c"), plan(2, "10.0.0.2:1", "b")]);
  assert.deepEqual(changes(), ["port-1 1", "port-2 1"]);
  assert.deepEqual(await files(), ["b.crt", "b.key", "c.crt", "c.key"]);
});

Deno.test("PortApplier.apply() fails only the port whose files it cannot write, and removes others all the same", async () => {
  await using stack = new AsyncDisposableStack();
  const { applier, changes, files, path } = await fixtureIn(stack);
  await applier.apply([plan(3, "10.0.0.1:1", "old")]);
  changes();
  await Deno.mkdir(join(path, "a.key"));
  await applier.apply([plan(1, "10.0.0.1:1", "a"), plan(2, "10.0.0.1:1")]);
  assert.deepEqual(changes(), ["port-3 removed", "port-2 1"]);
  assert.equal(applier.failures.get(1)!.reason, "Invalid");
  assert.match(applier.failures.get(1)!.message, /^Cannot write ".*a\.key": /);
  assert.deepEqual(await files(), []);
  await applier.apply([plan(1, "10.0.0.1:1", "a"), plan(2, "10.0.0.1:1")]);
  assert.deepEqual(changes(), ["port-1 1"]);
  assert.equal(applier.failures.size, 0);
});
