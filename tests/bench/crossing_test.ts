import assert from "node:assert/strict";
import { crossedFiles } from "./crossing.ts";

/**
 * The number of files that a reader who follows a connection through the source has to open. Lower this when they become fewer.
 */
const MOST = 25;

// Coverage is written when the program ends by a signal, which Windows does not have.
Deno.test("a connection of a plain service crosses few files of the source", {
  ignore: Deno.build.os === "windows",
}, async () => {
  const files = await crossedFiles();
  for (const file of ["src/proxy/connection.ts", "src/relay/relay.ts", "src/upstream/connector.ts"]) {
    assert.ok(files.includes(file), `${file} is not among ${files.join(", ")}`);
  }
  assert.ok(files.length <= MOST, `${files.length} files, ${MOST} before: ${files.join(", ")}`);
});
