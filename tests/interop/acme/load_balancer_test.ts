/** A check of an ACME server that comes through a load balancer, which sends the server name in a PROXY header. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { EcKey } from "../../../src/acme/keys.ts";
import { acmeChallengeFolder } from "../../../src/config/values/acme_files.ts";
import { encodeProxyHeader } from "../../../src/wire/proxy_protocol/proxy_protocol.ts";
import { OPENSSL } from "../../support/certificates.ts";
import { interopTest, run } from "../../support/interop.ts";
import { connect, echo, type Upstream, upstream, writeAll } from "../../support/peers/sockets.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { Sluice } from "../../support/program/program.ts";

interopTest(
  "a check is answered whatever route the PROXY header of a load balancer leads to, and other clients take it",
  OPENSSL,
  async (stack) => {
    const { path: storage } = stack.use(await temporaryDirectory());
    const answers = acmeChallengeFolder(storage);
    await Deno.mkdir(answers, { recursive: true });
    const key = await EcKey.generate();
    const digest = new Uint8Array(createHash("sha256").update("proof").digest());
    await Deno.writeTextFile(
      join(answers, "a.test.pem"),
      key.challengeCertificate("a.test", digest, Date.now()) + key.toPem(),
    );
    const server = stack.use(upstream(echo));
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
    upstream: "${server.address}"
    routes:
      - { sni: a.test, source_ip: 192.0.2.0/24, tls: false, upstream: "${server.address}" }
`),
    );
    const balancer = stack.use(loadBalancer(sluice.port(), "a.test"));
    const check = await run("openssl", [
      "s_client",
      "-connect",
      balancer.address,
      "-servername",
      "a.test",
      "-alpn",
      "acme-tls/1",
    ]).then(({ text }) => text, (error: Error) => error.message);
    assert.match(check, /ALPN protocol: acme-tls\/1/);
    const [closed] = await sluice.loggedEvents("connection_closed", 1);
    assert.equal(closed!["code"], "acme_challenge");
    // Those of another kind go where the header leads them: the upstream sends their ClientHello back.
    const other = run("openssl", ["s_client", "-connect", balancer.address, "-servername", "a.test"]);
    await assert.rejects(other, /unexpected message|wrong version|alert/i);
    const [, passed] = await sluice.loggedEvents("connection_closed", 2);
    assert.equal(passed!["route"], 0);
  },
);

/** Passes connections on, with the name that it has read in their ClientHello. */
function loadBalancer(port: number, authority: string): Upstream {
  return upstream(async (client) => {
    using onward = await connect(port);
    const source = { transport: "tcp", hostname: "192.0.2.1", port: 40000 } as const;
    const destination = { transport: "tcp", hostname: "192.0.2.2", port: 443 } as const;
    await onward.write(encodeProxyHeader({ command: "proxy", source, destination, authority }, 2));
    await Promise.allSettled([pass(client, onward), pass(onward, client)]);
  });
}

/** Passes all bytes of one connection on to another, and its end. */
async function pass(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(16 * 1024);
  for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
    await writeAll(to, buffer.subarray(0, count));
  }
  await to.closeWrite();
}
