/** A real browser with the page of the admin interface in it. */

import assert from "node:assert/strict";
import { type Browser, type ConsoleMessage, launch, type Page } from "puppeteer-core";
import { eventually } from "../../support/eventually.ts";
import { findProgram, type Needs } from "../../support/interop.ts";

export const CHROMIUM: Needs = { needs: ["chromium"], install: "apt-get install chromium" };

/** Errors in the console that tests cause on purpose: a server that is away, a wrong token, a wrong fault. */
const EXPECTED = /^Failed to load resource: (net::ERR_|the server responded with a status of 40[019])/;

/** Starts Chromium, until the stack is disposed of. */
export async function startBrowser(stack: AsyncDisposableStack): Promise<Browser> {
  // Chromium's sandbox does not work for root, the user of tests in containers.
  const args = Deno.build.os !== "windows" && Deno.uid() === 0 ? ["--no-sandbox"] : [];
  const browser = await launch({ executablePath: findProgram("chromium")!, args });
  stack.defer(() => browser.close());
  return browser;
}

export interface View {
  readonly width?: number;
  readonly height?: number;
  readonly theme?: "light" | "dark";
}

/** Opens the page in a new tab, and fails at the end of the test when a script or the content policy complained. */
export async function openPage(
  stack: AsyncDisposableStack,
  url: string,
  { width = 1280, height = 800, theme = "light" }: View = {},
): Promise<Page> {
  const browser = await startBrowser(stack);
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message: ConsoleMessage) => {
    if (message.type() === "error" && !EXPECTED.test(message.text())) complaints.push(message.text());
  });
  stack.defer(() => assert.deepEqual(complaints, []));
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
  await page.goto(url);
  return page;
}

/** The texts of all elements that `selector` finds. */
export async function textsOf(page: Page, selector: string): Promise<string[]> {
  return await page.$$eval(selector, (elements) => elements.map(({ textContent }) => textContent ?? ""));
}

/** Waits until one of the elements that `selector` finds has text like `pattern`, and returns that. */
export async function waitForText(page: Page, selector: string, pattern: RegExp): Promise<string> {
  const isWanted = (text: string) => pattern.test(text);
  const texts = await eventually(
    `"${selector}" to say ${pattern}`,
    () => textsOf(page, selector),
    (texts) => texts.some(isWanted),
  );
  return texts.find(isWanted)!;
}

/** The id of the element that has the focus, or its label or text. */
export async function focusedIn(page: Page): Promise<string> {
  return await page.$eval("html", ({ ownerDocument }) => {
    const element = ownerDocument.activeElement;
    return element?.id || element?.getAttribute("aria-label") || element?.textContent || "";
  });
}
