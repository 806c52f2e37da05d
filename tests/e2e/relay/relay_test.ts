import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { Sluice, workers } from "../../support/program/program.ts";
import {
  connect,
  echo,
  readAll,
  readText,
  upstream,
  writeAll,
  writeText,
} from "../../support/peers/sockets.ts";

const MEGABYTE = 1024 * 1024;

Deno.test("a client that shuts down writing still gets a late answer of 1 MB", async () => {
  const answer = randomBytes(MEGABYTE);
  const requests: string[] = [];
  await using server = upstream(async (conn) => {
    requests.push(new TextDecoder().decode(await readAll(conn)));
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await writeAll(conn, answer);
  });
  await using sluice = await Sluice.before(server.address);
  using client = await connect(sluice.port());
  await writeText(client, "request");
  await client.closeWrite();
  assert.equal(hash(await readAll(client)), hash(answer));
  assert.deepEqual(requests, ["request"]);
  await sluice.logged("closed, client closed");
});

Deno.test("an upstream that shuts down writing still gets a late request of 1 MB", async () => {
  const request = randomBytes(MEGABYTE);
  const received = Promise.withResolvers<Uint8Array>();
  await using server = upstream(async (conn) => {
    await writeText(conn, "greeting");
    await conn.closeWrite();
    received.resolve(await readAll(conn));
  });
  await using sluice = await Sluice.before(server.address);
  using client = await connect(sluice.port());
  assert.equal(new TextDecoder().decode(await readAll(client)), "greeting");
  await new Promise((resolve) => setTimeout(resolve, 2000));
  await writeAll(client, request);
  await client.closeWrite();
  assert.equal(hash(await received.promise), hash(request));
  await sluice.logged("closed, upstream closed");
});

for (const reset of ["close", "pass"]) {
  Deno.test(`64 MiB both ways at once arrive unchanged with reset: ${reset}`, async () => {
    const size = 64 * MEGABYTE;
    const upload = pattern(1, size);
    const download = pattern(2, size);
    const received = Promise.withResolvers<string>();
    await using server = upstream(async (conn) => {
      const reading = readAll(conn);
      await writeAll(conn, download);
      await conn.closeWrite();
      received.resolve(hash(await reading));
    });
    await using sluice = await Sluice.before(server.address, [`reset: ${reset}`]);
    using client = await connect(sluice.port());
    const reading = readAll(client);
    await writeAll(client, upload);
    await client.closeWrite();
    assert.equal(hash(await reading), hash(download));
    assert.equal(await received.promise, hash(upload));
    const line = await sluice.logged("closed,");
    assert.match(line, new RegExp(`bytes_from_client=${size} bytes_from_upstream=${size} `));
  });
}

Deno.test("a greeting reaches a client that has sent nothing", async () => {
  await using server = upstream(async (conn) => {
    await writeText(conn, "220 hello\r\n");
    await echo(conn);
  });
  await using sluice = await Sluice.before(server.address);
  using client = await connect(sluice.port());
  assert.equal(await readText(client, 11), "220 hello\r\n");
  await writeText(client, "QUIT");
  assert.equal(await readText(client, 4), "QUIT");
});

Deno.test("a buffer_size of 4 KiB relays the same bytes", async () => {
  const bytes = randomBytes(3 * MEGABYTE);
  await using server = upstream(echo);
  await using sluice = await Sluice.before(server.address, ["buffer_size: 4KiB"]);
  using client = await connect(sluice.port());
  const reading = readAll(client);
  await writeAll(client, bytes);
  await client.closeWrite();
  assert.equal(hash(await reading), hash(bytes));
});

for (const bufferSize of ["256KiB", "1MiB", "16MiB"]) {
  Deno.test(`200 slow readers with a buffer_size of ${bufferSize} use the documented memory at most, and delay no other client`, async () => {
    const large = bufferSize === "256KiB" ? 0 : workers * 64 * MEGABYTE;
    const most = 200 * 2 * 256 * 1024 + large;
    const chunk = new Uint8Array(MEGABYTE);
    await using server = upstream(async (conn) => {
      if (await readText(conn, 4) === "echo") return await echo(conn);
      for (;;) await writeAll(conn, chunk);
    });
    await using sluice = await Sluice.before(server.address, [`buffer_size: ${bufferSize}`]);
    // The first ones leave what each thread keeps for the next: buffers that connections have outgrown, and its heap.
    for (const client of await stalledClients(sluice.port())) client.close();
    const base = await settledMemory(sluice.pid);
    const clients = await stalledClients(sluice.port());
    try {
      const grown = await settledMemory(sluice.pid) - base;
      assert.ok(grown < most, `200 stalled connections hold ${Math.round(grown / 1024)} KiB`);
      using other = await connect(sluice.port());
      await writeText(other, "echo");
      await writeText(other, "still here");
      assert.equal(await readText(other, 10), "still here");
    } finally {
      for (const client of clients) client.close();
    }
  });
}

function hash(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Bytes that do not repeat where buffers end, and are cheaper than random ones. */
function pattern(seed: number, size: number): Uint8Array {
  const block = randomBytes(1_000_003);
  const bytes = new Uint8Array(size);
  for (let offset = 0; offset < size; offset += block.length) {
    bytes.set(block.subarray(0, Math.min(block.length, size - offset)), offset);
  }
  bytes[0] = seed;
  return bytes;
}

/** Resident memory of a process in bytes, once two readings half a second apart agree to 1 %. */
/** 200 clients that have begun to receive, and read no more. */
async function stalledClients(port: number): Promise<Deno.Conn[]> {
  return await Promise.all(Array.from({ length: 200 }, async () => {
    const client = await connect(port);
    await writeText(client, "bulk");
    await readText(client, 1);
    return client;
  }));
}

async function settledMemory(pid: number): Promise<number> {
  for (let before = await residentMemory(pid);;) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const now = await residentMemory(pid);
    if (Math.abs(now - before) < before / 100) return now;
    before = now;
  }
}

async function residentMemory(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
}
