import assert from "node:assert/strict";
import { join } from "node:path";
import { silentLog } from "../../../../src/observe/log/log.ts";
import { AccessOutput } from "../../../../src/runtime/files/access_output.ts";
import { temporaryDirectory } from "../../observe/log/access_file_fixture.ts";

Deno.test({
  name: "AccessOutput.dropped counts the lines that all files have dropped (needs /dev/full)",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using directory = await temporaryDirectory();
    const output = new AccessOutput(silentLog());
    assert.equal(output.dropped, 0);
    await output.use(await output.open({ path: "/dev/full", format: "json" }));
    for (let number = 0; number < 100; number++) output.info("", { text: "x".repeat(64 * 1024) });
    const { dropped } = output;
    assert.ok(dropped > 20, `${dropped} dropped`);
    await output.use(await output.open({ path: join(directory.path, "access.log"), format: "json" }));
    output.info("", {});
    assert.equal(output.dropped, dropped);
    await output.close();
    assert.equal(output.dropped, dropped);
  },
});
