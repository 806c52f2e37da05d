/** The PyPI package toxiproxy-python, unchanged. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { findProgram } from "../../support/interop.ts";
import { toxiproxyServer } from "./toxiproxy_server.ts";

const INSTALL = "pip install --target DIRECTORY toxiproxy-python==0.1.1, and PYTHONPATH=DIRECTORY";
const PROGRAM = fileURLToPath(new URL("python_client.py", import.meta.url));

function canImport(): boolean {
  const python = findProgram("python3");
  if (python === undefined) return false;
  return new Deno.Command(python, { args: ["-c", "import toxiproxy"], stderr: "null" }).outputSync().success;
}

const ignore = !canImport();
const name = "toxiproxy-python creates, breaks and mends a proxy";

Deno.test({
  name: ignore ? `${name} (skipped: ${INSTALL})` : name,
  ignore,
  fn: async () => {
    await using stack = new AsyncDisposableStack();
    const { port, echo } = await toxiproxyServer(stack);
    const { success, stdout, stderr } = await new Deno.Command(findProgram("python3")!, {
      args: [PROGRAM, String(port), echo.address],
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    assert.equal(new TextDecoder().decode(stdout), "done\n");
  },
});
