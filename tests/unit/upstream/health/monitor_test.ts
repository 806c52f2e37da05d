import assert from "node:assert/strict";
import { mock } from "node:test";
import type { GroupConfig } from "../../../../src/config/config.ts";
import { parseUpstreamAddress } from "../../../../src/net/address.ts";
import type { Conn } from "../../../../src/net/socket/conn.ts";
import { silentLog } from "../../../../src/observe/log/log.ts";
import { CheckLeg } from "../../../../src/upstream/health/check_leg.ts";
import { EndpointController } from "../../../../src/upstream/endpoint_controller.ts";
import type { EndpointSpec } from "../../../../src/upstream/endpoint.ts";
import { DiscoveryState } from "../../../../src/upstream/discovery/discovery_state.ts";
import { Monitor } from "../../../../src/upstream/health/monitor.ts";
import { UpstreamTls } from "../../../../src/upstream/upstream_tls.ts";
import { upstream } from "../../../support/peers/sockets.ts";
import { NameServer } from "../name_server.ts";
import {
  CHECK,
  endpointsAt,
  groupConfig,
  sourceParts,
  UpstreamMemory,
} from "../../../support/fakes/upstream_parts.ts";

const OFTEN = { ...CHECK, interval: 20 };

/** A monitor and its reports. */
class Fixture extends Monitor {
  readonly states: string[] = [];
  readonly specs: EndpointSpec[] = [];
  #news = Promise.withResolvers<void>();

  constructor(config: Partial<GroupConfig> = {}, leg = new CheckLeg(), log = silentLog()) {
    const discovery = { parts: sourceParts(), state: new DiscoveryState() };
    super(groupConfig({ healthCheck: OFTEN, ...config }), leg, { goesOn: false, discovery }, log, {
      onEndpoints: (specs) => {
        this.specs.push(...specs);
        this.#news.resolve();
      },
      onHealth: ({ key, health }, state) => {
        this.states.push(`${key} ${state} ${health}`);
        this.#news.resolve();
      },
    });
  }

  async news(): Promise<void> {
    await this.#news.promise;
    this.#news = Promise.withResolvers();
  }
}

/** An endpoint at a socket that does not exist. */
function absent(): EndpointController {
  return keptAt({ transport: "unix", path: "/nonexistent/socket" });
}

function keptAt(address: EndpointSpec["address"]): EndpointController {
  const { accounts, gauges } = new UpstreamMemory();
  return new EndpointController(
    { address, weight: 1, tier: 0, maxConnections: 0 },
    { row: accounts.endpoints.claim()!, clients: gauges.claim()!, open: gauges.claim()! },
    undefined,
  );
}

Deno.test("Monitor checks nothing before its start, after its stop, or that was removed", async () => {
  const [early, late, left] = [new Fixture(), new Fixture(), new Fixture()];
  early.watch(absent());
  late.start([]);
  await late.stop();
  late.watch(absent());
  const gone = absent();
  left.start([gone]);
  left.unwatch(gone);
  left.unwatch(gone);
  for (let round = 0; round < 3; round++) {
    // Otherwise, a monitor that began later would get it first.
    const other = new Fixture();
    other.start([absent()]);
    await other.news();
    await other.stop();
    assert.deepEqual(other.states, ["unix:/nonexistent/socket down down"]);
  }
  assert.deepEqual([early.states, late.states, left.states], [[], [], []]);
  await left.stop();
  await early.stop();
});

Deno.test("Monitor without checks and names has nothing to do", async () => {
  const idle = new Fixture({ healthCheck: undefined });
  idle.start([absent()]);
  const other = new Fixture();
  other.start([absent()]);
  await other.news();
  assert.deepEqual([idle.states, idle.specs], [[], []]);
  for (const each of [idle, other]) await each.stop();
});

Deno.test("Monitor starts checks with its CheckLeg, and stop() waits for pending ones", async () => {
  const shaking = Promise.withResolvers<Conn>();
  const begun = Promise.withResolvers<void>();
  mock.method(UpstreamTls.prototype, "startTls", () => {
    begun.resolve();
    return shaking.promise;
  });
  try {
    await using server = upstream(async (conn) => void await conn.read(new Uint8Array(1)));
    const [hostname, port] = server.address.split(":");
    const monitor = new Fixture(
      {},
      new CheckLeg({
        tls: {
          service: "service",
          config: {
            ca: undefined,
            certificate: undefined,
            serverName: undefined,
            verify: false,
            alpn: [],
            starttls: undefined,
          },
          material: { authorities: undefined, credentials: undefined },
        },
      }),
    );
    monitor.start([keptAt({ transport: "tcp", hostname: hostname!, port: Number(port) })]);
    await begun.promise;
    let isStopped = false;
    const stopping = monitor.stop().then(() => isStopped = true);
    await new Promise((resolve) => setTimeout(resolve));
    assert.equal(isStopped, false);
    shaking.reject(new Error("aborted"));
    await stopping;
  } finally {
    mock.restoreAll();
  }
});

Deno.test("Monitor gives discovered endpoints the weights, limits and tiers of their entries", async () => {
  await using server = await NameServer.start();
  server.addresses = ["192.0.2.7"];
  const named = (hostname: string, backup: boolean, weight: number, maxConnections: number) => ({
    ...endpointsAt(1)[0]!,
    address: { transport: "tcp", hostname, port: backup ? 2 : 1 } as const,
    backup,
    weight,
    maxConnections,
  });
  const monitor = new Fixture({
    healthCheck: undefined,
    endpoints: [named("db.test", false, 2, 3), named("db.test", true, 4, 5)],
    discovery: { dns: "a", interval: 1e6, server: server.address },
  });
  monitor.start([]);
  await monitor.news();
  await monitor.stop();
  const at = (port: number) => ({ transport: "tcp", hostname: "192.0.2.7", port });
  assert.deepEqual(monitor.specs, [
    { address: at(1), weight: 2, tier: 0, maxConnections: 3 },
    { address: at(2), weight: 4, tier: 1, maxConnections: 5 },
  ]);
});

for (
  const [before, state, level] of [
    ["unknown", "up", "debug"],
    ["down", "up", "info"],
    ["unknown", "down", "warn"],
    ["up", "down", "warn"],
  ] as const
) {
  Deno.test(`a monitor logs an endpoint that was ${before} and is ${state} at the level ${level}`, async () => {
    await using server = upstream(async (conn) => void await conn.read(new Uint8Array(1)));
    const logged: string[] = [];
    const at = (name: string) => (_line: string, fields?: Record<string, unknown>) =>
      void logged.push(`${name} ${fields?.["event"]}`);
    const log = {
      ...silentLog(),
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
    };
    const fixture = new Fixture({}, new CheckLeg(), log);
    const endpoint = state === "down" ? absent() : keptAt(parseUpstreamAddress(server.address));
    endpoint.health = before;
    fixture.start([endpoint]);
    await fixture.news();
    await fixture.stop();
    assert.deepEqual(logged, [`${level} endpoint_${state}`]);
  });
}
