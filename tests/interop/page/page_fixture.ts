/** The page of the admin interface in a real browser, with a fake backend. */

import type { Page } from "puppeteer-core";
import { pageFiles } from "../../../src/admin/page/page.ts";
import { listenAdmin, type ListeningAdmin } from "../../../src/runtime/admin/listener.ts";
import { parseDuration } from "../../../src/config/values/duration.ts";
import { within } from "../../support/program/program.ts";
import { openPage, type View, waitForText } from "./browser.ts";
import { FakeBackend } from "./fake_backend.ts";

export interface PageFixture {
  readonly backend: FakeBackend;
  readonly server: ListeningAdmin;
  readonly page: Page;
}

export interface PageFixtureOptions extends View {
  /** How many are open; 300 unless given. */
  readonly connections?: number;
  readonly token?: string;
}

/** Serves the page and opens it, so that it gets all events from then on; the stack closes both. */
export async function openPageFixture(
  stack: AsyncDisposableStack,
  options: PageFixtureOptions = {},
): Promise<PageFixture> {
  const backend = new FakeBackend(options.connections ?? 300);
  const server = await serveBackend(stack, backend, 0, options.token);
  const page = await openPage(stack, urlOf(server), options);
  // It shows no event from before. With a token, it asks for that first.
  if (options.token === undefined) await within(30_000, "the event stream of the page", backend.subscribed);
  return { backend, server, page };
}

/**
 * Scrolls to the connections, which the page requests only while they are in sight. The page must be complete first:
 * whatever appears above them later would move them out of sight again.
 */
export async function showConnections(page: Page): Promise<void> {
  await waitForText(page, "#state", /^Running$/);
  await page.$eval("#rows", (rows) => rows.scrollIntoView());
}

/** Serves the admin interface on a port of 127.0.0.1. */
export async function serveBackend(
  stack: AsyncDisposableStack,
  backend: FakeBackend,
  port: number,
  token?: string,
): Promise<ListeningAdmin> {
  const listen = { transport: "tcp", hostname: "127.0.0.1", port } as const;
  return stack.use(
    await listenAdmin({ listen, token, hosts: [], maxConnections: 64, backend, pageFiles, parseDuration }),
  );
}

export function portOf({ address }: ListeningAdmin): number {
  if (address.transport !== "tcp") throw new TypeError("It listens on a unix socket");
  return address.port;
}

function urlOf(server: ListeningAdmin): string {
  return `http://127.0.0.1:${portOf(server)}/`;
}
