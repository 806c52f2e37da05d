/** Endpoints from a real Kubernetes API server. */

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { interopTest } from "../../support/interop.ts";
import { KUBE_API_SERVER, KubeApiServer } from "../../support/servers/kube_api_server.ts";
import { createSlice, FollowedService, prepareNamespace, putSlice } from "./followed_service.ts";

const ENDPOINTS = 500;
/** The controller of Kubernetes puts as many endpoints into a slice. */
const PER_SLICE = 100;
/** All endpoints come and go within this, each of them known after that, in milliseconds. */
const IN_ALL = 60_000;
const EACH = 1000;

interopTest(
  "discovery from an API server: 500 endpoints come and go within a minute, each known within a second",
  KUBE_API_SERVER,
  async (stack) => {
    const server = await KubeApiServer.start(stack);
    const binding = await prepareNamespace(server, ["token"]);
    await server.apply(binding);
    const token = await server.createToken("prod", "sluice", "token");
    const slices = Array.from({ length: ENDPOINTS / PER_SLICE }, (_, number) => `db-${number}`);
    for (const name of slices) await createSlice(server, name, []);
    const service = await FollowedService.start(stack, server, token);
    await service.waitForNoError();

    const times = new KnownTimes(service);
    const began = performance.now();
    await Promise.all([times.watch(), changeAll(server, slices, times)]);
    const took = performance.now() - began;
    const sorted = times.milliseconds.toSorted((a, b) => a - b);
    const [median, worst] = [sorted[sorted.length / 2]!, sorted.at(-1)!].map(Math.round);
    console.log(
      `${ENDPOINTS} endpoints came and went in ${Math.round(took / 1000)} s; ` +
        `each change was known after ${median} ms (median), ${worst} ms (worst)`,
    );
    assert.equal(sorted.length, 2 * ENDPOINTS);
    assert.ok(took <= IN_ALL, `took ${took} ms`);
    assert.ok(worst! <= EACH, `the slowest change was known after ${worst} ms`);
  },
);

interopTest(
  "discovery from an API server: the last endpoints stay while it is gone, or refuses the token until that is replaced",
  KUBE_API_SERVER,
  async (stack) => {
    const server = await KubeApiServer.start(stack);
    const binding = await prepareNamespace(server, ["first", "second"]);
    const [first, second] = [
      await server.createToken("prod", "sluice", "first"),
      await server.createToken("prod", "sluice", "second"),
    ];
    await createSlice(server, "db-0", ["198.18.0.1", "198.18.0.2"]);
    const service = await FollowedService.start(stack, server, first);
    await service.waitForError(/endpointslices\S* is forbidden/);
    assert.deepEqual(service.hosts(), []);
    await server.apply(binding);
    await service.waitForHosts(["198.18.0.1", "198.18.0.2"]);

    // The watch goes on with a token that is good no more.
    await server.request("DELETE", "/api/v1/namespaces/prod/secrets/first");
    await putSlice(server, "db-0", ["198.18.0.1"]);
    await service.waitForHosts(["198.18.0.1"]);
    await server.stop();
    await service.waitForError(/refused/i);
    assert.deepEqual(service.hosts(), ["198.18.0.1"]);
    await server.startAgain();
    await service.waitForError(/Unauthorized/);
    await putSlice(server, "db-0", ["198.18.0.2", "198.18.0.3"]);
    assert.deepEqual(service.hosts(), ["198.18.0.1"]);
    await service.writeToken(second);
    await service.waitForHosts(["198.18.0.2", "198.18.0.3"]);
    await service.waitForNoError();
    await putSlice(server, "db-0", ["198.18.0.3"]);
    await service.waitForHosts(["198.18.0.3"]);
  },
);

/** When the changes were made, and when they were known. After `ENDPOINTS` changes, all are there; then they go. */
class KnownTimes {
  readonly milliseconds: number[] = [];
  readonly #service: FollowedService;
  readonly #begun: number[] = [];

  constructor(service: FollowedService) {
    this.#service = service;
  }

  /** A change begins: time is taken from before the request. */
  begin(): void {
    this.#begun.push(performance.now());
  }

  /** Reads the set until the last change is known. Each set must be that after some change, and never an earlier one. */
  async watch(): Promise<void> {
    while (this.milliseconds.length < 2 * ENDPOINTS) {
      const known = changesIn(this.#service.hosts(), this.milliseconds.length);
      assert.ok(known <= this.#begun.length, "known before it was so");
      const now = performance.now();
      while (this.milliseconds.length < known) {
        this.milliseconds.push(now - this.#begun[this.milliseconds.length]!);
      }
      await pause(1);
    }
  }
}

async function changeAll(
  server: KubeApiServer,
  slices: readonly string[],
  times: KnownTimes,
): Promise<void> {
  const hosts = slices.map((): string[] => []);
  const change = async (number: number, host: (of: string[]) => void) => {
    const slice = Math.floor(number / PER_SLICE);
    host(hosts[slice]!);
    times.begin();
    await putSlice(server, slices[slice]!, hosts[slice]!);
  };
  for (let number = 0; number < ENDPOINTS; number++) await change(number, (of) => of.push(hostOf(number)));
  for (let number = 0; number < ENDPOINTS; number++) await change(number, (of) => of.shift());
}

function hostOf(number: number): string {
  return `198.18.${number >> 8}.${number & 255}`;
}

/** After how many changes the set is this one. @param least After at least this many. */
function changesIn(hosts: readonly string[], least: number): number {
  const numbers = hosts.map((host) => {
    const [, , high, low] = host.split(".").map(Number);
    return high! * 256 + low!;
  }).sort((a, b) => a - b);
  const isComing = least < ENDPOINTS && (numbers[0] ?? 0) === 0;
  const start = isComing ? 0 : ENDPOINTS - numbers.length;
  assert.ok(numbers.every((number, index) => number === start + index), `a set that never was: ${numbers}`);
  const known = isComing ? numbers.length : ENDPOINTS + start;
  assert.ok(known >= least, `a set of before: after ${known} changes, not ${least}`);
  return known;
}
