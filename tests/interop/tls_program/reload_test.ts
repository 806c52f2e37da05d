/** A reload changes the TLS settings of a service. */

import assert from "node:assert/strict";
import { Reloadable } from "../../support/program/reloadable.ts";
import { connect, echo, readText, upstream, writeText } from "../../support/peers/sockets.ts";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { eventually } from "../../support/eventually.ts";
import { listenersOf } from "../../support/peers/listeners_of.ts";
import { NAME, tlsClient } from "../../support/program/tls_termination.ts";

interopTest("reloads add, change and remove TLS, and open connections stay", OPENSSL, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const [pair, other] = [await authority.issue({ name: NAME }), await authority.issue({ name: NAME })];
  const server = stack.use(upstream(echo));
  const yaml = (tls: string, more = "") =>
    `services:\n  - { name: test, listen: "127.0.0.1:0", upstream: "${server.address}"${tls} }\n${more}`;
  const tls = ({ cert, key }: typeof pair, keys = "") => `, tls: { cert: "${cert}", key: "${key}"${keys} }`;
  const reloadable = stack.use(
    await Reloadable.start(yaml(tls(pair, `, client_ca: "${authority.cert}", client_auth: require`))),
  );
  const port = reloadable.sluice.port();
  // While the socket of the previous engine drains, the kernel may give it a client, and resets that client when the
  // socket closes.
  const onlyOneListens = async () => {
    if (Deno.build.os !== "linux") return; // elsewhere addresses are not shared, and there is no /proc to read
    await eventually("one listener", () => listenersOf(port), (count) => count === 1);
  };
  const extra = `  - { name: extra, listen: "127.0.0.1:0", upstream: "${server.address}" }\n`;

  // Clients need no certificate any more, and the same reload adds a service.
  await reloadable.reload(yaml(tls(pair), extra));
  using first = await tlsClient(port, authority);
  await echoed(first);
  using plainExtra = await connect(await reloadable.portOf("extra"));
  await echoed(plainExtra);

  // Another certificate, first with Deno.listenTls, then with the engine of before.
  for (const keys of [", engine: deno", ""]) {
    await reloadable.reload(yaml(tls(other, keys)));
    await onlyOneListens();
    using client = await tlsClient(port, authority);
    await echoed(client);
  }

  // A file that cannot be read changes nothing.
  const refused = await reloadable.reload(
    yaml(tls({ cert: `${authority.directory}/none.pem`, key: other.key })),
    "reload_refused",
  );
  assert.match(String(refused["message"]), /services\[0\]\.tls\b.*none\.pem/);
  using still = await tlsClient(port, authority);
  await echoed(still);

  // No TLS at all.
  await reloadable.reload(yaml(""));
  await onlyOneListens();
  using plain = await connect(port);
  await echoed(plain);
  await echoed(first);
  // The first signal waits for those clients.
  reloadable.sluice.kill("SIGTERM");
  await reloadable.sluice.logged("no longer accepting");
  const { code, stderr } = await reloadable.sluice.stop();
  assert.equal(code, 0, stderr);
  assert.deepEqual(reloadable.sluice.events("unexpected_error"), []);
});

async function echoed(conn: Deno.Conn): Promise<void> {
  await writeText(conn, "text");
  assert.equal(await readText(conn, 4), "text");
}
