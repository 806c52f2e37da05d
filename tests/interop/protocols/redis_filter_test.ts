/** The filter of docs/library.md that counts Redis commands, against a real Redis. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { interopTest } from "../../support/interop.ts";
import { pathOf, readPages } from "../../support/docs/page.ts";
import { importing } from "../../support/docs/section.ts";
import { REDIS, startRedis } from "../servers/redis.ts";

interopTest("Redis: the program in docs/library.md counts its commands, as printed", REDIS, async (stack) => {
  const redis = await startRedis(stack);
  const blocks = readPages().find(({ path }) => path === "docs/library.md")!.blocks;
  const { code } = blocks.find(({ directives }) => directives.tested?.endsWith("redis_filter_test.ts"))!;
  const folder = await Deno.makeTempDir({ prefix: "sluice-redis-filter-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const program = join(folder, "program.ts");
  await Deno.writeTextFile(program, importing(code).replace("127.0.0.1:6379", `127.0.0.1:${redis.port}`));
  const importMap = Deno.env.get("SLUICE_IMPORT_MAP");
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check", "--config", pathOf("deno.json")],
      ...importMap ? ["--import-map", importMap] : [],
      program,
    ],
    env: { NO_COLOR: "1" },
  }).output();
  const printed = new TextDecoder().decode(stdout).trimEnd().split("\n");
  // The output that the program's comments promise.
  const expected = [...code.matchAll(/console\.log\(.*\/\/ (.*)$/gm)].map(([, text]) => text);
  assert.equal(expected.length, 2);
  assert.deepEqual(printed, expected, new TextDecoder().decode(stderr));
});
