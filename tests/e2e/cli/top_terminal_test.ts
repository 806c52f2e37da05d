/** `sluice top` in a real terminal, and without one. */

import assert from "node:assert/strict";
import { FakeAdmin } from "../../support/peers/fake_admin.ts";
import { LineReader } from "../../support/peers/line_reader.ts";
import { runSluice, sluiceCommand, within } from "../../support/program/program.ts";

Deno.test("sluice top without a terminal names the command to use instead", async () => {
  await using fake = await FakeAdmin.start();
  const { code, stdout, stderr } = await runSluice(["top", "--admin", fake.address]);
  assert.equal(stdout, "");
  assert.match(stderr, /^sluice: top needs a terminal; in a script use sluice status --json\n/);
  assert.equal(code, 2);
});

/** The command of util-linux that runs another one in a terminal. */
const hasScript = await canRun("script");

for (
  const { way, end } of [
    { way: "q", end: { type: "q" } },
    { way: "Ctrl-C", end: { type: "\x03" } },
    { way: "SIGTERM", end: { signal: "SIGTERM" } },
  ] as const
) {
  Deno.test({
    name: `sluice top restores the terminal after ${way} (needs script of util-linux)`,
    ignore: Deno.build.os !== "linux" || !hasScript,
    fn: async () => {
      await using fake = await FakeAdmin.start();
      const { code, output } = await runTopInTerminal(fake, end);
      assert.equal(code, 0, output);
      assert.ok(output.startsWith("\x1b[?1049h\x1b[?25l\x1b[?7l"), JSON.stringify(output.slice(0, 100)));
      assert.ok(output.endsWith("\x1b[?7h\x1b[?25h\x1b[?1049l"), JSON.stringify(output.slice(-100)));
      assert.ok(!output.includes("\x1b[31m"), "an endpoint is down, but NO_COLOR is set");
    },
  });
}

async function runTopInTerminal(
  fake: FakeAdmin,
  end: { type: string } | { signal: Deno.Signal },
): Promise<{ code: number; output: string }> {
  const command = [...sluiceCommand(), "top", "--admin", fake.address].map((part) => `'${part}'`).join(" ");
  await using script = new Deno.Command("script", {
    args: ["--quiet", "--flush", "--return", "--command", `exec ${command}`, "/dev/null"],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
    env: { NO_COLOR: "1", SHELL: "/bin/sh", TERM: "xterm" },
  }).spawn();
  const output = new LineReader(script.stdout);
  await output.find((line) => line.includes("192.0.2.3:40003"));
  const keys = script.stdin.getWriter();
  if ("type" in end) {
    await keys.write(new TextEncoder().encode(end.type));
  } else {
    const children = await Deno.readTextFile(`/proc/${script.pid}/task/${script.pid}/children`);
    Deno.kill(Number(children.trim().split(" ")[0]), end.signal);
  }
  const { code } = await within(20_000, "the end of top", script.status);
  await keys.close();
  await output.done;
  return { code, output: output.text };
}

async function canRun(command: string): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args: ["--version"], stdout: "null" }).output()).success;
  } catch {
    return false;
  }
}
