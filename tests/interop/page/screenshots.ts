/** Writes the pictures of the page that the README shows: `deno task screenshots`. */

import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { waitForText } from "./browser.ts";
import { openPageFixture, showConnections } from "./page_fixture.ts";

/** How far the curves of the page go back, in seconds. */
const HISTORY = 120;

const NARROW = { width: 400, height: 860 };
const WIDE = { width: 1280, height: 1000 };

if (import.meta.main) await takeScreenshots();

async function takeScreenshots(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const { page, backend } = await openPageFixture(stack, { connections: 5000, ...WIDE });
  const clock = setInterval(() => backend.tick(), 1000);
  stack.defer(() => clearInterval(clock));
  await waitForText(page, "#state", /^Running$/);
  await pause(HISTORY * 1000);
  for (const theme of ["light", "dark"] as const) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
    await showConnections(page);
    await waitForText(page, "#connection-rows .rate", /\/s$/);
    await page.$eval("body", (body) => body.scrollIntoView());
    await page.screenshot({ path: pathOf(`page-${theme}.png`), fullPage: true });
  }
  await page.setViewport({ ...NARROW, deviceScaleFactor: 1.5 });
  await pause(1000);
  await page.screenshot({ path: pathOf("page-narrow.png") });
}

function pathOf(name: string): string {
  return fileURLToPath(new URL(`../../../docs/${name}`, import.meta.url));
}
