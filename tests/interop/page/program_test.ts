/** The page of the admin interface of the real program, in Chromium. */

import assert from "node:assert/strict";
import { eventually } from "../../support/eventually.ts";
import { type Ready, Sluice } from "../../support/program/program.ts";
import { connect, echo, endOf, readText, upstream, writeText } from "../../support/peers/sockets.ts";
import { CHROMIUM, openPage, textsOf, waitForText } from "./browser.ts";
import { interopTest } from "../../support/interop.ts";
import { FakeConsul } from "../../support/servers/fake_consul.ts";

interopTest("page: a connection appears, its bytes move, and Kill closes it", CHROMIUM, async (stack) => {
  const server = stack.use(upstream(echo));
  const sluice = stack.use(
    await Sluice.withConfig(`
admin: { listen: 127.0.0.1:0 }
services: [{ name: echo, listen: 127.0.0.1:0, upstream: "${server.address}" }]
`),
  );
  const { admin } = sluice.ready as Ready & { readonly admin: string };
  const page = await openPage(stack, `http://${admin}/`, { height: 1200 });
  await waitForText(page, "#state", /^Running$/);
  await waitForText(page, "#no-connections", /^No open connections\.$/);

  using client = await connect(sluice.port());
  const { port } = client.localAddr;
  const row = "#connection-rows tr";
  await waitForText(page, `${row} .client`, new RegExp(`^127\\.0\\.0\\.1:${port}$`));
  await waitForText(page, `${row} .endpoint`, new RegExp(`^${server.address}$`));
  await waitForText(page, `${row} .bytes`, /^0 B$/);
  await exchange(client, 700);
  await waitForText(page, `${row} .bytes`, /^1\.4 KiB$/);
  await exchange(client, 700);
  await waitForText(page, `${row} .bytes`, /^2\.7 KiB$/);
  await waitForText(page, "#services .major", /^1$/);

  const id = (await textsOf(page, `${row} .id`))[0]!;
  await page.click(`button[aria-label="kill connection ${id}"]`);
  await page.click(`button[aria-label="Really kill connection ${id}?"]`);
  assert.ok(["fin", "ConnectionReset"].includes(await endOf(client)));
  await waitForText(page, "#notice", new RegExp(`^Connection ${id} is closed\\.$`));
  await eventually("no row", () => textsOf(page, row), (rows) => rows.length === 0);
  await waitForText(
    page,
    "#events .text",
    new RegExp(`^echo #${id} 127\\.0\\.0\\.1:${port} → ${server.address}: `),
  );
});

interopTest(
  "page: the length of a queue, and what a check got instead, are there",
  CHROMIUM,
  async (stack) => {
    const server = stack.use(upstream(async (conn) => {
      await writeText(conn, "-LOADING\r\n");
      await echo(conn);
    }));
    const sluice = stack.use(
      await Sluice.withConfig(`
admin: { listen: 127.0.0.1:0 }
services:
  - name: test
    listen: 127.0.0.1:0
    upstream:
      endpoints: [{ address: "${server.address}", max_connections: 1 }]
      queue: 60s
      health_check: { script: [{ expect: +PONG }] }
`),
    );
    const page = await openPage(stack, `http://${sluice.ready.admin}/`, { height: 1200 });
    await waitForText(page, "#upstreams .cause", /^answered "-LOADING\\r\\n" instead of "\+PONG"$/);
    await waitForText(page, "#upstreams .health", /^down$/);
    await waitForText(page, "#upstreams .group .minor", / · 0 of 1 usable · 0 in the queue$/);
    using first = await connect(sluice.port());
    await readText(first, 10);
    const waiting = await connect(sluice.port());
    await waitForText(page, "#upstreams .group .minor", / · 1 in the queue$/);
    waiting.close();
    await waitForText(page, "#upstreams .group .minor", / · 0 in the queue$/);
  },
);

interopTest("page: where endpoints come from, and why the source fails", CHROMIUM, async (stack) => {
  const consul = stack.use(new FakeConsul());
  const sluice = stack.use(
    await Sluice.withConfig(`
admin: { listen: 127.0.0.1:0 }
services:
  - name: test
    listen: 127.0.0.1:0
    upstream: { discovery: { consul: { service: db, address: "${consul.address}" } } }
`),
  );
  const page = await openPage(stack, `http://${sluice.ready.admin}/`, { height: 1200 });
  const source = ` · from Consul \\(service db at ${consul.address}\\), which`;
  const about = "#upstreams .group .minor";
  await waitForText(
    page,
    about,
    new RegExp(`0 of 0 usable${source} (answered .* ago|has not answered yet)$`),
  );
  consul.set([{ address: "192.0.2.1", port: 5432 }]);
  await waitForText(page, about, new RegExp(`1 of 1 usable${source} answered [\\d.]+ m?s ago$`));
  consul.answer = () => new Response("No cluster leader", { status: 500 });
  consul.wake();
  await waitForText(
    page,
    "#upstreams .group .cause",
    /^Consul at http:\/\/.*: status 500: No cluster leader$/,
  );
});

async function exchange(client: Deno.Conn, size: number): Promise<void> {
  await writeText(client, "x".repeat(size));
  await readText(client, size);
}
