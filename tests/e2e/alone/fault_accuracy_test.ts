/** Faults against their parameters, over real sockets. */

import assert from "node:assert/strict";
import { type FaultOptions, type RunningProxy, startProxy } from "../../../main.ts";
import {
  connect,
  echo,
  endOf,
  readAll,
  readText,
  upstream,
  writeAll,
  writeText,
} from "../../support/peers/sockets.ts";

const MIB = 1024 * 1024;

/** Connects through a proxy with a fault, to an upstream that sends this many zeros. */
async function through(
  fault: FaultOptions | undefined,
  size: number,
  check: (client: Deno.Conn, proxy: RunningProxy) => Promise<void>,
): Promise<void> {
  await using server = upstream((conn) => writeAll(conn, new Uint8Array(size)));
  await using proxy = await startProxy({
    upstream: server.address,
    seed: 1,
    faults: fault === undefined ? [] : [fault],
  });
  using client = await connect(proxy.port);
  await check(client, proxy);
}

/** The sizes of all reads, and the milliseconds from the first to the last. */
async function drain(conn: Deno.Conn): Promise<{ sizes: number[]; took: number }> {
  const buffer = new Uint8Array(MIB);
  const sizes: number[] = [];
  let first = 0;
  let last = 0;
  for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
    sizes.push(count);
    last = performance.now();
    first ||= last;
  }
  return { sizes, took: last - first };
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

Deno.test("latency of 100 ms is within 10 ms at the median", async () => {
  await using server = upstream(echo);
  await using proxy = await startProxy({
    upstream: server.address,
    faults: [{ type: "latency", latency: 100 }],
  });
  using client = await connect(proxy.port);
  const times: number[] = [];
  for (let count = 0; count < 15; count++) {
    const began = performance.now();
    await writeText(client, "ping");
    await readText(client, 4);
    times.push(performance.now() - began);
  }
  const median = medianOf(times);
  assert.ok(Math.abs(median - 100) <= 10, `${median} ms: ${times}`);
});

Deno.test("latency of 200 ms takes little from the rate of one stream", async () => {
  const size = 128 * MIB;
  const took: number[] = [];
  for (const fault of [{ type: "noop" }, { type: "latency", latency: 200 }] as const) {
    await through(fault, size, async (client) => {
      const { sizes, took: milliseconds } = await drain(client);
      assert.equal(sumOf(sizes), size);
      took.push(milliseconds);
    });
  }
  // A window of 1 MiB would let 5 MiB/s pass, which takes 25 s.
  assert.ok(took[1]! < took[0]! * 3 + 200, `${took[1]} ms with latency, ${took[0]} without`);
});

Deno.test("bandwidth lets its rate pass, within 5 %", async () => {
  const rate = 4 * MIB;
  await through({ type: "bandwidth", rate }, 2 * rate, async (client) => {
    const { sizes, took } = await drain(client);
    // What the first read has got took no time.
    const measured = (sumOf(sizes) - sizes[0]!) / took * 1000;
    assert.ok(Math.abs(measured / rate - 1) <= 0.05, `${measured} bytes a second instead of ${rate}`);
  });
});

Deno.test("slicer lets pieces of its sizes arrive", async () => {
  const slicer = { type: "slicer", averageSize: 1000, sizeVariation: 200, delay: 10 } as const;
  await through(slicer, 60_000, async (client) => {
    const { sizes } = await drain(client);
    assert.equal(sumOf(sizes), 60_000);
    // A late reader gets some together, but not most.
    const median = medianOf(sizes);
    assert.ok(median >= 800 && median <= 1200, `${sizes}`);
  });
});

for (const type of ["limit_data", "truncate"] as const) {
  Deno.test(`${type} ends the connection at its byte`, async () => {
    for (const bytes of [1, 4095, 70_000]) {
      await through({ type, bytes }, MIB, async (client) => {
        const { sizes } = await drain(client);
        assert.equal(sumOf(sizes), bytes);
        assert.equal(await endOf(client), "fin");
      });
    }
  });
}

Deno.test("corrupt changes as many bytes as its rate says, within 3 sigma", async () => {
  const rate = 0.001;
  await through({ type: "corrupt", rate }, MIB, async (client) => {
    const flipped = (await readAll(client)).filter((byte) => byte !== 0).length;
    const sigma = Math.sqrt(MIB * rate * (1 - rate));
    assert.ok(Math.abs(flipped - MIB * rate) < 3 * sigma, `${flipped} of ${MIB}`);
  });
});
