/** A reset when the other side has finished inside TLS is no failure, on either leg and with either engine. */

import assert from "node:assert/strict";
import { connect as connectNode, createServer, type Socket } from "node:net";
import {
  connect,
  echo,
  endOf,
  readText,
  Upstream,
  upstream,
  writeText,
} from "../../support/peers/sockets.ts";
import { Sluice } from "../../support/program/program.ts";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { NAME, terminating, tlsClient } from "../../support/program/tls_termination.ts";

for (const engine of ["node:tls", "Deno.listenTls"]) {
  const tls = () => [`engine: ${engine === "node:tls" ? "node" : "deno"}`];

  interopTest(
    `the upstream resets after the client's close_notify, with ${engine}`,
    OPENSSL,
    async (stack) => {
      const server = stack.use(upstream(echo));
      const path = stack.use(await resettingPath(server.port, "client"));
      const { authority, sluice } = await terminating(stack, { tls, upstream: path.address });
      using client = await tlsClient(sluice.port(), authority);
      await writeText(client, "ping");
      assert.equal(await readText(client, 4), "ping");
      await client.closeWrite();
      await endOf(client);
      assert.deepEqual(await reasonOf(sluice), ["client closed, then upstream reset", undefined]);
    },
  );

  interopTest(`the client resets after the upstream's FIN, with ${engine}`, OPENSSL, async (stack) => {
    const { authority, sluice } = await terminating(stack, {
      tls,
      handle: async (conn) => {
        await writeText(conn, "hello");
        await conn.closeWrite();
        await endOf(conn);
      },
    });
    const path = stack.use(await resettingPath(sluice.port(), "server"));
    using client = await tlsClient(path.port, authority);
    await readText(client, 5);
    assert.deepEqual(await reasonOf(sluice), ["upstream closed, then client reset", undefined]);
  });
}

interopTest("an upstream inside TLS resets after the client's FIN", OPENSSL, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const pair = await authority.issue({ name: NAME });
  const [cert, key] = await Promise.all([Deno.readTextFile(pair.cert), Deno.readTextFile(pair.key)]);
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
  const over = Promise.withResolvers<void>();
  // It stops reading, so it sends no close_notify in answer to ours.
  const answer = async (conn: Deno.Conn) => {
    await writeText(conn, await readText(conn, 4));
    await over.promise;
  };
  const server = stack.use(new Upstream(listener as unknown as Deno.TcpListener, answer));
  stack.defer(() => over.resolve());
  const path = stack.use(await resettingPath(server.port, "client"));
  const sluice = stack.use(
    await Sluice.before(path.address, [`upstream_tls: { ca: "${authority.cert}", server_name: ${NAME} }`]),
  );
  using client = await connect(sluice.port());
  await writeText(client, "ping");
  assert.equal(await readText(client, 4), "ping");
  await client.closeWrite();
  await endOf(client);
  assert.match(await sluice.logged("closed,"), /closed, client closed, then upstream reset/);
});

async function reasonOf(sluice: Sluice): Promise<unknown[]> {
  const [line] = await sluice.loggedEvents("connection_closed", 1);
  return [line!.reason, line!.code];
}

/** A relay to `port` that resets a side as soon as that side has sent its FIN, and does not pass the FIN on. */
async function resettingPath(port: number, side: "client" | "server") {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const onward = connectNode({ host: "127.0.0.1", port, allowHalfOpen: true });
    for (
      const [from, to, isReset] of [[client, onward, side === "client"], [
        onward,
        client,
        side === "server",
      ]] as const
    ) {
      sockets.add(from);
      from.on("error", () => to.destroy());
      from.on("data", (bytes) => to.write(bytes));
      from.on("end", () => void (isReset ? from.resetAndDestroy() : to.end()));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address() as { port: number };
  return {
    port: address.port,
    address: `127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
