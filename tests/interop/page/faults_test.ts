/** The faults in the page of the admin interface of the real program, in Chromium. */

import assert from "node:assert/strict";
import axe from "axe-core";
import type { Page } from "puppeteer-core";
import { eventually } from "../../support/eventually.ts";
import { interopTest } from "../../support/interop.ts";
import { connect, echo, readText, upstream, writeText } from "../../support/peers/sockets.ts";
import { type Ready, Sluice } from "../../support/program/program.ts";
import { CHROMIUM, focusedIn, openPage, textsOf, type View, waitForText } from "./browser.ts";

const ADD = 'button[aria-label="Add fault to echo"]';
const FORM = ".fault-form";

/** In milliseconds. */
const LATENCY = 700;

interopTest(
  "page: a latency that is added slows the next request, until it is removed",
  CHROMIUM,
  async (stack) => {
    const { page, sluice } = await openFaults(stack, "faults: true");
    using client = await connect(sluice.port());
    assert.ok(await timeOfRequest(client) < LATENCY);
    await page.waitForSelector(ADD);
    await page.click(ADD);
    await fill(page, "latency", `${LATENCY}ms`);
    await page.keyboard.press("Enter");
    await waitForText(page, "#notice", /^latency_download is added to echo\.$/);
    assert.equal(await focusedIn(page), "Add fault to echo");
    assert.deepEqual(await textsOf(page, ".fault-list .does"), [`latency ${LATENCY}ms, download`]);
    assert.ok(await timeOfRequest(client) >= LATENCY);
    await waitForText(page, ".fault-list .applied", /^applied to 1 connection$/);
    await waitForText(page, "#connection-rows .endpoint .tag", /^1 fault$/);
    await waitForText(page, "#events .text", /^echo #\d+ 127\.0\.0\.1:\d+: latency_download$/);

    await page.click('[aria-label="latency_download of echo"] button:last-child');
    await waitForText(page, "#notice", /^latency_download of echo is off\.$/);
    assert.ok(await timeOfRequest(client) < LATENCY);
    await page.click('[aria-label="latency_download of echo"] button:first-child');
    await waitForText(page, "#notice", /^latency_download of echo is on\.$/);
    assert.ok(await timeOfRequest(client) >= LATENCY);

    await page.click('button[aria-label="remove latency_download of echo"]');
    await page.click('button[aria-label="Really remove latency_download of echo?"]');
    await waitForText(page, "#notice", /^latency_download is removed from echo\.$/);
    assert.equal(await focusedIn(page), "Add fault to echo");
    assert.deepEqual(await textsOf(page, ".fault-list li"), []);
    assert.ok(await timeOfRequest(client) < LATENCY);
  },
);

interopTest("page: the form of a fault shows problems beside their fields", CHROMIUM, async (stack) => {
  const { page } = await openFaults(stack, "faults: true");
  await page.waitForSelector(ADD);
  await page.click(ADD);
  await page.select(`${FORM} select[name="type"]`, "latency");
  await fill(page, "latency", "soon");
  await page.click(`${FORM} summary`);
  await fill(page, "client", "10.0.0.0/8, 10.1.0.0/99");
  await page.click(`${FORM} summary`);
  await page.click(`${FORM} button[type="submit"]`);
  await waitForText(page, `${FORM} .problem`, /^Cannot parse duration "soon"/);
  await waitForText(page, `${FORM} .problem`, /^Cannot parse "10\.1\.0\.0\/99"/);
  assert.equal(
    await problemOf(page, "latency"),
    'Cannot parse duration "soon": expected a number with a unit (ms, s, m, h, d) such as "5s"',
  );
  assert.match(await problemOf(page, "client"), /^Cannot parse "10\.1\.0\.0\/99"/);
  assert.equal(await problemOf(page, "jitter"), "");
  assert.equal(await page.$eval(`${FORM} details`, (details) => details.open), true);
  assert.equal(await page.$eval(`${FORM} input:focus`, (field) => field.name), "latency");

  await fill(page, "latency", "1s");
  assert.equal(await problemOf(page, "latency"), "");
  await fill(page, "client", "10.0.0.0/8, 10.1.0.0/16");
  await page.keyboard.press("Enter");
  await waitForText(
    page,
    ".fault-list .does",
    /^latency 1s, download, client 10\.0\.0\.0\/8, 10\.1\.0\.0\/16$/,
  );

  await page.click(ADD);
  await fill(page, "latency", "1s");
  await fill(page, "name", "latency_download");
  await page.keyboard.press("Enter");
  await waitForText(page, `${FORM} .problem`, /^Service "echo" has a fault "latency_download" already$/);
  assert.match(await problemOf(page, "name"), /already$/);
});

interopTest(
  "page: a fault is changed with the values that it has, and Escape leaves the form",
  CHROMIUM,
  async (stack) => {
    const { page } = await openFaults(
      stack,
      "",
      "faults: [{ type: latency, name: slow, latency: 20ms, jitter: 5ms, first: 3 }]",
    );
    await waitForText(page, ".fault-list .does", /^latency 20ms, jitter 5ms, download, first 3$/);
    const change = 'button[aria-label="Change slow of echo"]';
    await page.click(change);
    await page.keyboard.press("Escape");
    await page.waitForSelector(FORM, { hidden: true });
    assert.equal(await focusedIn(page), "Change slow of echo");
    await page.click(change);
    assert.equal(
      await page.$eval(`${FORM} input[name="first"]`, (field) => field.value),
      "3",
    );
    await fill(page, "latency", "30ms");
    await fill(page, "first", "");
    await page.select(`${FORM} [name="direction"]`, "both");
    await page.click(`${FORM} button[type="submit"]`);
    await waitForText(page, ".fault-list .does", /^latency 30ms, jitter 5ms, both$/);
  },
);

interopTest("page: down and up again, and a fault that another program adds", CHROMIUM, async (stack) => {
  const { page, admin } = await openFaults(stack, "faults: true");
  await page.waitForSelector(ADD);
  await page.click(ADD);
  await page.select(`${FORM} select[name="type"]`, "down");
  await page.click(`${FORM} button[type="submit"]`);
  await waitForText(page, "#services .tag", /^down$/);
  await page.click('[aria-label="down of echo"] button:last-child');
  await eventually("no tag", () => textsOf(page, "#services .tags"), ([tags]) => tags === "");

  const response = await fetch(`http://${admin}/api/v1/services/echo/faults`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ type: "noop", name: "<b>other</b>" }),
  });
  await response.body?.cancel();
  assert.equal(response.status, 201);
  await waitForText(page, ".fault-list .name", /^<b>other<\/b>$/);
});

interopTest(
  "page: offers no faults where they are not enabled, until a reload enables them",
  CHROMIUM,
  async (stack) => {
    const path = await Deno.makeTempFile({ suffix: ".yaml" });
    stack.defer(() => Deno.remove(path));
    const config = `
admin: { listen: 127.0.0.1:0 }
services: [{ name: echo, listen: 127.0.0.1:0, upstream: 127.0.0.1:1 }]
`;
    await Deno.writeTextFile(path, config);
    const { page, sluice } = await openProgram(stack, await Sluice.start(["-c", path]));
    await waitForText(page, "#services .major", /^0 B\/s$/);
    assert.equal(await page.$("#services .faults"), null);
    assert.equal(await page.$eval("#fault-events", (label) => label.checkVisibility()), false);
    await Deno.writeTextFile(path, `faults: true${config}`);
    sluice.kill("SIGHUP");
    await page.waitForSelector(ADD);
    assert.equal(await page.$eval("#fault-events", (label) => label.checkVisibility()), true);
  },
);

for (const theme of ["light", "dark"] as const) {
  interopTest(
    `page: faults and their form break no rule of accessibility in ${theme} colours`,
    CHROMIUM,
    async (stack) => {
      const { page } = await openFaults(
        stack,
        "",
        "faults: [{ type: latency, latency: 20ms, enabled: false }, { type: noop }]",
        { theme },
      );
      await page.waitForSelector(ADD);
      await page.click(ADD);
      await page.click(`${FORM} summary`);
      await page.click(`${FORM} button[type="submit"]`);
      await waitForText(page, `${FORM} .problem`, /^Missing key "latency"/);
      await page.evaluate(axe.source);
      const { violations } = await page.evaluate("axe.run()") as axe.AxeResults;
      const broken = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join("\n")}`);
      assert.deepEqual(broken, []);
    },
  );
}

interopTest("page: faults and their form fit into 400 pixels", CHROMIUM, async (stack) => {
  const { page } = await openFaults(
    stack,
    "",
    "faults: [{ type: latency, name: a_name_that_is_rather_long_for_a_fault, latency: 20ms, client: 10.0.0.0/8 }]",
    { width: 400 },
  );
  await page.waitForSelector(ADD);
  await page.click(ADD);
  assert.equal(await page.$eval("html", (html) => html.scrollWidth), 400);
});

/** A program with a service that echoes, and its page. */
async function openFaults(stack: AsyncDisposableStack, top: string, inService = "", view: View = {}) {
  const server = stack.use(upstream(echo));
  const service = `name: echo, listen: 127.0.0.1:0, upstream: "${server.address}"`;
  const sluice = await Sluice.withConfig(`
${top}
admin: { listen: 127.0.0.1:0 }
services: [{ ${[service, inService].filter((part) => part !== "").join(", ")} }]
`);
  return await openProgram(stack, sluice, view);
}

async function openProgram(stack: AsyncDisposableStack, sluice: Sluice, view: View = {}) {
  stack.use(sluice);
  const { admin } = sluice.ready as Ready & { readonly admin: string };
  const page = await openPage(stack, `http://${admin}/`, { height: 1400, ...view });
  await waitForText(page, "#state", /^Running$/);
  return { page, sluice, admin };
}

/** How long an answer takes, in milliseconds. */
async function timeOfRequest(client: Deno.Conn): Promise<number> {
  const start = performance.now();
  await writeText(client, "hello");
  assert.equal(await readText(client, 5), "hello");
  return performance.now() - start;
}

/** Puts a text in the place of what a field has. */
async function fill(page: Page, name: string, text: string): Promise<void> {
  const field = `${FORM} input[name="${name}"]` as const;
  await page.$eval(field, (input) => input.select());
  await page.focus(field);
  await page.keyboard.press("Backspace");
  await page.keyboard.type(text);
}

/** What the form says of a field. */
async function problemOf(page: Page, name: string): Promise<string> {
  const [text = ""] = await textsOf(page, `${FORM} .field:has([name="${name}"]) .problem`);
  return text;
}
