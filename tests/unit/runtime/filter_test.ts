/**
 * Filters of programs, over real sockets: the bytes that they see, and the ends of their connections when they fail.
 */

import assert from "node:assert/strict";
import type { FilterContext, FilterFactory } from "../../../src/config/filter.ts";
import { ConfigError } from "../../../src/config/config_error.ts";
import { decodeConfig } from "../../../src/config/decode.ts";
import { decodeOptions } from "../../../src/config/library.ts";
import { connect, endOf, readAll, writeText } from "../../support/peers/sockets.ts";
import { echoed, type Logged, ProxyFixture, roundTrip, type Service } from "./proxy_fixture.ts";

type Bytes = TransformStreamDefaultController<Uint8Array>;

Deno.test("a filter gets its connection, and the bytes of both directions", async () => {
  const contexts: FilterContext[] = [];
  const passed: string[] = [];
  const noting = (way: string) => ({
    transform(chunk: Uint8Array, controller: Bytes) {
      passed.push(`${way} ${new TextDecoder().decode(chunk)}`);
      controller.enqueue(chunk);
    },
    flush: () => void passed.push(`${way} end`),
  });
  await using fixture = await start((context) => {
    contexts.push(context);
    return {
      upload: new TransformStream(noting("upload")),
      download: new TransformStream(noting("download")),
    };
  });
  const closed = fixture.next("connection_closed");
  using client = await connect(fixture.port());
  await writeText(client, "hello");
  await client.closeWrite();
  assert.equal(new TextDecoder().decode(await readAll(client)), "hello");
  assert.deepEqual(passed, ["upload hello", "upload end", "download hello", "download end"]);
  assert.equal(contexts.length, 1);
  const { id, service, client: name, serverName, endpoint, signal } = contexts[0]!;
  const line = await closed;
  assert.deepEqual({ id, service, client: name, serverName, endpoint }, {
    id: line["id"],
    service: "test",
    client: `127.0.0.1:${client.localAddr.port}`,
    serverName: undefined,
    endpoint: fixture.upstream.address,
  });
  assert.deepEqual([line["reason"], signal.aborted], ["client closed", true]);
});

for (const reset of ["close", "pass"] as const) {
  Deno.test(`a filter resets its connection, with reset: ${reset}`, async () => {
    await using fixture = await start((context) => ({ upload: at("bad", context.reset) }), { reset });
    const closed = fixture.next("connection_closed");
    using client = await echoed(fixture.port());
    await writeText(client, "bad");
    assert.equal(await endOf(client), reset === "pass" ? "ConnectionReset" : "fin");
    const { code, ended_by, reason } = await closed;
    assert.deepEqual([code, ended_by, reason], ["filter_closed", "proxy", "closed by a filter"]);
  });
}

const FAILURES: [what: string, filter: FilterFactory][] = [
  ["as it is made", () => fail()],
  ["at a chunk", () => ({ upload: at("bad", fail) })],
  ["in a promise", () => ({ download: at("bad", () => Promise.reject(new RangeError("wrong"))) })],
  ["when it is flushed", () => ({ upload: new TransformStream({ flush: fail }) })],
];

for (const [what, filter] of FAILURES) {
  Deno.test(`a filter that throws ${what} ends its connection, with its stack in the log, and no other`, async () => {
    let connections = 0;
    await using fixture = await start((context) => connections++ === 0 ? {} : filter(context));
    using other = await echoed(fixture.port());
    const [failed, closed] = [fixture.next("filter_failed"), fixture.next("connection_closed")];
    using client = await connect(fixture.port());
    await writeText(client, "bad").catch(() => {});
    await client.closeWrite().catch(() => {});
    await endOf(client);
    const { message, service, client: name, detail } = await failed;
    assert.equal(message, "test: a filter failed, and its connection was closed");
    assert.deepEqual([service, name], ["test", `127.0.0.1:${client.localAddr.port}`]);
    assert.match(detail as string, /^RangeError: wrong\n +at .*filter_test\.ts/);
    const { code, ended_by, reason, detail: short } = await closed;
    assert.deepEqual([code, ended_by, reason, short], [
      "filter_error",
      "proxy",
      "error in a filter",
      "wrong",
    ]);
    assert.equal(await roundTrip(other), "hello");
    assert.deepEqual(fixture.supervisor.services[0]!.figures().closedBy, { filter_error: 1 });
  });
}

for (const how of ["killed", "idle_timeout", "shutdown"] as const) {
  Deno.test(`a filter that takes no bytes blocks no other connection: ${how}`, async () => {
    const { promise: holding, resolve } = Promise.withResolvers<number>();
    const stuck: FilterFactory = ({ id }) => ({
      upload: new TransformStream({
        transform() {
          resolve(id);
          return new Promise(() => {});
        },
      }),
    });
    const fixture = await start(stuck, how === "idle_timeout" ? { idleTimeout: 200 } : {});
    const closed: Promise<Logged> = fixture.next("connection_closed");
    try {
      using client = await connect(fixture.port());
      await writeText(client, "x".repeat(1000));
      const id = await holding;
      if (how === "killed") await fixture.supervisor.parts.threads.kill(id);
      if (how === "shutdown") await fixture.shutdown.begin({ drain: 0 });
      assert.equal(await endOf(client), "fin");
      assert.equal((await closed)["code"], how);
    } finally {
      await fixture[Symbol.asyncDispose]();
    }
  });
}

Deno.test("a filter needs one thread, and must be a function; other problems are reported too", () => {
  const service = (filter: unknown) => ({
    name: "a",
    listen: 0,
    upstream: "127.0.0.1:1",
    filter: filter as FilterFactory,
  });
  const filter: FilterFactory = () => undefined;
  for (const workers of [2, "auto"] as const) {
    assert.throws(() => decodeOptions({ workers, services: [service(filter)] }), {
      name: "ConfigError",
      problems: [{
        path: "services[0].filter",
        message: "Needs workers: 1, as a function cannot go to other threads",
      }],
    });
  }
  assert.equal(decodeOptions({ workers: 1, services: [service(filter)] }).services[0]!.filter, filter);
  assert.equal("filter" in decodeOptions({ services: [service(undefined)] }).services[0]!, false);
  const problems = problemsOf(() =>
    decodeOptions({ services: [service(filter), { ...service("upper"), upstream: "nowhere" }] })
  );
  assert.deepEqual(problems.map(({ path }) => path), [
    "services[1].name",
    "services[1].upstream",
    "services[1].filter",
  ]);
  assert.equal(problems.at(-1)!.message, "Expected a function");
});

Deno.test("a filter cannot be in a configuration file", () => {
  const file = { services: [{ name: "a", listen: "127.0.0.1:1", upstream: "127.0.0.1:2", filter: "upper" }] };
  const [{ path, message }] = problemsOf(() => decodeConfig(file)) as [{ path: string; message: string }];
  assert.equal(path, "services[0].filter");
  assert.match(message, /Unknown key/);
});

/** A service with a filter in front of an upstream that echoes. */
function start(filter: FilterFactory, more: Partial<Service> = {}): Promise<ProxyFixture> {
  return ProxyFixture.start((upstream) => ({
    services: [{ name: "test", listen: 0, upstream, ...more, filter }],
  }));
}

/** Calls `act` instead of passing on a chunk of this text. */
function at(text: string, act: () => unknown): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({
    async transform(chunk, controller) {
      if (new TextDecoder().decode(chunk) === text) await act();
      else controller.enqueue(chunk);
    },
  });
}

function fail(): never {
  throw new RangeError("wrong");
}

function problemsOf(decode: () => unknown): ConfigError["problems"] {
  try {
    decode();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error("there are no problems");
}
