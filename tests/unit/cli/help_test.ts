import assert from "node:assert/strict";
import { ADMIN_COMMANDS, type AdminCommandName } from "../../../src/cli/admin/registry.ts";
import { helpText } from "../../../src/cli/help.ts";

const OTHERS = ["check", "demo", "gateway", "toxiproxy", "toxic"] as const;
const ABOUT = ["version", "completions", "man"] as const;
const COMMANDS = Object.keys(ADMIN_COMMANDS) as AdminCommandName[];

Deno.test("helpText() lists every command, in the order of the registry", async () => {
  const help = await helpText("sluice");
  const listed = [...help.matchAll(/^ {2}sluice (\w+)(?: \S[\w .|]*?)?(?: {2,}|\n {34})\S/gm)]
    .map(([, name]) => name!);
  assert.deepEqual(listed, [...OTHERS.filter((name) => name !== "toxic"), ...COMMANDS, ...ABOUT]);
});

for (const topic of ["sluice", ...OTHERS, ...COMMANDS, ...ABOUT] as const) {
  Deno.test(`helpText("${topic}") names its exit codes, and fits into 120 columns`, async () => {
    const help = await helpText(topic);
    assert.match(help, topic === "sluice" ? /^sluice: / : new RegExp(`^Usage: sluice ${topic}\\b`));
    if (topic !== "demo") assert.match(help, /^Exit codes: ?/m);
    assert.deepEqual(help.split("\n").filter((line) => line.length > 120), []);
  });
}
