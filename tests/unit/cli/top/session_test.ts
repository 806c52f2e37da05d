/** `sluice top` with a real admin interface and a fake terminal. */

import assert from "node:assert/strict";
import { AdminClient } from "../../../../src/cli/admin/client.ts";
import type { Size } from "../../../../src/cli/top/frame.ts";
import type { Key } from "../../../../src/cli/top/keys.ts";
import type { Line } from "../../../../src/cli/top/line.ts";
import { TopSession } from "../../../../src/cli/top/session.ts";
import type { Screen } from "../../../../src/cli/top/terminal.ts";
import { parseUpstreamAddress } from "../../../../src/net/address.ts";
import { within } from "../../../support/program/program.ts";
import { FakeAdmin } from "../../../support/peers/fake_admin.ts";
import { control, key, ORDER } from "./top_fixture.ts";

const PATIENCE = 20_000;

/** Records the screens, and lets a test wait for one and press keys. */
class FakeScreen implements Screen {
  text = "";
  dimensions: Size = { columns: 80, rows: 24 };
  press: (key: Key) => void = () => {};
  end: () => void = () => {};
  /** Thrown by the next drawing. */
  failure: Error | undefined;
  #drawn = Promise.withResolvers<void>();

  size(): Size {
    return this.dimensions;
  }

  draw(lines: readonly Line[]): void {
    if (this.failure !== undefined) throw this.failure;
    this.text = lines.map(({ text }) => text).join("\n");
    this.#drawn.resolve();
    this.#drawn = Promise.withResolvers();
  }

  listen(onKey: (key: Key) => void, onEnd: () => void): void {
    this.press = onKey;
    this.end = onEnd;
  }

  /** Resolves once the screen shows it. */
  async shows(what: string | RegExp): Promise<void> {
    const isThere = () => typeof what === "string" ? this.text.includes(what) : what.test(this.text);
    const seen = async () => {
      while (!isThere()) await this.#drawn.promise;
    };
    await within(PATIENCE, `the screen to show ${what}`, seen());
  }
}

/** Runs `top` and `use` on it, presses q, and waits for its end. */
async function withTop(fake: FakeAdmin, use: (screen: FakeScreen) => Promise<void>): Promise<void> {
  const screen = new FakeScreen();
  using client = clientOf(fake);
  const over = new TopSession(client, screen, ORDER).run();
  try {
    await use(screen);
  } finally {
    screen.press(key("q"));
    await within(PATIENCE, "the end of top", over);
  }
}

function clientOf(fake: FakeAdmin): AdminClient {
  return new AdminClient({ address: parseUpstreamAddress(fake.address), token: undefined });
}

Deno.test("top shows figures and connections, and requests as many connections as fit", async () => {
  await using fake = await FakeAdmin.start({ connections: 5000 });
  await withTop(fake, async (screen) => {
    await screen.shows("3/10000 open");
    await screen.shows(/^5000 connections, 1-9, most bytes first$/m);
    await screen.shows(/^> +1 mysql/m);
  });
  assert.deepEqual(new Set(fake.calls), new Set(['connections -bytes "" 0 9']));
});

Deno.test("top closes a connection after y, and says so", async () => {
  await using fake = await FakeAdmin.start();
  await withTop(fake, async (screen) => {
    await screen.shows(/^> +1 mysql/m);
    screen.press(key("j"));
    screen.press(key("K"));
    await screen.shows("Close connection 2 (y/n)?");
    screen.press(key("y"));
    await screen.shows("Closed connection 2");
    await screen.shows(/^2 connections/m);
  });
  assert.deepEqual(fake.calls.filter((order) => order.startsWith("kill")), ["kill 2"]);
});

Deno.test("top adds, switches and removes faults, and lets a wrong one be corrected", async () => {
  await using fake = await FakeAdmin.start();
  fake.faults.isEnabled = true;
  const type = (screen: FakeScreen, text: string) => {
    for (const letter of text) screen.press(key(letter));
    screen.press(key("return"));
  };
  await withTop(fake, async (screen) => {
    await screen.shows("f faults");
    screen.press(key("f"));
    await screen.shows("none: a adds one");
    screen.press(key("a"));
    type(screen, "latency,latency");
    await screen.shows('Cannot add the fault: Cannot parse "latency": expected key=value');
    await screen.shows("such as latency,latency=200ms: latency,latency_");
    type(screen, "=200ms");
    await screen.shows("Added latency_download");
    await screen.shows(/^>latency_download on .* latency=200ms +$/m);
    screen.press(key(" "));
    await screen.shows(/^>latency_download off /m);
    screen.press(key("x"));
    screen.press(key("y"));
    await screen.shows("Removed latency_download");
    await screen.shows("none: a adds one");
  });
  assert.deepEqual(fake.faults.calls, [
    'add mysql {"type":"latency","latency":"200ms"}',
    'change mysql latency_download {"enabled":false}',
    "remove mysql latency_download",
  ]);
});

Deno.test("top says that a connection had ended before it could close it", async () => {
  await using fake = await FakeAdmin.start();
  await withTop(fake, async (screen) => {
    await screen.shows(/^> +1 mysql/m);
    screen.press(key("K"));
    fake.connectionViews = [];
    screen.press(key("y"));
    await screen.shows("Connection 1 had already ended");
    await screen.shows(/^0 connections/m);
  });
});

Deno.test("top requests the list at once after keys that change order, filter or position", async () => {
  await using fake = await FakeAdmin.start({ connections: 100 });
  await withTop(fake, async (screen) => {
    await screen.shows(/^> +1 mysql/m);
    screen.press(key("p"));
    await screen.shows("PAUSED");
    screen.press(key("s"));
    await screen.shows(/^> +100 mysql/m);
    screen.press(key("G"));
    await screen.shows(/^> +1 mysql/m);
    for (const name of ["/", "7", "7", "return"]) screen.press(key(name));
    await screen.shows(/^100 connections, 1 with "77"/m);
  });
  assert.ok(fake.calls.includes('connections -age "" 91 9'), fake.calls.join("\n"));
});

Deno.test("top shows events of endpoints, reloads and draining as they happen", async () => {
  await using fake = await FakeAdmin.start();
  const time = "2025-01-01T00:00:00.000Z";
  await withTop(fake, async (screen) => {
    await screen.shows("open");
    const [upstream, endpoint] = ["db", "10.0.0.2:3306"];
    fake.publish({
      ...{ type: "endpoint", time, upstream, endpoint },
      ...{ state: "down", admin: "up", reason: "connection refused" },
    });
    await screen.shows("db: 10.0.0.2:3306 is down: connection refused");
    fake.publish({ type: "reload", time, ok: false, detail: "services[0]: \x1b[2J" });
    await screen.shows("Reload: services[0]: \ufffd[2J");
    fake.publish({ type: "drain", time, open: 12 });
    await screen.shows("Draining: 12 connections open");
  });
});

Deno.test("top reports a lost connection, keeps the last figures and reconnects", async () => {
  const fake = await FakeAdmin.start();
  const listen = parseUpstreamAddress(fake.address);
  await withTop(fake, async (screen) => {
    await screen.shows(/^> +1 mysql/m);
    await fake.stop();
    await screen.shows(/DISCONNECTED \(.+\), retrying in \d s, figures of \d\d:\d\d:\d\d UTC/);
    await screen.shows(/^> +1 mysql/m);
    await fake.serve(listen);
    await screen.shows(/^sluice .* open\n\n/);
  });
  await fake.stop();
});

Deno.test("top adapts to a terminal that changes its size", async () => {
  await using fake = await FakeAdmin.start({ connections: 100 });
  await withTop(fake, async (screen) => {
    await screen.shows(/^100 connections, 1-9,/m);
    screen.dimensions = { columns: 60, rows: 40 };
    await screen.shows(/^100 connections, 1-25,/m);
    assert.equal(screen.text.split("\n").length, 40);
  });
});

Deno.test("top ends on Ctrl-C, and when the terminal is closed", async () => {
  await using fake = await FakeAdmin.start();
  const ways = [(screen: FakeScreen) => screen.press(control("c")), (screen: FakeScreen) => screen.end()];
  for (const way of ways) {
    const screen = new FakeScreen();
    using client = clientOf(fake);
    const over = new TopSession(client, screen, ORDER).run();
    await screen.shows("open");
    way(screen);
    await within(PATIENCE, "the end of top", over);
  }
});

Deno.test("top ends with the error of a failed drawing", async () => {
  await using fake = await FakeAdmin.start();
  const screen = new FakeScreen();
  using client = clientOf(fake);
  const over = new TopSession(client, screen, ORDER).run();
  const outcome = assert.rejects(over, { message: "the terminal is gone" });
  await screen.shows("open");
  screen.failure = new Error("the terminal is gone");
  screen.press(key("j"));
  await within(PATIENCE, "the end of top", outcome);
});
