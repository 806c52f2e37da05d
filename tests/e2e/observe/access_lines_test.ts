/** Which lines connections leave: `log.access.at` and `log.access.skip`. */

import assert from "node:assert/strict";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { eventually } from "../../support/eventually.ts";
import { interopTest } from "../../support/interop.ts";
import {
  connect,
  connectAndReset,
  echo,
  endOf,
  readAll,
  readText,
  refusingAddress,
  upstream,
  writeText,
} from "../../support/peers/sockets.ts";
import { Admin } from "../../support/program/admin.ts";
import { Sluice } from "../../support/program/program.ts";

Deno.test("log.access.at writes lines with the same id when a client, and when its upstream has connected", async () => {
  await using server = upstream(echo);
  await using sluice = await Sluice.withConfig(`
log: { format: json, access: { at: [open, connected, closed] } }
services: [{ name: test, listen: 0, upstream: "${server.address}" }]
`);
  const client = await connect(sluice.port());
  const port = client.localAddr.port;
  await writeText(client, "hello");
  assert.equal(await readText(client, 5), "hello");
  const [accepted] = await sluice.loggedEvents("connection_accepted", 1);
  const [connected] = await sluice.loggedEvents("connection_connected", 1);
  // It has not ended yet.
  assert.deepEqual(sluice.events("connection_closed"), []);
  client.close();
  const [closed] = await sluice.loggedEvents("connection_closed", 1);
  for (const line of [accepted!, connected!, closed!]) {
    assert.deepEqual([line["id"], line["client"], line["level"]], [
      closed!["id"],
      `127.0.0.1:${port}`,
      "info",
    ]);
  }
  assert.deepEqual([accepted!["endpoint"], connected!["endpoint"]], [undefined, server.address]);
});

/** A service each, all with a server that answers. */
const PROBED: Record<string, (cert: string, other: string) => string> = {
  plain: () => "",
  header: () => "accept_proxy_protocol: { from: 127.0.0.1 }",
  certificate: (cert) => `tls: { certificates: [${cert}] }`,
  certificates: (cert, other) => `tls: { certificates: [${cert}, ${other}] }`,
  starttls: (cert) => `tls: { certificates: [${cert}], starttls: smtp }`,
  routed: () => "routes: [{ sni: a.test, upstream: server }]",
};

interopTest(
  "log.access.skip leaves out probes before any byte, wherever they end, and nothing else",
  OPENSSL,
  async () => {
    await using authority = await CertificateAuthority.create();
    const [cert, other] = (await Promise.all(["a.test", "b.test"].map((name) => authority.issue({ name }))))
      .map((pair) => `{ cert: "${pair.cert}", key: "${pair.key}" }`);
    await using server = upstream(echo);
    await using refusing = await refusingAddress();
    const services = Object.entries(PROBED).map(([name, keys]) =>
      `  - { ${[`name: ${name}`, "listen: 0", keys(cert!, other!)].filter(Boolean).join(", ")}${
        name === "routed" ? "" : ", upstream: server"
      } }`
    );
    await using sluice = await Sluice.withConfig(`
log: { format: json, access: { skip: [empty] } }
admin: { listen: 127.0.0.1:0 }
upstreams: { server: { endpoints: ["${server.address}"] } }
services:
${services.join("\n")}
  - { name: refusing, listen: 0, upstream: "${refusing.address}" }
`);
    const admin = new Admin(sluice);
    const names = Object.keys(PROBED);
    for (const index of names.keys()) {
      const probe = await connect(sluice.port(index));
      await probe.closeWrite();
      await readAll(probe).catch(() => {});
      probe.close();
      await connectAndReset(sluice.port(index));
    }
    await eventually(
      "probes to be counted",
      () => admin.metrics(),
      (metrics) => names.every((name) => metrics.sum("sluice_access_log_skipped_total", name) === 2),
    );
    const metrics = await admin.metrics();
    for (const name of names) {
      assert.equal(metrics.sum("sluice_connections_total", name), 2, name);
    }
    assert.doesNotMatch(sluice.stderr, /"event":"connection_/);

    // One byte, and it is no probe.
    for (const index of names.keys()) {
      using client = await connect(sluice.port(index));
      await writeText(client, "P");
      await client.closeWrite();
      await readAll(client).catch(() => {});
    }
    using failed = await connect(sluice.port(names.length));
    await endOf(failed);
    const logged = await eventually(
      "a line each",
      () =>
        sluice.stderr.split("\n").filter((line) => line.includes('"event":"connection_')).map((line) =>
          JSON.parse(line)
        ),
      ({ length }) => length === names.length + 1,
    );
    const counts = Object.entries(Object.groupBy(logged, ({ service }) => service)).map((
      [name, lines],
    ) => [name, lines!.length]);
    assert.deepEqual(Object.fromEntries(counts), {
      ...Object.fromEntries(names.map((name) => [name, 1])),
      refusing: 1,
    });
  },
);

Deno.test("log.access.skip: silent leaves out probes that only read the greeting", async () => {
  await using server = upstream(async (conn) => {
    await writeText(conn, "220 ready\r\n");
    await echo(conn);
  });
  for (const word of ["empty", "silent"]) {
    await using sluice = await Sluice.withConfig(`
log: { format: json, access: { skip: [${word}] } }
admin: { listen: 127.0.0.1:0 }
services: [{ name: test, listen: 0, upstream: "${server.address}" }]
`);
    const admin = new Admin(sluice);
    const probe = await connect(sluice.port());
    assert.equal(await readText(probe, 11), "220 ready\r\n");
    probe.close();
    const metrics = await eventually(
      "its end",
      () => admin.metrics(),
      (metrics) => metrics.sum("sluice_connections_closed_total") === 1,
    );
    assert.equal(metrics.sum("sluice_access_log_skipped_total"), word === "silent" ? 1 : 0);
    if (word === "empty") await sluice.loggedEvents("connection_closed", 1);
  }
});
