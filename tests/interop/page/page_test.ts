/** The page of the admin interface in Chromium: what it shows, and what its buttons do. */

import assert from "node:assert/strict";
import { eventually } from "../../support/eventually.ts";
import { CHROMIUM, focusedIn, textsOf, waitForText } from "./browser.ts";
import { interopTest } from "../../support/interop.ts";
import { openPageFixture, showConnections } from "./page_fixture.ts";

const ROWS = "#connection-rows tr";

interopTest("page: services and upstreams are there, and figures move", CHROMIUM, async (stack) => {
  const { page, backend } = await openPageFixture(stack);
  await waitForText(page, "#state", /^Running$/);
  assert.deepEqual(await textsOf(page, "#services .name"), ["mysql", "redis", "smtp", "reporting"]);
  await waitForText(page, "#services .tag", /^TLS: expires in 12 d$/);
  await waitForText(page, "#services .reasons", /client rate limit 18,402/);
  const endpoints = await textsOf(page, "#upstreams .address");
  assert.equal(endpoints.length, 10);
  assert.deepEqual((await textsOf(page, "#upstreams .health")).slice(0, 6), [
    "up",
    "up",
    "up",
    "up",
    "up",
    "ejected",
  ]);

  backend.tick();
  await waitForText(page, "#services tr:first-child .major", /[1-9]\.\d [KM]iB\/s/);
  await waitForText(page, "#events .text", /^smtp #1 203\.0\.113\.2:40002: client rate limit/);
  await waitForText(page, "#services .reasons", /client rate limit 18,403/);
});

interopTest("page: of 5000 connections, only those in sight are asked for", CHROMIUM, async (stack) => {
  const { page, backend } = await openPageFixture(stack, { connections: 5000 });
  await showConnections(page);
  await waitForText(page, "#matching", /^4,9\d\d open$/);
  const bySize = await textsOf(page, ".bytes.number");
  await page.$eval("#rows", (rows) => rows.scrollTo(0, rows.scrollHeight));
  const [last] = (await backend.connections({
    filter: "",
    sort: "bytes",
    isDescending: true,
    offset: backend.sessions.size - 1,
    limit: 1,
  })).connections;
  await waitForText(page, `${ROWS}:last-child .id`, new RegExp(`^${last!.id}$`));
  const rows = await page.$$(ROWS);
  assert.ok(rows.length >= 10 && rows.length <= 60, `${rows.length} rows`);
  assert.ok(bySize.length <= 61, `${bySize.length} rows at first`);
  for (const { limit } of backend.queries) assert.ok(limit <= 60, `asked for ${limit}`);
});

interopTest("page: / goes to the filter, Escape empties it, column heads sort", CHROMIUM, async (stack) => {
  const { page, backend } = await openPageFixture(stack);
  await waitForText(page, "#state", /Running/);
  await page.keyboard.press("/");
  assert.equal(await focusedIn(page), "filter");
  await page.keyboard.type("SMTP");
  await waitForText(page, "#matching", /^9 of 299 open$/);
  assert.deepEqual([...new Set(await textsOf(page, `${ROWS} .service`))], ["smtp"]);
  await page.keyboard.type(" nowhere");
  await waitForText(page, "#no-connections", /^No open connection matches “SMTP nowhere”\.$/);
  await page.keyboard.press("Escape");
  await waitForText(page, "#matching", /^299 open$/);

  await page.click("#columns .client button");
  await eventually("a query by client", () => backend.queries.at(-1), (query) => query?.sort === "client");
  const clients = await eventually("clients in order", () => textsOf(page, `${ROWS} .client`), isSorted);
  assert.ok(clients.length > 10);
  assert.equal(await page.$eval("#columns .client", (head) => head.getAttribute("aria-sort")), "ascending");
});

interopTest("page: Kill asks once, and a second press closes this connection", CHROMIUM, async (stack) => {
  const { page, backend } = await openPageFixture(stack);
  await showConnections(page);
  const id = await waitForText(page, `${ROWS}:nth-child(3) .id`, /^\d+$/);
  const button = `button[aria-label="kill connection ${id}"]`;
  await page.click(button, { count: 2 });
  const asking = `button[aria-label="Really kill connection ${id}?"]`;
  await waitForText(page, asking, /^Sure\?$/);
  await page.keyboard.press("Escape");
  await waitForText(page, button, /^Kill$/);
  assert.deepEqual(backend.killed, [], "a double click is no answer, and Escape withdraws the question");

  await page.click(button);
  await page.click(asking);
  await waitForText(page, "#notice", new RegExp(`^Connection ${id} is closed\\.$`));
  assert.deepEqual(backend.killed, [Number(id)]);
  await eventually("it to go", () => textsOf(page, `${ROWS} .id`), (ids) => !ids.includes(id));
});

interopTest(
  "page: arrow keys go from row to row; focus stays with its connection",
  CHROMIUM,
  async (stack) => {
    const { page, backend } = await openPageFixture(stack);
    await showConnections(page);
    await waitForText(page, `${ROWS}:nth-child(12) .id`, /^\d+$/);
    const ids = await textsOf(page, `${ROWS} .id`);
    await page.focus("#columns .bytes button");
    await page.keyboard.press("Tab");
    assert.equal(await focusedIn(page), `kill connection ${ids[0]}`);
    for (let step = 0; step < 3; step += 1) await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowUp");
    assert.equal(await focusedIn(page), `kill connection ${ids[2]}`);

    backend.sessions.close(Number(ids[0]), "client_closed");
    await eventually("another first row", () => textsOf(page, `${ROWS} .id`), ([first]) => first === ids[1]);
    assert.equal(await focusedIn(page), `kill connection ${ids[2]}`);
    backend.sessions.close(Number(ids[2]), "client_closed");
    await eventually("the focus beside the table", () => focusedIn(page), (focused) => focused === "rows");
  },
);

interopTest("page: Drain works at once, Down asks where connections are open", CHROMIUM, async (stack) => {
  const { page, backend } = await openPageFixture(stack);
  const adminOf = (address: string) =>
    backend.upstreams().flatMap(({ endpoints }) => endpoints).find((each) => each.address === address)!
      .admin;
  const group = '[aria-label="databases 10.20.1.11:3306"]';
  await page.waitForSelector(`${group} button[value="up"][aria-pressed="true"]`);
  await page.click(`${group} button[value="drain"]`);
  await page.waitForSelector(`${group} button[value="drain"][aria-pressed="true"]`);
  assert.equal(adminOf("10.20.1.11:3306"), "drain");
  await waitForText(
    page,
    "#events .text",
    /^databases 10\.20\.1\.11:3306 is up, set to drain: set by hand$/,
  );

  await page.click(`${group} button[value="down"]`);
  await waitForText(page, `${group} button.asks`, /^Sure\?$/);
  assert.equal(adminOf("10.20.1.11:3306"), "drain");
  await page.click(`${group} button.asks`);
  await page.waitForSelector(`${group} button[value="down"][aria-pressed="true"]`);
  assert.equal(adminOf("10.20.1.11:3306"), "down");

  const idle = '[aria-label="mail mail-b.office.example.com:465"]';
  await page.click(`${idle} button[value="down"]`);
  await page.waitForSelector(`${idle} button[value="down"][aria-pressed="true"]`);
});

interopTest("page: events can be chosen, filtered and held", CHROMIUM, async (stack) => {
  const { page, backend } = await openPageFixture(stack);
  await waitForText(page, "#state", /Running/);
  const reload = (detail: string) =>
    backend.publish({ type: "reload", time: new Date().toISOString(), ok: true, detail });
  backend.tick();
  await waitForText(page, "#events .label", /^connected$/);
  await page.click('#event-kinds input[value="traffic"]');
  await eventually(
    "traffic to go",
    () => textsOf(page, "#events .label"),
    (labels) => !labels.includes("connected"),
  );
  assert.deepEqual(await textsOf(page, "#events .label"), ["refused"]);
  reload("first");
  await waitForText(page, "#events .text", /^Done: first$/);

  await page.click("#pause");
  reload("second");
  await waitForText(page, "#unseen-events", /^1 since the pause$/);
  assert.deepEqual(await textsOf(page, '#events [data-kind="program"] .text'), ["Done: first"]);
  await page.click("#pause");
  await waitForText(page, "#events .text", /^Done: second$/);
  await page.type("#event-filter", "SECOND");
  assert.deepEqual(await textsOf(page, "#events .text"), ["Done: second"]);
});

function isSorted(texts: readonly string[]): boolean {
  return texts.length > 1 && texts.every((text, index) => index === 0 || texts[index - 1]! <= text);
}
