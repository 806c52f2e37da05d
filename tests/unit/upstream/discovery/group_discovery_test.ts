import assert from "node:assert/strict";
import { parseUpstreamAddress } from "../../../../src/net/address.ts";
import type { Fields, Log } from "../../../../src/observe/log/log.ts";
import { silentLog } from "../../../../src/observe/log/log.ts";
import type { EndpointSpec } from "../../../../src/upstream/endpoint.ts";
import { DiscoveryState } from "../../../../src/upstream/discovery/discovery_state.ts";
import { discoverGroup } from "../../../../src/upstream/discovery/group_discovery.ts";
import type { DiscoveredEndpoint } from "../../../../src/upstream/discovery/source.ts";
import { backOff } from "../../../../src/upstream/discovery/source_parts.ts";
import { ControlledGroup, sourceParts } from "../../../support/fakes/upstream_parts.ts";

const PATH = "/etc/targets.json";

function at(address: string, more: Partial<DiscoveredEndpoint> = {}): DiscoveredEndpoint {
  return { address: parseUpstreamAddress(address), weight: 1, tier: 0, ...more };
}

/** A group whose endpoints are in a file that the test replaces. */
class Fixture implements AsyncDisposable {
  /** What reading the file gives, and an error that watching it ends with. */
  content: readonly DiscoveredEndpoint[] | Error = [];
  broken: Error | undefined;
  readonly state = new DiscoveryState();
  readonly sets: (readonly EndpointSpec[])[] = [];
  readonly lines: string[] = [];
  readonly waits: number[] = [];
  readonly #stop = new AbortController();
  #read: () => Promise<void> = () => Promise.resolve();
  #running: Promise<void> | undefined;

  async start(maxConnections?: number): Promise<void> {
    this.#running = discoverGroup({
      config: { name: "group", endpoints: [] },
      discovery: { file: PATH, maxConnections },
      state: this.state,
      parts: {
        ...sourceParts(),
        random: () => 0.5,
        wait: (milliseconds) => {
          this.waits.push(milliseconds);
          if (this.waits.length === 3) this.broken = undefined;
          return Promise.resolve();
        },
        files: {
          read: () => assert.fail("only endpoints are read"),
          endpoints: () =>
            this.content instanceof Error ? Promise.reject(this.content) : Promise.resolve(this.content),
          watch: async (_paths, onChange, signal) => {
            if (this.broken !== undefined) throw this.broken;
            this.#read = onChange;
            await onChange();
            await new Promise((resolve) => signal.addEventListener("abort", resolve));
          },
        },
      },
      log: this.#log(),
      onEndpoints: (specs) => this.sets.push(specs),
      signal: this.#stop.signal,
    });
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  async write(content: Fixture["content"]): Promise<void> {
    this.content = content;
    await this.#read();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.write([at("10.9.9.9:1")]);
    await this.write(new Error("late"));
  }

  #log(): Log {
    const write = (level: string) => (message: string, fields: Fields = {}) => {
      this.lines.push(`${level} ${fields["event"]} ${message}: ${fields["detail"] ?? ""}`);
    };
    return { ...silentLog(), info: write("info"), warn: write("warn") };
  }
}

Deno.test("discoverGroup() keeps the last set while the source fails, and logs the first failure and the recovery", async () => {
  const fixture = new Fixture();
  {
    await using _ = fixture;
    fixture.content = [at("10.0.0.1:80")];
    await fixture.start();
    assert.equal(fixture.sets.length, 1);
    const first = fixture.state.figures({ file: PATH })!;
    assert.ok(Math.abs(Date.now() - first.lastSuccess!) < 60_000);
    assert.deepEqual([first.failures, first.error], [0, undefined]);
    await fixture.write(new Error("broken"));
    await fixture.write(new Error("still broken"));
    const failing = fixture.state.figures({ file: PATH })!;
    assert.deepEqual([failing.failures, failing.error], [2, `${PATH}: still broken`]);
    assert.equal(failing.lastSuccess, first.lastSuccess);
    await fixture.write([at("10.0.0.1:80"), at("10.0.0.2:80")]);
    assert.equal(fixture.state.figures({ file: PATH })!.error, undefined);
    assert.deepEqual(fixture.lines, [
      `warn discovery_failed group: cannot use ${PATH}, going on with what is known: broken`,
      `info discovery_recovered group: ${PATH} can be used again: `,
    ]);
  }
  assert.deepEqual(fixture.sets.map(({ length }) => length), [1, 2], "nothing counts after the end");
  assert.equal(fixture.state.figures({ file: PATH })!.failures, 2);
});

Deno.test("discoverGroup() limits endpoints of which the source says nothing", async () => {
  await using fixture = new Fixture();
  fixture.content = [
    at("10.0.0.1:80"),
    at("10.0.0.2:80", { maxConnections: 0 }),
    at("10.0.0.3:80", { drain: true }),
  ];
  await fixture.start(7);
  assert.deepEqual(fixture.sets[0]!.map(({ maxConnections, drain }) => [maxConnections, drain]), [
    [7, undefined],
    [0, undefined],
    [7, true],
  ]);
});

Deno.test("discoverGroup() starts a source that throws again, later each time", async () => {
  await using fixture = new Fixture();
  fixture.broken = new Error("a bug");
  fixture.content = [at("10.0.0.1:80")];
  await fixture.start();
  assert.deepEqual(fixture.waits, [1000, 2000, 4000]);
  assert.equal(fixture.sets.length, 1);
});

Deno.test("backOff() doubles up to half a minute, give or take a quarter", () => {
  const all = [1, 2, 3, 4, 5, 6, 7, 2000].map((failures) => backOff(failures, () => 0.5));
  assert.deepEqual(all, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  assert.deepEqual([backOff(1, () => 0), backOff(1, () => 1)], [750, 1250]);
});

Deno.test("an endpoint that its source drains gets no new connections, whatever an operator had set before", async () => {
  await using fixture = new ControlledGroup({ discovery: undefined });
  const { control, used } = fixture.endpoints[0]!;
  const admins = () => [control.admin, control.chosen, used.state.admin];
  const drained: string[] = [];
  using _watch = fixture.group.watch({
    added() {},
    unusable: ({ key }) => void drained.push(key),
    evictIdle: () => false,
  });
  const spec = { address: control.address, weight: 1, tier: 0, maxConnections: 0 };
  assert.equal(control.update({ ...spec, drain: true }), true);
  assert.deepEqual([control.admin, control.chosen, control.isUp], ["drain", "up", false]);
  fixture.group.setEndpoints(fixture.controller.records);
  assert.deepEqual(admins(), ["drain", "up", "drain"]);
  assert.deepEqual(drained, [control.key], "idle connections to it are closed");
  fixture.controller.setAdmin(control, "down");
  assert.deepEqual(admins(), ["down", "down", "down"]);
  fixture.controller.setAdmin(control, "up");
  assert.deepEqual(admins(), ["drain", "up", "drain"]);
  assert.equal(fixture.group.enter({ sourceAddress: "" }, []), "taken_out");
});
