import assert from "node:assert/strict";
import { inColours } from "../../../src/cli/check.ts";

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
