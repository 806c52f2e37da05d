/**
 * Bandwidth limits: their precision, and that they affect nothing else. Tests of this folder run one after the other:
 * rates within 5 % are only right where no other test takes the processor.
 */

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { Sluice } from "../../support/program/program.ts";
import {
  connect,
  echo,
  readAll,
  readText,
  upstream,
  writeAll,
  writeText,
} from "../../support/peers/sockets.ts";

const isLinux = Deno.build.os === "linux";

/** Bytes a second. */
const UPLOAD = 200_000;
const DOWNLOAD = 300_000;
const LIMITS = "limits: { upload: 200KB/s, download: 300KB/s }";
/** Milliseconds. */
const MEASURED = 5000;
const BURST = 100;
/** The growth limit of a program that does not buffer its senders' bytes, in bytes. */
const GROWTH = 30_000_000;

Deno.test("upload and download hold within 5 % over 5 s, without bursts or memory, and slow no other service", async () => {
  const [uploads, downloads] = [new Meter(UPLOAD), new Meter(DOWNLOAD)];
  const uploaded = Promise.withResolvers<void>();
  await using server = upstream(async (conn) => {
    if (await readText(conn, 1) === "E") return await echo(conn);
    const sent = flood(conn);
    await uploads.receive(conn);
    uploaded.resolve();
    await sent;
  });
  await using sluice = await Sluice.withConfig(`
services:
  - { name: limited, listen: 0, ${LIMITS}, upstream: "${server.address}" }
  - { name: free, listen: 0, upstream: "${server.address}" }
`);
  const [limited, free] = [sluice.port(0), sluice.port(1)];
  await exchange(limited, 1000);
  const before = memoryOf(sluice.pid);
  for (const meter of [uploads, downloads]) meter.start();
  using client = await connect(limited);
  await writeText(client, "F");
  const sent = flood(client);
  const received = downloads.receive(client);
  // Meanwhile another service takes megabytes, and another connection of this one its 200 KB/s.
  const others = await Promise.all([exchange(free, 8_000_000), exchange(limited, 100_000)]);
  await Promise.all([uploaded.promise, received]);
  const growth = memoryOf(sluice.pid) - before;
  client.close();
  await sent;
  uploads.check();
  downloads.check();
  assert.ok(growth < GROWTH, `${growth} bytes more`);
  const [took, tookLimited] = others;
  assert.ok(took! < 4000, `8 MB without a limit took ${took} ms`);
  assert.ok(tookLimited! > 300 && tookLimited! < 2000, `100 KB at 200 KB/s took ${tookLimited} ms`);
});

for (const reset of ["close", "pass"]) {
  Deno.test(`a limit changes no byte, and lets either side finish first, with reset: ${reset}`, async () => {
    const question = randomBytes(60_000);
    const answer = randomBytes(90_000);
    const digests: string[] = [];
    await using server = upstream(async (conn) => {
      digests.push(digestOf(await readAll(conn)));
      await writeAll(conn, answer);
    });
    await using sluice = await Sluice.before(server.address, [`reset: ${reset}`, LIMITS]);
    using client = await connect(sluice.port());
    await writeAll(client, question);
    await client.closeWrite();
    digests.push(digestOf(await readAll(client)));
    assert.deepEqual(digests, [digestOf(question), digestOf(answer)]);
    const line = await sluice.logged("event=connection_closed");
    assert.match(line, / bytes_from_client=60000 bytes_from_upstream=90000 .* reason="client closed"$/);
    // 0.25 s and 0.25 s more, of which each may have a tenth of a second at once.
    const [, milliseconds] = /duration_ms=(\d+)/.exec(line)!;
    assert.ok(Number(milliseconds) >= 300, line);
  });

  Deno.test(`a client that disconnects stops a limited transfer at once, with reset: ${reset}`, async () => {
    const ended = Promise.withResolvers<void>();
    await using server = upstream(async (conn) => {
      await flood(conn);
      ended.resolve();
    });
    await using sluice = await Sluice.before(server.address, [
      `reset: ${reset}`,
      "limits: { upload: 1KiB/s, download: 1KiB/s }",
    ]);
    const client = await connect(sluice.port());
    const began = performance.now();
    await readText(client, 1);
    client.close();
    await ended.promise;
    assert.ok(performance.now() - began < 3000, `${performance.now() - began} ms`);
    await sluice.logged("event=connection_closed");
  });
}

/** Receives for {@linkcode MEASURED}; records the times and sizes. */
class Meter {
  readonly #rate: number;
  readonly #readings: { readonly at: number; readonly bytes: number }[] = [];
  #began = 0;

  constructor(rate: number) {
    this.#rate = rate;
  }

  /** Nothing has been sent yet. */
  start(): void {
    this.#began = performance.now();
  }

  async receive(conn: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(65_536);
    for (let bytes = 0, at = 0; at < this.#began + MEASURED;) {
      const count = await conn.read(buffer);
      if (count === null) throw new Error(`It ended after ${bytes} bytes`);
      bytes += count;
      at = performance.now();
      this.#readings.push({ at, bytes });
    }
  }

  check(): void {
    const [first, last] = [this.#readings[0]!, this.#readings.at(-1)!];
    const rate = (last.bytes - first.bytes) / (last.at - first.at) * 1000;
    assert.ok(Math.abs(rate / this.#rate - 1) <= 0.05, `${rate} bytes a second instead of ${this.#rate}`);
    for (const { at, bytes } of this.#readings) {
      const allowed = this.#rate * (at - this.#began + BURST) / 1000;
      assert.ok(bytes <= allowed, `${bytes} bytes after ${at - this.#began} ms, instead of ${allowed}`);
    }
  }
}

/** Sends as fast as it goes, until the connection ends. */
async function flood(conn: Deno.Conn): Promise<void> {
  const bytes = new Uint8Array(65_536);
  try {
    for (;;) await conn.write(bytes);
  } catch {
    // That is the end.
  }
}

/** Sends bytes and receives the echo; returns the time in milliseconds. */
async function exchange(port: number, size: number): Promise<number> {
  const began = performance.now();
  using conn = await connect(port);
  const bytes = randomBytes(size);
  const sent = (async () => {
    await writeText(conn, "E");
    await writeAll(conn, bytes);
    await conn.closeWrite();
  })();
  assert.equal(digestOf(await readAll(conn)), digestOf(bytes));
  await sent;
  return performance.now() - began;
}

/** Bytes of memory a process has; 0 where that cannot be read. */
function memoryOf(pid: number): number {
  if (!isLinux) return 0;
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]) * 1024;
}

function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
