/** The page of the admin interface in Chromium: its states, its layouts, and how much work it is for the browser. */

import assert from "node:assert/strict";
import axe from "axe-core";
import { eventually } from "../../support/eventually.ts";
import { CHROMIUM, textsOf, waitForText } from "./browser.ts";
import { interopTest } from "../../support/interop.ts";
import { openPageFixture, portOf, serveBackend, showConnections } from "./page_fixture.ts";

interopTest("page: asks for the token, and keeps it for this tab only", CHROMIUM, async (stack) => {
  const { page } = await openPageFixture(stack, { token: "correct-horse" });
  await page.waitForSelector("#sign-in:not([hidden])");
  await waitForText(page, "#state", /^Token needed$/);
  await page.type("#token", "battery-staple");
  await page.keyboard.press("Enter");
  await waitForText(page, "#token-error", /^Wrong token\.$/);
  await page.type("#token", "correct-horse");
  await page.keyboard.press("Enter");
  await showConnections(page);
  await waitForText(page, "#matching", /^299 open$/);
  assert.equal(await page.$eval("#sign-in", (form) => form.hidden), true);

  await page.reload();
  await waitForText(page, "#state", /^Running$/);
  assert.deepEqual(await page.evaluate("[Object.values(sessionStorage), Object.values(localStorage)]"), [
    ["correct-horse"],
    [],
  ]);
  await page.click("#forget-token");
  await page.waitForSelector("#sign-in:not([hidden])");
  assert.deepEqual(await page.evaluate("Object.values(sessionStorage)"), []);
});

interopTest("page: reports a lost connection, and reconnects", CHROMIUM, async (stack) => {
  const { page, server, backend } = await openPageFixture(stack);
  await waitForText(page, "#state", /^Running$/);
  await server.close();
  await waitForText(page, "#banner-text", /The figures are from \d\d:\d\d:\d\d\. Retrying at /);
  await waitForText(page, "#state", /^Disconnected$/);
  assert.match(await page.title(), /^Disconnected: sluice 127\.0\.0\.1:/);
  assert.ok(await page.$("body.stale"));

  await serveBackend(stack, backend, portOf(server));
  await page.click("#retry");
  await waitForText(page, "#state", /^Running$/);
  assert.equal(await page.$("body.stale"), null);
  assert.equal(await page.$eval("#banner", (banner) => banner.hidden), true);
  await waitForText(page, "#events .text", /^Connected again$/);
});

interopTest("page: shows that the program is not ready, and that it drains", CHROMIUM, async (stack) => {
  const { page, backend } = await openPageFixture(stack);
  backend.notReady = ['the upstream group "mail" has no endpoint that is up'];
  await waitForText(page, "#state", /^Not ready$/);
  await waitForText(page, "#banner-text", /^Not ready: the upstream group "mail"/);
  backend.drain();
  await waitForText(page, "#state", /^Draining$/);
  await waitForText(page, "#banner-text", /^Draining: it is not ready any more/);
  await waitForText(page, "#events .text", /^Stopping; 299 connections open$/);
});

interopTest("page: shows names from the network as text", CHROMIUM, async (stack) => {
  const { page, backend } = await openPageFixture(stack);
  await waitForText(page, "#state", /^Running$/);
  const detail = "<img src=x onerror=document.title='owned'>";
  backend.publish({ type: "reload", time: new Date().toISOString(), ok: false, detail });
  await waitForText(page, "#events .text", /^Failed: <img src=x/);
  assert.equal(await page.$("#events img"), null);
});

interopTest("page: fits into 400 pixels without cutting anything off", CHROMIUM, async (stack) => {
  const { page } = await openPageFixture(stack, { width: 400 });
  await showConnections(page);
  await waitForText(page, "#connection-rows .client", /^10\./);
  assert.equal(await page.$eval("html", (html) => html.scrollWidth), 400);
  await page.select("#sort", "client");
  await eventually(
    "clients in order",
    () => textsOf(page, "#connection-rows .client"),
    (clients) =>
      clients.length > 1 && clients.every((client, index) => index === 0 || clients[index - 1]! <= client),
  );
});

for (const theme of ["light", "dark"] as const) {
  interopTest(`page: no rule of accessibility is broken in ${theme} colours`, CHROMIUM, async (stack) => {
    const { page, backend } = await openPageFixture(stack, { height: 2200, theme });
    backend.tick();
    await waitForText(page, "#events .label", /^refused$/);
    await waitForText(page, "#connection-rows .client", /^10\./);
    await page.evaluate(axe.source);
    const { violations, passes } = await page.evaluate("axe.run()") as axe.AxeResults;
    const broken = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join("\n")}`);
    assert.deepEqual(broken, []);
    assert.ok(passes.some(({ id }) => id === "color-contrast"));
  });
}

interopTest("page: the colour switch overrides the system's, and stays", CHROMIUM, async (stack) => {
  const { page } = await openPageFixture(stack, { theme: "light" });
  await waitForText(page, "#state", /^Running$/);
  const ground = () =>
    page.$eval("html", (html) => html.ownerDocument.defaultView.getComputedStyle(html).backgroundColor);
  const light = await ground();
  await page.click('#theme input[value="dark"]');
  const dark = await ground();
  assert.notEqual(dark, light);
  await page.reload();
  await waitForText(page, "#state", /^Running$/);
  assert.equal(await ground(), dark);
  await page.click('#theme input[value="auto"]');
  assert.equal(await ground(), light);
});

interopTest("page: figures that stay the same change nothing in the document", CHROMIUM, async (stack) => {
  const { page, backend } = await openPageFixture(stack, { connections: 5000, height: 2000 });
  // The first sample has no rates; the figures stay the same only after the next samples.
  await waitForText(page, "#services .major", /^0 B\/s$/);
  await waitForText(page, "#connection-rows .client", /^10\./);
  await page.evaluate(`
    globalThis.changes = [];
    new MutationObserver((records) => changes.push(...records.map(({ target }) => target.id || target.outerHTML)))
      .observe(document.body, { childList: true, characterData: true, attributes: true, subtree: true });
  `);
  const asked = backend.queries.length;
  await eventually("three more updates", () => backend.queries.length, (count) => count >= asked + 3);
  assert.deepEqual(await page.evaluate("changes"), []);
});
