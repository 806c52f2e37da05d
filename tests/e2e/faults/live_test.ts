/** Faults that come and go during a transfer, and decisions that repeat. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type FaultOptions, type RunningProxy, startProxy } from "../../../main.ts";
import { patternAt } from "../../support/bytes/pattern.ts";
import { connect, readAll, tryClose, upstream, writeAll } from "../../support/peers/sockets.ts";

const SIZE = 64 * 1024 * 1024;
const PIECE = 65_536;
/** How often faults change during a transfer, in milliseconds. */
const CHANGE_EVERY = 20;
/** Those that lose and change no byte. */
const HARMLESS: readonly FaultOptions[] = [
  { type: "latency", latency: 5, jitter: 5, direction: "both" },
  { type: "slicer", averageSize: 20_000, sizeVariation: 10_000, delay: 0, direction: "both" },
  { type: "bandwidth", rate: "200MiB/s", direction: "download" },
  { type: "slow_close", delay: 10, direction: "both" },
  { type: "stall", duration: 10 },
  { type: "latency", latency: 1, afterBytes: 100_000, for: 15 },
];
const CONNECTIONS = 500;
const DECIDED: readonly FaultOptions[] = [
  { type: "refuse", probability: 0.2, name: "refuse" },
  { type: "corrupt", rate: 0.05, probability: 0.5, name: "some" },
  { type: "corrupt", rate: 0.01, every: 3, name: "third" },
];

const isLinux = Deno.build.os === "linux";

for (const workers of [1, 2]) {
  const threads = workers === 1 ? "in one thread" : "with two threads";

  Deno.test({
    name:
      `faults that are added, changed and removed every 20 ms leave 64 MiB each way as they are ${threads}`,
    ignore: workers > 1 && !isLinux,
    fn: async () => {
      const received = Promise.withResolvers<string>();
      await using server = upstream(async (conn) => {
        const [hash] = await Promise.all([hashOf(conn), send(conn, 2)]);
        received.resolve(hash);
      });
      // So that there is time for some changes.
      const limits = { upload: "50MiB/s", download: "50MiB/s" };
      await using proxy = await startProxy({ upstream: server.address, workers, limits });
      using client = await connect(proxy.port);
      const changing = new AbortController();
      const enough = Promise.withResolvers<void>();
      const changes = change(proxy, changing.signal, enough.resolve);
      // On a busy machine, the changes take longer than the transfer.
      const [hash] = await Promise.all([
        hashOf(client),
        send(client, 1, Promise.race([enough.promise, changes])),
      ]);
      changing.abort();
      assert.deepEqual([await received.promise, hash], [expectedHash(1), expectedHash(2)]);
      const { made, applied } = await changes;
      assert.ok(isEnough(made, applied), `${made} changes, ${applied} faults acted`);
      await proxy.settled();
      const { client_closed = 0, upstream_closed = 0, ...others } = proxy.figures()[0]!.closedBy;
      assert.deepEqual([client_closed + upstream_closed, others], [1, {}]);
    },
  });
}

Deno.test({
  name:
    "the same seed decides the same for 500 connections, with one thread and with two, and another one does not",
  ignore: !isLinux,
  fn: async () => {
    await using server = upstream(async (conn) => {
      await writeAll(conn, new Uint8Array(200));
    });
    const decisions: string[][] = [];
    for (
      const { seed, workers } of [[7, 1], [7, 1], [7, 2], [8, 1]].map(([seed, workers]) => ({
        seed,
        workers,
      }))
    ) {
      await using proxy = await startProxy({
        upstream: server.address,
        workers: workers!,
        seed: seed!,
        faults: DECIDED,
      });
      const seen: string[] = [];
      for (let count = 0; count < CONNECTIONS; count++) seen.push(await outcomeOf(proxy.port));
      decisions.push(seen);
    }
    const [first, again, threads, other] = decisions;
    assert.deepEqual(again, first);
    assert.deepEqual(threads, first);
    const same = other!.filter((outcome, index) => outcome === first![index]).length;
    assert.ok(same < CONNECTIONS * 0.8, `${same} are the same with another seed`);
    const refused = first!.filter((outcome) => outcome === "ConnectionReset").length;
    // Three sigma of a binomial distribution.
    assert.ok(Math.abs(refused - CONNECTIONS * 0.2) < 3 * Math.sqrt(CONNECTIONS * 0.2 * 0.8), `${refused}`);
  },
});

function isEnough(made: number, applied: number): boolean {
  return made >= 10 && applied >= 5;
}

/** Changes faults until the signal aborts, and removes all of them. */
async function change({ faults }: RunningProxy, signal: AbortSignal, onEnough: () => void) {
  const there: Awaited<ReturnType<typeof faults.add>>[] = [];
  let made = 0;
  let applied = 0;
  const remove = async (index: number) => {
    const [fault] = there.splice(index, 1);
    await fault!.remove();
    applied += fault!.applied;
  };
  while (!signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, CHANGE_EVERY));
    made += 1;
    if (made % 3 === 0 && there.length > 0) {
      await there[made % there.length]!.update({ for: made % 2 === 0 ? null : 10 });
    } else if (there.length < 3) there.push(await faults.add(HARMLESS[made % HARMLESS.length]!));
    else await remove(made % there.length);
    if (isEnough(made, applied)) onEnough();
  }
  while (there.length > 0) await remove(0);
  return { made, applied };
}

/** @param beforeLast What the last piece waits for. */
async function send(conn: Deno.Conn, seed: number, beforeLast?: Promise<unknown>): Promise<void> {
  for (let at = 0; at < SIZE; at += PIECE) {
    if (at + PIECE === SIZE) await beforeLast;
    await writeAll(conn, patternAt(seed, at, PIECE));
  }
  await conn.closeWrite();
}

/** Of all that comes. */
async function hashOf(conn: Deno.Conn): Promise<string> {
  const hash = createHash("sha256");
  const buffer = new Uint8Array(256 * 1024);
  for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
    hash.update(buffer.subarray(0, count));
  }
  return hash.digest("hex");
}

function expectedHash(seed: number): string {
  const hash = createHash("sha256");
  for (let at = 0; at < SIZE; at += PIECE) hash.update(patternAt(seed, at, PIECE));
  return hash.digest("hex");
}

/** What the proxy has done to a new connection: the bytes that it has changed, or the error of a client. */
async function outcomeOf(port: number): Promise<string> {
  let client: Deno.Conn | undefined;
  try {
    client = await connect(port);
    return (await readAll(client)).toHex();
  } catch (error) {
    return (error as Error).name;
  } finally {
    if (client !== undefined) tryClose(client);
  }
}
