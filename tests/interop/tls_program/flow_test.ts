/** Back-pressure, limits and resets work inside TLS as they do without it. */

import assert from "node:assert/strict";
import { connect as connectNode, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { descriptorsReach, settledDescriptors } from "../../support/peers/descriptors.ts";
import { Sluice } from "../../support/program/program.ts";
import {
  echo,
  endOf,
  readAll,
  readText,
  resettableServer,
  upstream,
  writeAll,
  writeText,
} from "../../support/peers/sockets.ts";
import { OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { NAME, terminating, tlsClient } from "../../support/program/tls_termination.ts";

const MEBIBYTE = new Uint8Array(1 << 20);
/** In MiB: more than the buffers of two sockets hold. */
const MUCH = 64;
/** How much the memory of a program may grow that keeps only the bytes under way, in bytes. */
const GROWTH = 30_000_000;

for (const engine of ["node", "deno"] as const) {
  const how = engine === "node" ? "node:tls" : "Deno.listenTls";
  const tls = () => [`engine: ${engine}`];

  interopTest(`a client that does not read stops its upstream, with ${how}`, OPENSSL, async (stack) => {
    const sent = new Progress();
    const { authority, sluice } = await terminating(stack, {
      tls,
      handle: async (conn) => {
        await readText(conn, 2);
        await sent.flood(conn);
      },
    });
    using client = await tlsClient(sluice.port(), authority);
    const before = memoryOf(sluice.pid);
    await writeText(client, "go");
    await sent.stalled();
    assert.ok(sent.mebibytes < MUCH / 2, `${sent.mebibytes} MiB sent`);
    const growth = memoryOf(sluice.pid) - before;
    assert.ok(growth < GROWTH, `${growth} bytes more`);
    assert.equal((await readAll(client)).length, MUCH * MEBIBYTE.length);
  });

  interopTest(`an upstream that does not read stops its client, with ${how}`, OPENSSL, async (stack) => {
    const received = Promise.withResolvers<number>();
    const reading = Promise.withResolvers<void>();
    const { authority, sluice } = await terminating(stack, {
      tls,
      handle: async (conn) => {
        await reading.promise;
        received.resolve((await readAll(conn)).length);
      },
    });
    using client = await tlsClient(sluice.port(), authority);
    const before = memoryOf(sluice.pid);
    const sent = new Progress();
    const sending = sent.flood(client);
    await sent.stalled();
    assert.ok(sent.mebibytes < MUCH / 2, `${sent.mebibytes} MiB sent`);
    const growth = memoryOf(sluice.pid) - before;
    assert.ok(growth < GROWTH, `${growth} bytes more`);
    reading.resolve();
    await sending;
    assert.equal(await received.promise, MUCH * MEBIBYTE.length);
    assert.equal((await readAll(client)).length, 0);
  });

  interopTest(`idle_timeout ends a connection inside TLS in order, with ${how}`, OPENSSL, async (stack) => {
    const { authority, sluice } = await terminating(stack, { tls, service: ["idle_timeout: 300ms"] });
    using client = await tlsClient(sluice.port(), authority);
    await writeText(client, "ping");
    assert.equal(await readText(client, 4), "ping");
    // With close_notify: without it this client fails with UnexpectedEof.
    assert.equal(await endOf(client), "fin");
    const [line] = await sluice.loggedEvents("connection_closed", 1);
    assert.equal(line!.code, "idle_timeout");
  });

  interopTest(`bandwidth limits count bytes inside TLS, with ${how}`, OPENSSL, async (stack) => {
    const { authority, sluice } = await terminating(stack, {
      tls,
      service: ["limits: { upload: 1MB/s, download: 1MB/s }"],
    });
    using client = await tlsClient(sluice.port(), authority);
    const began = performance.now();
    const [back] = await Promise.all([
      readAll(client),
      (async () => {
        await writeAll(client, MEBIBYTE);
        await writeAll(client, MEBIBYTE);
        await client.closeWrite();
      })(),
    ]);
    const seconds = (performance.now() - began) / 1000;
    assert.equal(back.length, 2 * MEBIBYTE.length);
    // The limit leaves out two bursts of a tenth of a second.
    assert.ok(seconds > 1.85 && seconds < 2.6, `${seconds} s`);
  });
}

interopTest("a client that has finished and reads late gets close_notify", OPENSSL, async (stack) => {
  const { authority, sluice } = await terminating(stack, {
    handle: async (conn) => {
      const size = Number(await readText(conn, 7));
      await readAll(conn);
      for (let left = size; left > 0; left -= MEBIBYTE.length) {
        await writeAll(conn, MEBIBYTE.subarray(0, left));
      }
      conn.close();
    },
  });
  const askLate = async (size: number) => {
    using client = await tlsClient(sluice.port(), authority);
    await writeText(client, `${size}`);
    await client.closeWrite();
    // Longer than a connection that is closing may take to send its last bytes.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.equal((await readAll(client)).length, size);
  };
  // About what two sockets hold: some of these sizes leave no room for close_notify.
  await Promise.all(Array.from({ length: 40 }, (_, index) => askLate(2_600_000 + index * 17_000)));
});

interopTest("a client that does not read is closed, with its descriptors", OPENSSL, async (stack) => {
  const { authority, sluice } = await terminating(stack, {
    service: ["idle_timeout: 300ms"],
    handle: async (conn) => {
      await readText(conn, 2);
      await new Progress().flood(conn);
    },
  });
  const before = await settledDescriptors(sluice.pid);
  using clients = new DisposableStack();
  for (let count = 0; count < 10; count++) {
    await writeText(clients.use(await tlsClient(sluice.port(), authority)), "go");
  }
  const lines = await sluice.loggedEvents("connection_closed", 10);
  assert.deepEqual(new Set(lines.map(({ code }) => code)), new Set(["idle_timeout"]));
  assert.equal(await descriptorsReach(sluice.pid, before), before);
});

interopTest("with reset: pass a reset goes through TLS, either way", OPENSSL, async (stack) => {
  const server = stack.use(await resettableServer());
  const { authority } = await terminating(stack);
  const pair = await authority.issue({ name: NAME });
  const sluice = stack.use(
    await Sluice.withConfig(
      `log: { format: json }\nservices: [{ name: test, listen: "127.0.0.1:0", upstream: "${server.address}", ` +
        `reset: pass, tls: { cert: "${pair.cert}", key: "${pair.key}" } }]\n`,
    ),
  );
  using client = await tlsClient(sluice.port(), authority);
  const behind = await server.accepted();
  behind.write("hello");
  assert.equal(await readText(client, 5), "hello");
  behind.resetAndDestroy();
  assert.equal(await endOf(client), "ConnectionReset");

  const socket = connectNode(sluice.port(), "127.0.0.1");
  const secured = connectTls({ socket, servername: NAME, rejectUnauthorized: false });
  for (const each of [socket, secured]) each.on("error", () => {});
  const next = await server.accepted();
  const broken = brokenBy(next);
  next.write("hello");
  await new Promise((resolve) => secured.once("data", resolve));
  socket.resetAndDestroy();
  assert.equal(await broken, "ECONNRESET");
  secured.destroy();
  const lines = await sluice.loggedEvents("connection_closed", 2);
  assert.deepEqual(lines.map(({ reason }) => reason), ["upstream reset", "client reset"]);
});

interopTest(
  "SIGHUP without new certificates fails no client, with engine: deno either",
  OPENSSL,
  async (stack) => {
    const { authority, sluice } = await terminating(stack, { tls: () => ["engine: deno"] });
    const over = new AbortController();
    let handshakes = 0;
    const client = async () => {
      while (!over.signal.aborted) {
        using conn = await tlsClient(sluice.port(), authority);
        await writeText(conn, "ping");
        assert.equal(await readText(conn, 4), "ping");
        handshakes += 1;
      }
    };
    const clients = Promise.all([client(), client(), client(), client()]);
    try {
      for (const end of [20, 40, 60, 80]) {
        sluice.kill("SIGHUP");
        while (handshakes < end) {
          await Promise.race([clients, tlsClient(sluice.port(), authority).then((conn) => conn.close())]);
        }
      }
    } finally {
      over.abort();
    }
    await clients;
    assert.deepEqual(sluice.events("certificate_reloaded"), []);
  },
);

interopTest("a client in the queue can be killed", OPENSSL, async (stack) => {
  const server = stack.use(upstream(echo));
  const sluice = stack.use(
    await Sluice.withConfig(
      `log: { format: json }\nadmin: { listen: "127.0.0.1:0" }\nservices: [{ name: test, listen: "127.0.0.1:0", ` +
        `upstream: "${server.address}", limits: { connections: 1, when_full: wait } }]\n`,
    ),
  );
  using first = await Deno.connect({ hostname: "127.0.0.1", port: sluice.port() });
  await writeText(first, "ping");
  assert.equal(await readText(first, 4), "ping");
  using second = await Deno.connect({ hostname: "127.0.0.1", port: sluice.port() });
  const api = `http://${sluice.ready.admin}/api/v1/connections`;
  let waiting: { readonly id: number; readonly endpoint: string | null }[] = [];
  while (waiting.length < 2) waiting = (await (await fetch(api)).json()).connections;
  const id = Math.max(...waiting.map((each) => each.id));
  await (await fetch(`${api}/${id}`, { method: "DELETE" })).body?.cancel();
  assert.equal(await endOf(second), "fin");
  // The log has the close, though neither side has closed.
  const [line] = await sluice.loggedEvents("connection_failed", 1);
  assert.deepEqual([line!.id, line!.code], [id, "killed"]);
  await writeText(first, "pong");
  assert.equal(await readText(first, 4), "pong");
});

/** How much of a flood has been sent. */
class Progress {
  mebibytes = 0;

  /** Sends {@linkcode MUCH}, and the end. */
  async flood(conn: Deno.Conn): Promise<void> {
    for (; this.mebibytes < MUCH; this.mebibytes++) await writeAll(conn, MEBIBYTE);
    await conn.closeWrite();
    await readAll(conn);
  }

  /** Resolves when the receiver has taken nothing for half a second. */
  async stalled(): Promise<void> {
    for (let before = -1; before !== this.mebibytes;) {
      before = this.mebibytes;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

function brokenBy(socket: Socket): Promise<string> {
  return new Promise((resolve) =>
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""))
  );
}

/** Its resident memory, in bytes. */
function memoryOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]) * 1024;
}
