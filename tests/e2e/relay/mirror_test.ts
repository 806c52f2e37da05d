/** `mirror`: copies of what clients send, which no connection ever waits for. */

import assert from "node:assert/strict";
import { connect as connectNode } from "node:net";
import { OPENSSL } from "../../support/certificates.ts";
import { eventually } from "../../support/eventually.ts";
import { descriptorsReach, settledDescriptors } from "../../support/peers/descriptors.ts";
import { interopTest } from "../../support/interop.ts";
import {
  blackHole,
  connect,
  echo,
  endOf,
  readAll,
  readText,
  refusingAddress,
  type Upstream,
  upstream,
  writeAll,
  writeText,
} from "../../support/peers/sockets.ts";
import { sendAndReset } from "../../support/peers/test_client.ts";
import { Admin } from "../../support/program/admin.ts";
import { Sluice } from "../../support/program/program.ts";
import { Reloadable } from "../../support/program/reloadable.ts";
import { NAME, terminating, tlsClient } from "../../support/program/tls_termination.ts";

const MiB = 1024 * 1024;

Deno.test("mirror copies what clients send, ends included, and drops what the mirror answers", async () => {
  await using server = upstream(echo);
  await using mirror = recorder("nonsense");
  await using sluice = await mirroring(server.address, mirror.server.address);
  using client = await connect(sluice.port());
  await writeText(client, "hello");
  assert.equal(await readText(client, 5), "hello");
  // A copy that is late has only five seconds after its connection.
  const metrics = await eventually(
    "bytes at the mirror",
    () => new Admin(sluice).metrics(),
    (metrics) => metrics.sum("sluice_mirrored_bytes_total") === 5,
  );
  await client.closeWrite();
  assert.equal(await endOf(client), "fin");
  assert.equal(await mirror.next(), "hello|end");
  const [line] = await sluice.loggedEvents("connection_closed", 1);
  assert.deepEqual([line!["mirror"], line!["bytes_from_upstream"]], ["copied", 5]);
  assert.equal(metrics.sum("sluice_mirrored_connections_total"), 1);
  assert.equal(metrics.sum("sluice_upstream_connects_total", mirror.server.address), 1);
});

Deno.test("mirror passes a half-close on while the upstream still answers", async () => {
  const answer = Promise.withResolvers<void>();
  await using server = upstream(async (conn) => {
    await readAll(conn);
    await answer.promise;
    await writeText(conn, "late");
  });
  await using mirror = recorder();
  await using sluice = await mirroring(server.address, mirror.server.address);
  using client = await connect(sluice.port());
  await writeText(client, "question");
  await client.closeWrite();
  assert.equal(await mirror.next(), "question|end");
  answer.resolve();
  assert.equal(await readText(client, 4), "late");
});

Deno.test("mirror gets what a client sent before it reset", async () => {
  await using server = upstream(echo);
  await using mirror = recorder();
  await using sluice = await mirroring(server.address, mirror.server.address);
  const socket = connectNode({ host: "127.0.0.1", port: sluice.port() }, () => socket.write("before"));
  await new Promise((resolve) => socket.once("data", resolve));
  socket.resetAndDestroy();
  assert.equal(await mirror.next(), "before|end");
  const [line] = await sluice.loggedEvents("connection_closed", 1);
  assert.equal(line!["code"], "connection_reset");
});

Deno.test("mirror that never reads is given up, and the connection gets every byte through", async () => {
  let received = 0;
  await using server = upstream(async (conn) => {
    const buffer = new Uint8Array(256 * 1024);
    for (let count; (count = await conn.read(buffer)) !== null;) received += count;
    await writeText(conn, "all");
  });
  using stuck = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const held: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const conn of stuck) held.push(conn);
  })();
  await using sluice = await mirroring(server.address, `127.0.0.1:${(stuck.addr as Deno.NetAddr).port}`);
  const before = await residentBytes(sluice.pid);
  const sent = 256 * MiB;
  using client = await connect(sluice.port());
  const chunk = new Uint8Array(MiB);
  for (let written = 0; written < sent; written += chunk.byteLength) await writeAll(client, chunk);
  await client.closeWrite();
  assert.equal(await readText(client, 3), "all");
  assert.equal(received, sent);
  const [line] = await sluice.loggedEvents("connection_closed", 1);
  assert.equal(line!["mirror"], "behind");
  assert.equal((await sluice.loggedEvents("mirror_given_up", 1))[0]!["reason"], "behind");
  assert.equal((await new Admin(sluice).metrics()).sum("sluice_mirrors_given_up_total", "behind"), 1);
  const grown = await residentBytes(sluice.pid) - before;
  assert.ok(grown < 96 * MiB, `${Math.round(grown / MiB)} MiB more`);
  stuck.close();
  await accepting;
  for (const conn of held) conn.close();
});

Deno.test("mirror that cannot be reached changes nothing for connections", async () => {
  await using server = upstream(echo);
  await using refusing = await refusingAddress();
  await using hole = await blackHole();
  for (
    const [address, code] of [[refusing.address, "connection_refused"], [hole.address, "connect_timeout"]]
  ) {
    await using sluice = await mirroring(server.address, address!, "", "connect_timeout: 300ms");
    using client = await connect(sluice.port());
    await writeText(client, "hello");
    assert.equal(await readText(client, 5), "hello");
    const [given] = await sluice.loggedEvents("mirror_given_up", 1);
    assert.equal(given!["reason"], code);
    // It has lost its copy, and nothing else.
    await writeText(client, "again");
    assert.equal(await readText(client, 5), "again");
    client.close();
    const [line] = await sluice.loggedEvents("connection_closed", 1);
    assert.equal(line!["mirror"], code);
  }
});

Deno.test("mirror.share copies that share of connections", async () => {
  await using server = upstream(echo);
  await using mirror = recorder();
  await using sluice = await mirroring(server.address, mirror.server.address, "share: 25%");
  for (let count = 0; count < 40; count++) {
    using client = await connect(sluice.port());
    await writeText(client, "x");
    await readText(client, 1);
  }
  const lines = await sluice.loggedEvents("connection_closed", 40);
  const copied = lines.filter((line) => line["mirror"] === "copied").length;
  assert.ok(copied >= 8 && copied <= 12, `${copied} of 40`);
  assert.equal((await new Admin(sluice).metrics()).sum("sluice_mirrored_connections_total"), copied);
});

Deno.test("mirror leaves no descriptor open, and a stop does not wait for it", async () => {
  await using server = upstream(echo);
  // It reads, and never closes.
  const done = Promise.withResolvers<void>();
  await using mirror = upstream(async (conn) => {
    const buffer = new Uint8Array(1024);
    while (await conn.read(buffer) !== null);
    await done.promise;
  });
  using _ending = { [Symbol.dispose]: () => done.resolve() };
  await using sluice = await mirroring(server.address, mirror.address);
  const idle = await settledDescriptors(sluice.pid);
  for (let count = 0; count < 5; count++) {
    using client = await connect(sluice.port());
    await writeText(client, "x");
    await readText(client, 1);
  }
  await sendAndReset(sluice.port(), "x");
  // Five seconds after their connections.
  assert.equal(await descriptorsReach(sluice.pid, idle), idle);
  using client = await connect(sluice.port());
  await writeText(client, "x");
  await readText(client, 1);
  client.close();
  await sluice.loggedEvents("connection_closed", 6);
  const began = performance.now();
  const { code } = await sluice.stop();
  assert.equal(code, 0);
  assert.ok(performance.now() - began < 4000);
});

Deno.test("mirror leaves the queue of its group when its copy is over", async () => {
  await using server = upstream(echo);
  await using mirror = upstream(echo);
  const group = `{ endpoints: [{ address: "${mirror.address}", max_connections: 1 }], queue: 1h }`;
  await using sluice = await Sluice.withConfig(`
log: { format: json }
admin: { listen: 127.0.0.1:0 }
services: [{ name: test, listen: 0, upstream: "${server.address}", mirror: { upstream: ${group} } }]
`);
  const admin = new Admin(sluice);
  const waiting = (count: number) =>
    eventually(
      `${count} in the queue`,
      () => admin.metrics(),
      (metrics) => metrics.sum("sluice_queue_length") === count,
    );
  using first = await connect(sluice.port());
  await writeText(first, "first");
  assert.equal(await readText(first, 5), "first");
  using second = await connect(sluice.port());
  await writeText(second, "second");
  assert.equal(await readText(second, 6), "second");
  await waiting(1);
  second.close();
  const [given] = await sluice.loggedEvents("mirror_given_up", 1);
  assert.equal(given!["reason"], "behind");
  await waiting(0);
});

Deno.test("mirror goes on through a reload that removes it, and gets nothing of later connections", async () => {
  await using server = upstream(echo);
  await using mirror = recorder();
  const yaml = (more: string) =>
    `services: [{ name: test, listen: 0, upstream: "${server.address}"${more} }]`;
  await using reloadable = await Reloadable.start(yaml(`, mirror: { upstream: "${mirror.server.address}" }`));
  const { sluice } = reloadable;
  using client = await connect(sluice.port());
  await writeText(client, "before ");
  assert.equal(await readText(client, 7), "before ");
  await reloadable.reload(yaml(""));
  await writeText(client, "after");
  assert.equal(await readText(client, 5), "after");
  using later = await connect(sluice.port());
  await writeText(later, "later");
  assert.equal(await readText(later, 5), "later");
  client.close();
  assert.equal(await mirror.next(), "before after|end");
  assert.equal(mirror.server.accepted, 1);
});

interopTest("mirror gets decrypted bytes, and no PROXY header", OPENSSL, async (stack) => {
  const mirror = stack.use(recorder());
  const { sluice, authority } = await terminating(stack, {
    service: [`mirror: { upstream: "${mirror.server.address}" }`, "send_proxy_protocol: v2"],
    handle: async (conn) => {
      await conn.read(new Uint8Array(1024));
      await writeText(conn, "answer");
    },
  });
  using client = await tlsClient(sluice.port(), authority);
  await writeText(client, "secret");
  assert.equal(await readText(client, 6), "answer");
  client.close();
  assert.equal(await mirror.next(), "secret|end");
});

interopTest("mirror gets what follows STARTTLS, and need not greet", OPENSSL, async (stack) => {
  const mirror = stack.use(recorder());
  const { sluice, authority } = await terminating(stack, {
    tls: () => ["starttls: smtp"],
    service: [`mirror: { upstream: "${mirror.server.address}" }`],
    handle: async (conn) => {
      await writeText(conn, "220 upstream\r\n");
      await echo(conn);
    },
  });
  const plain = await connect(sluice.port());
  const buffer = new Uint8Array(1024);
  await plain.read(buffer);
  await writeText(plain, "STARTTLS\r\n");
  await plain.read(buffer);
  using client = await Deno.startTls(plain, {
    hostname: NAME,
    caCerts: [await Deno.readTextFile(authority.cert)],
  });
  await writeText(client, "NOOP\r\n");
  assert.equal(await readText(client, 6), "NOOP\r\n");
  client.close();
  assert.equal(await mirror.next(), "NOOP\r\n|end");
});

/** Starts a service with a mirror, and `more` in both. */
function mirroring(server: string, mirror: string, more = "", service = ""): Promise<Sluice> {
  const copies = [`upstream: "${mirror}"`, more].filter(Boolean).join(", ");
  const keys = [`upstream: "${server}"`, `mirror: { ${copies} }`, service].filter(Boolean).join(", ");
  return Sluice.withConfig(`
log: { format: json }
admin: { listen: 127.0.0.1:0 }
services: [{ name: test, listen: 0, ${keys} }]
`);
}

/** A server that reports what each connection brought and how it ended. */
function recorder(answer = "") {
  const seen: string[] = [];
  const server: Upstream = upstream(async (conn) => {
    if (answer !== "") await writeText(conn, answer);
    let text = "";
    try {
      const buffer = new Uint8Array(1024);
      for (let count; (count = await conn.read(buffer)) !== null;) {
        text += new TextDecoder().decode(buffer.subarray(0, count));
      }
      seen.push(`${text}|end`);
    } catch (error) {
      seen.push(`${text}|${(error as Error).name}`);
    }
  });
  return {
    server,
    next: async () =>
      (await eventually("a connection to end", () => seen, ({ length }) => length > 0)).shift(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function residentBytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1024;
}
