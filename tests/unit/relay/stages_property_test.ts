/** Stages are added and removed at random times: no byte is lost or reordered. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { IdleClock } from "../../../src/net/timers/timeouts.ts";
import { seededRandom } from "../../../src/faults/seed.ts";
import { Relay } from "../../../src/relay/relay.ts";
import type { PlacedStage, StageFactory, Way } from "../../../src/relay/stages.ts";
import { digestOf, RandomConn } from "./random_conn.ts";
import { CONNECTION, tally } from "./relay_fixture.ts";
import { randomFaultStage } from "../../support/fakes/lossless_faults.ts";
import { KINDS, stageOf } from "../../support/fakes/stage_family.ts";

const RUNS = { stages: 150, faults: 50 };
const MOST_BYTES = 300_000;
/** Small enough that reads fill it and become bulk. */
const BUFFER_SIZES = [1024, 4096, 65_536];

type MakeStage = (random: () => number, onDispose: () => void) => StageFactory;

const MAKE: Readonly<Record<keyof typeof RUNS, MakeStage>> = {
  stages: (random, onDispose) => stageOf(KINDS[Math.floor(random() * KINDS.length)]!, onDispose),
  faults: randomFaultStage,
};

for (const what of ["stages", "faults"] as const) {
  Deno.test(`${what} are added and removed at random, and no byte is lost or reordered`, async () => {
    for (let seed = 1; seed <= RUNS[what]; seed++) await run(seed, MAKE[what]);
  });
}

async function run(seed: number, make: MakeStage): Promise<void> {
  const random = seededRandom(seed);
  const upTo = (most: number) => Math.floor(random() * most);
  const conn = () => {
    const bytes = new Uint8Array(upTo(MOST_BYTES));
    for (let at = 0; at < bytes.byteLength; at++) bytes[at] = upTo(256);
    return {
      bytes,
      conn: new RandomConn({ random, bytes, largestRead: 1 + upTo(20_000), largestWrite: 1 + upTo(20_000) }),
    };
  };
  const [client, upstream] = [conn(), conn()];
  const [fromClient, fromUpstream] = [tally(), tally()];
  const relay = new Relay({
    client: client.conn,
    upstream: upstream.conn,
    bufferSize: BUFFER_SIZES[upTo(BUFFER_SIZES.length)]!,
    connection: CONNECTION,
    reset: "close",
    fromClient,
    fromUpstream,
    idleClock: new IdleClock(0, 0),
  });
  const stages = { made: 0, disposed: 0 };
  const placed: PlacedStage[] = [];
  const change = () => {
    if (placed.length === 0 || random() < 0.5) {
      const way: Way = random() < 0.5 ? "upload" : "download";
      const stage = relay.addStage(way, (context) => {
        stages.made += 1;
        return make(random, () => stages.disposed += 1)(context);
      }, placed[upTo(2 * placed.length)]);
      // A connection that has just ended takes none.
      if (stage !== undefined) placed.push(stage);
    } else {
      const [stage] = placed.splice(upTo(placed.length), 1);
      return relay.removeStage(stage!);
    }
  };
  for (let left = upTo(4); left > 0; left--) void change();
  let outcome: unknown;
  const relayed = relay.run().then((how) => outcome = how);
  while (outcome === undefined) {
    const changed = change();
    if (random() < 0.3) await changed;
    // Times without any stage, as most connections have none.
    if (random() < 0.1) await Promise.all(placed.splice(0).map((stage) => relay.removeStage(stage)));
    for (let turns = upTo(30); turns > 0; turns--) {
      await (random() < 0.2 ? setImmediate() : Promise.resolve());
    }
  }
  await relayed;
  const where = `seed ${seed}`;
  assert.equal((outcome as { kind: string }).kind, "closed", where);
  assert.equal(upstream.conn.digest, digestOf(client.bytes), where);
  assert.equal(client.conn.digest, digestOf(upstream.bytes), where);
  assert.deepEqual([fromClient.bytes, fromUpstream.bytes], [
    client.bytes.byteLength,
    upstream.bytes.byteLength,
  ], where);
  // The peer of the side that finishes first gets a FIN of its own; the other one gets it by the close.
  assert.ok(client.conn.isFinished !== upstream.conn.isFinished, where);
  // Waiting changes end soon after.
  await setImmediate();
  assert.deepEqual(stages, { made: stages.made, disposed: stages.made }, where);
}
