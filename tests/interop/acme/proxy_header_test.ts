/** Routes by the server name of a PROXY header, where a certificate for that name is ordered and checked over TLS. */

import assert from "node:assert/strict";
import { encodeProxyHeader } from "../../../src/wire/proxy_protocol/proxy_protocol.ts";
import { clientHello } from "../../support/bytes/client_hellos.ts";
import { connect, echo, upstream, writeAll } from "../../support/peers/sockets.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { Sluice } from "../../support/program/program.ts";

Deno.test("a client takes the route of its PROXY header, whatever its ClientHello asks for", async () => {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(upstream(echo));
  const { path: storage } = stack.use(await temporaryDirectory());
  // Nothing can be ordered: no server is at port 1.
  const sluice = stack.use(
    await Sluice.withConfig(`
log: { format: json }
services:
  - name: shop
    listen: 127.0.0.1:0
    accept_proxy_protocol: { from: [127.0.0.1] }
    tls:
      acme: { names: [a.test], agree_to_terms: true, storage: "${storage}", directory: "https://127.0.0.1:1/" }
    routes:
      - { sni: [a.test, b.test], source_ip: 192.0.2.0/24, tls: false, upstream: "${server.address}" }
      - { sni: inner.test, tls: false, upstream: "127.0.0.1:1" }
`),
  );
  let clients = 0;
  for (const authority of ["a.test", "b.test"]) {
    for (const name of [{}, { sni: "inner.test" }, { sni: "none.test" }, { sni: authority }]) {
      using client = await connect(sluice.port());
      const source = { transport: "tcp", hostname: "192.0.2.1", port: 40000 } as const;
      const destination = { transport: "tcp", hostname: "192.0.2.2", port: 443 } as const;
      await client.write(encodeProxyHeader({ command: "proxy", source, destination, authority }, 2));
      const hello = clientHello({ ...name, alpn: ["h2"] });
      await writeAll(client, hello);
      await client.closeWrite();
      assert.deepEqual(new Uint8Array(await new Response(client.readable).arrayBuffer()), hello);
      clients += 1;
      const closed = (await sluice.loggedEvents("connection_closed", clients)).at(-1)!;
      assert.deepEqual([closed["route"], closed["sni"]], [0, authority]);
    }
  }
});
