/** Consul's own library for Go asks the Consul of the tests: what they answer with is what it expects. */

import assert from "node:assert/strict";
import { formatAddress } from "../../../src/net/address.ts";
import { instancesIn } from "../../../src/upstream/discovery/consul/instances.ts";
import { eventually } from "../../support/eventually.ts";
import { interopTest, spawn } from "../../support/interop.ts";
import { LineReader } from "../../support/peers/line_reader.ts";
import { FakeConsul, type FakeInstance } from "../../support/servers/fake_consul.ts";

const CLIENT = "consul-client";
const NEEDS = {
  needs: [CLIENT],
  install: `go build -C tests/interop/consul/client -o DIRECTORY/${CLIENT} ., with DIRECTORY in PATH`,
};
const TOKEN = "s3cret-token";
const STATES = ["passing", "warning", "critical", "maintenance"] as const;
const ALL: readonly FakeInstance[] = STATES.map((status, at) => ({
  address: "127.0.0.1",
  port: 5001 + at,
  status,
}));

interface Answer {
  readonly Index: number;
  readonly Instances: readonly { readonly Address: string; readonly Port: number; readonly Status: string }[];
}

interopTest(
  "Consul's own library reads the answers of the tests' Consul as sluice does, and waits for a change",
  NEEDS,
  async (stack) => {
    const consul = stack.use(new FakeConsul({ token: TOKEN }));
    consul.set(ALL, 11);
    const client = stack.adopt(spawn(CLIENT, [consul.address, TOKEN]), end);
    const [stdout, stderr] = [new LineReader(client.stdout), new LineReader(client.stderr)];
    const answerWith = async (index: number): Promise<Answer> =>
      JSON.parse(await stdout.find((line) => line.includes(`"Index":${index},`)));

    const { Instances: found } = await answerWith(11);
    assert.deepEqual(
      found,
      ALL.map(({ address, port, status }) => ({
        ID: `db-${port}`,
        Address: address,
        Port: port,
        Status: status,
        Passing: 1,
        Warning: 1,
      })),
    );
    assert.deepEqual(
      await endpointsOf(consul),
      found.filter(({ Status }) => Status !== "critical")
        .map(({ Address, Port, Status }) => `${Address}:${Port}${Status === "maintenance" ? " drain" : ""}`),
    );

    await questionFrom(consul, 11);
    consul.set(ALL.slice(0, 1), 12);
    const { Instances: rest } = await answerWith(12);
    assert.deepEqual(rest, found.slice(0, 1));

    await questionFrom(consul, 12);
    consul.token = "another";
    consul.set([], 13);
    assert.deepEqual((await answerWith(13)).Instances, []);
    await Promise.all([stdout.done, stderr.done]);
    const blocking = consul.asked.filter((path) => path.includes("index="));
    assert.deepEqual(blocking.map((path) => /index=(\d+)/.exec(path)![1]), ["11", "12", "13"]);
    assert.match(stderr.text, /Unexpected response code: 403 \(Permission denied: /);
  },
);

/** Resolves once it is asked what has changed since this index. */
function questionFrom({ asked }: FakeConsul, index: number): Promise<unknown> {
  return eventually(
    `a question from ${index}`,
    () => asked,
    (paths) => paths.some((path) => path.includes(`?index=${index}&wait=`)),
  );
}

/** What sluice makes of the instances. */
async function endpointsOf({ address }: FakeConsul): Promise<string[]> {
  const headers = { "X-Consul-Token": TOKEN };
  const response = await fetch(`${address}/v1/health/service/db`, { headers });
  const { endpoints, unusable } = instancesIn(await response.json(), false);
  assert.equal(unusable.size, 0);
  return endpoints.map(({ address, drain }) => `${formatAddress(address)}${drain === true ? " drain" : ""}`);
}

async function end(client: Deno.ChildProcess): Promise<void> {
  try {
    client.kill("SIGKILL");
  } catch {
    // It has ended.
  }
  await client.status;
}
