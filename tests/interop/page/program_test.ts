/** The page of the admin interface of the real program, in Chromium. */

import assert from "node:assert/strict";
import { eventually } from "../../support/eventually.ts";
import { type Ready, Sluice } from "../../support/program/program.ts";
import { connect, echo, endOf, readText, upstream, writeText } from "../../support/peers/sockets.ts";
import { CHROMIUM, openPage, textsOf, waitForText } from "./browser.ts";
import { interopTest } from "../../support/interop.ts";

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

async function exchange(client: Deno.Conn, size: number): Promise<void> {
  await writeText(client, "x".repeat(size));
  await readText(client, size);
}
