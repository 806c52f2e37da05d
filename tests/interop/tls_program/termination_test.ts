/** TLS termination: which clients are admitted, and how connections end. */

import assert from "node:assert/strict";
import { clientHello } from "../../support/bytes/client_hellos.ts";
import { descriptorsReach, settledDescriptors } from "../../support/peers/descriptors.ts";
import {
  connect,
  endOf,
  readAll,
  readText,
  upstream,
  writeAll,
  writeText,
} from "../../support/peers/sockets.ts";
import { Sluice, within } from "../../support/program/program.ts";
import { CertificateAuthority, type KeyPair, OPENSSL } from "../../support/certificates.ts";
import { interopTest, run, spawn } from "../../support/interop.ts";
import { REDIS, startRedis } from "../servers/redis.ts";
import { NAME, terminating, tlsClient } from "../../support/program/tls_termination.ts";
import { openssl } from "../servers/tls_clients.ts";

const REDIS_CLI = {
  needs: [...REDIS.needs, "redis-cli", "redis-benchmark", "openssl"],
  install: "apt-get install redis openssl",
};

for (const engine of ["node", "deno"] as const) {
  const how = engine === "node" ? "node:tls" : "Deno.listenTls";
  const tls = () => [`engine: ${engine}`];

  interopTest(`megabytes through TLS are what was sent, with ${how}`, OPENSSL, async (stack) => {
    const { authority, sluice } = await terminating(stack, { tls });
    using client = await tlsClient(sluice.port(), authority);
    const sent = crypto.getRandomValues(new Uint8Array(65_536));
    const received = readAll(client);
    for (let round = 0; round < 64; round++) await writeAll(client, sent);
    await client.closeWrite();
    const all = await received;
    assert.equal(all.length, 64 * sent.length);
    for (let round = 0; round < 64; round++) {
      assert.deepEqual(all.subarray(round * sent.length, (round + 1) * sent.length), sent);
    }
    const [line] = await sluice.loggedEvents("connection_closed", 1);
    assert.equal(line!.reason, "client closed");
    assert.equal(line!.bytes_from_client, 64 * sent.length);
    assert.equal(line!.bytes_from_upstream, 64 * sent.length);
  });

  interopTest(`either side may finish first inside TLS, with ${how}`, OPENSSL, async (stack) => {
    const { authority, sluice } = await terminating(stack, {
      tls,
      handle: async (conn) => {
        await writeText(conn, "hello");
        await conn.closeWrite();
        await writeText(conn, "").catch(() => {});
        await readAll(conn);
        conn.close();
      },
    });
    using client = await tlsClient(sluice.port(), authority);
    assert.equal(new TextDecoder().decode(await readAll(client)), "hello");
    await writeText(client, "bye");
    await client.closeWrite();
    const [line] = await sluice.loggedEvents("connection_closed", 1);
    assert.equal(line!.reason, "upstream closed");
    assert.equal(line!.bytes_from_client, 3);
  });

  interopTest(
    `clients without TLS or with the wrong authority are refused and counted as such, with ${how}`,
    OPENSSL,
    async (stack) => {
      const { sluice, server } = await terminating(stack, {
        tls: () => [`engine: ${engine}`, "alpn: [h2]"],
      });
      using plain = await connect(sluice.port());
      await writeText(plain, "GET / HTTP/1.0\r\n\r\n");
      assert.match(await endOf(plain), /^(fin|ConnectionReset)$/);
      const [line] = await sluice.loggedEvents("connection_refused", 1);
      assert.equal(line!.code, "tls_handshake_failed");
      assert.equal(line!.detail, "The client sent something that is not TLS");
      const { code } = await openssl(sluice.port(), ["-alpn", "imap"]);
      assert.notEqual(code, 0);
      const other = (await sluice.loggedEvents("connection_refused", 2))[1];
      assert.equal(other!.detail, "The client has no protocol (ALPN) in common with us");
      assert.equal(server.accepted, 0);
    },
  );

  interopTest(`silent clients do not keep others out, with ${how}`, OPENSSL, async (stack) => {
    const { authority, sluice } = await terminating(stack, {
      tls: () => [`engine: ${engine}`, "handshake_timeout: 2m"],
    });
    using silent = new DisposableStack();
    await connectSilently(silent, sluice, 500);
    // Long before the first of them is closed for its silence.
    using client = await within(60_000, "the handshake", tlsClient(sluice.port(), authority));
    await writeText(client, "ping");
    assert.equal(await readText(client, 4), "ping");
    client.close();
    assert.ok(!sluice.stderr.includes("tls_handshake_timeout"), sluice.stderr);
  });

  interopTest(`silent clients are closed after handshake_timeout, with ${how}`, OPENSSL, async (stack) => {
    const { sluice } = await terminating(stack, {
      tls: () => [`engine: ${engine}`, "handshake_timeout: 1s"],
    });
    const before = await settledDescriptors(sluice.pid);
    using silent = new DisposableStack();
    await connectSilently(silent, sluice, 20);
    await sluice.logged("tls_handshake_timeout");
    // Deno.listenTls keeps the socket of a client that sends nothing.
    if (engine === "node") assert.equal(await descriptorsReach(sluice.pid, before), before);
  });
}

/** Half of them send nothing, the others part of a ClientHello. */
async function connectSilently(stack: DisposableStack, sluice: Sluice, count: number): Promise<void> {
  const hello = clientHello({ sni: NAME });
  for (let client = 0; client < count; client++) {
    const conn = stack.use(await connect(sluice.port()));
    if (client % 2 === 1) await writeAll(conn, hello.subarray(0, 50));
  }
}

interopTest("mTLS admits clients with a valid certificate only", OPENSSL, async (stack) => {
  const { authority, sluice, server } = await terminating(stack, {
    tls: (authority) => [`client_ca: "${authority.cert}"`],
    handle: async (conn) => {
      await writeText(conn, "welcome");
      conn.close();
    },
  });
  const rogue = stack.use(await CertificateAuthority.create("Rogue"));
  const as = async (pair?: KeyPair) => {
    const args = pair === undefined ? [] : ["-cert", pair.cert, "-key", pair.key];
    return await openssl(sluice.port(), [...args, "-ign_eof"], " ".repeat(7));
  };
  const usage = "clientAuth";
  const good = await as(await authority.issue({ name: "alice", usage }));
  assert.equal(good.received, "welcome");
  const [closed] = await sluice.loggedEvents("connection_closed", 1);
  assert.equal(closed!.upstream, server.address);
  const bad: [pair: KeyPair | undefined, detail: RegExp][] = [
    [undefined, /sent no certificate/],
    [await rogue.issue({ name: "mallory", usage }), /its issuer, .*Rogue, is not trusted/],
    [await authority.issue({ name: "old", usage, from: -10, until: -1 }), /it expired on/],
    [await authority.issue({ name: "server", usage: "serverAuth" }), /key usage/],
  ];
  for (const [index, [pair, detail]] of bad.entries()) {
    const { received } = await as(pair);
    assert.equal(received, "");
    const line = (await sluice.loggedEvents("connection_refused", index + 1))[index];
    assert.match(`${line!.detail}`, detail);
    assert.equal(line!.code, index === 0 ? line!.code : "tls_certificate_rejected");
  }
  assert.equal(server.accepted, 1);
});

interopTest("the name a client asks for picks its certificate and its route", OPENSSL, async (stack) => {
  const answering = (text: string) => async (conn: Deno.TcpConn) => {
    await writeText(conn, text);
    conn.close();
  };
  const shop = stack.use(upstream(answering("shop")));
  const protocol = stack.use(upstream(answering("h2")));
  const { authority, sluice } = await terminating(stack, {
    names: [["shop.test", "*.shop.test"]],
    tls: () => ["alpn: [h2, http/1.1]"],
    service: [
      `routes: [{ sni: [shop.test, "*.shop.test"], upstream: "${shop.address}" }, ` +
      `{ alpn: h2, upstream: "${protocol.address}" }]`,
    ],
    handle: answering("rest"),
  });
  const ask = async (hostname: string, alpn?: string[]) => {
    using conn = await tlsClient(sluice.port(), authority, {
      hostname,
      ...alpn === undefined ? {} : { alpn },
    });
    return new TextDecoder().decode(await readAll(conn));
  };
  assert.equal(await ask("shop.test"), "shop");
  assert.equal(await ask("a.shop.test", ["h2"]), "shop");
  assert.equal(await ask(NAME, ["http/1.1"]), "rest");
  assert.equal(await ask(NAME, ["h2", "http/1.1"]), "h2");
  // A wildcard stands for one label: this name gets the default certificate, which is not for it.
  await assert.rejects(ask("b.a.shop.test"), /NotValidForName|invalid peer certificate/);
  const lines = await sluice.loggedEvents("connection_closed", 4);
  const line = lines.find(({ sni }) => sni === "a.shop.test");
  assert.deepEqual([line?.upstream, line?.event], [shop.address, "connection_closed"]);
});

interopTest("redis-cli and redis-benchmark work with TLS before a plain Redis", REDIS_CLI, async (stack) => {
  const redis = await startRedis(stack);
  const authority = stack.use(await CertificateAuthority.create());
  const pair = await authority.issue({ name: "localhost", names: ["DNS:localhost", "IP:127.0.0.1"] });
  const sluice = stack.use(
    await Sluice.withConfig(
      `services: [{ name: redis, listen: "127.0.0.1:0", upstream: "127.0.0.1:${redis.port}", ` +
        `tls: { cert: "${pair.cert}", key: "${pair.key}" } }]`,
    ),
  );
  const tls = ["--tls", "--cacert", authority.cert, "-h", "127.0.0.1", "-p", `${sluice.port()}`];
  const cli = async (...command: string[]) => (await run("redis-cli", [...tls, ...command])).text.trim();
  assert.equal(await cli("SET", "colour", "green"), "OK");
  assert.equal(await cli("GET", "colour"), "green");
  const { text } = await run("redis-benchmark", [
    ...tls,
    "-t",
    "set,get",
    "-n",
    "2000",
    "-c",
    "20",
    "-q",
    "-d",
    "3000",
  ]);
  assert.match(text, /SET: [\d.]+ requests per second/);
  assert.match(text, /GET: [\d.]+ requests per second/);
});

interopTest(
  "an end without close_notify is not an error",
  OPENSSL,
  async (stack) => {
    const { sluice } = await terminating(stack, { tls: () => ["engine: deno"] });
    // With TLS 1.2 the process has nothing unread when it dies, so the kernel sends a FIN for it.
    const args = ["s_client", "-connect", `127.0.0.1:${sluice.port()}`, "-quiet", "-tls1_2"];
    const client = spawn("openssl", args, { input: "" });
    const writer = client.stdin.getWriter();
    await writer.write(new TextEncoder().encode("ping"));
    const reader = client.stdout.getReader();
    assert.equal(new TextDecoder().decode((await reader.read()).value), "ping");
    client.kill("SIGKILL");
    const [line] = await sluice.loggedEvents("connection_closed", 1);
    assert.equal(line!.reason, "client closed without close_notify");
    assert.deepEqual([line!.level, line!.code], ["info", undefined]);
    await Promise.all([client.status, reader.cancel(), writer.abort(), client.stderr.cancel()]);
  },
);
