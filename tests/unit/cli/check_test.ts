import assert from "node:assert/strict";
import { inColours } from "../../../src/cli/check.ts";
import { main } from "../../../src/cli/main.ts";
import { EarlySignals } from "../../../src/runtime/control/signals.ts";
import { assertRefused, EXAMPLE, INVALID, VALID, yamlFiles } from "../../support/config_examples.ts";
import type { Finished } from "../../support/program/program.ts";

Deno.test("check reports every problem of every invalid configuration, with code 2", async () => {
  const files = yamlFiles(INVALID);
  assert.ok(files.length >= 79, `only ${files.length} files`);
  for (const file of files) await assertRefused(await check(file), file);
});

Deno.test("check says ok to every valid configuration and to config.example.yaml", async () => {
  // It also reads certificates; tests/interop has such tests.
  const files = [...yamlFiles(VALID).filter((file) => !file.endsWith("tls.yaml")), EXAMPLE];
  assert.ok(files.length >= 20, `only ${files.length} files`);
  for (const file of files) {
    const { code, stdout, stderr } = await check(file);
    assert.equal(stderr, "", file);
    assert.match(stdout, /\n# ok\n$/, file);
    assert.equal(code, 0, file);
  }
});

Deno.test("inColours() shows keys in cyan and comments dim, and leaves values alone", () => {
  const marked = (line: string) =>
    inColours(line).replaceAll("\x1b[36m", "<").replaceAll("\x1b[39m", ">").replaceAll("\x1b[2m", "(")
      .replaceAll("\x1b[22m", ")");
  assert.equal(marked("  idle_timeout: 10m"), "  <idle_timeout:> 10m");
  assert.equal(marked("services:"), "<services:>");
  assert.equal(marked("      - address: 10.0.0.5:5432"), "      - <address:> 10.0.0.5:5432");
  assert.equal(marked('      - "[::1]:5000" # Deno.listen'), '      - "[::1]:5000"( # Deno.listen)');
  assert.equal(
    marked("    upstream: db:1 # node:net, node:tls"),
    "    <upstream:> db:1( # node:net, node:tls)",
  );
  assert.equal(marked("      # PROXY v2"), "      (# PROXY v2)");
  assert.equal(marked('    cert: "a # b: c"'), '    <cert:> "a # b: c"');
  assert.equal(marked("- unix:/run/a.sock"), "- unix:/run/a.sock");
  assert.equal(marked(""), "");
});

/** Runs `sluice check` in this process; returns its output. */
async function check(file: string): Promise<Finished> {
  let stdout = "";
  let stderr = "";
  const original = {
    write: [Deno.stdout.writeSync, Deno.stderr.writeSync],
    isTerminal: [Deno.stdout.isTerminal, Deno.stderr.isTerminal],
  } as const;
  const decoder = new TextDecoder();
  Deno.stdout.writeSync = (bytes) => (stdout += decoder.decode(bytes), bytes.length);
  Deno.stderr.writeSync = (bytes) => (stderr += decoder.decode(bytes), bytes.length);
  Deno.stdout.isTerminal = Deno.stderr.isTerminal = () => false;
  try {
    const code = await main(["check", file], new EarlySignals());
    return { code, stdout, stderr };
  } finally {
    [Deno.stdout.writeSync, Deno.stderr.writeSync] = original.write;
    [Deno.stdout.isTerminal, Deno.stderr.isTerminal] = original.isTerminal;
  }
}
