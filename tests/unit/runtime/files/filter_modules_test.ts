/** Filters of modules that a configuration names, in the program's own threads and over real sockets. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigError } from "../../../../src/config/config_error.ts";
import { decodeConfig } from "../../../../src/config/decode.ts";
import { withFilterModules } from "../../../../src/runtime/files/filter_modules.ts";
import { startProxy } from "../../../../src/runtime/start_proxy.ts";
import { connect, echo, readText, upstream, writeText } from "../../../support/peers/sockets.ts";

/** A module whose filter puts a letter before each chunk of the download. */
function prefixing(letter: string): string {
  return `export default () => ({
    download: new TransformStream({
      transform(chunk, controller) {
        controller.enqueue(new Uint8Array([${letter.charCodeAt(0)}, ...chunk]));
      },
    }),
  });`;
}

for (const workers of [1, 2]) {
  Deno.test(`bytes pass the modules of \`filters\` in their order (threads: ${workers})`, async () => {
    await using folder = await Folder.with({ "a.js": prefixing("a"), "b.ts": prefixing("b") });
    await using server = upstream(echo);
    const filters = [folder.path("a.js"), folder.path("b.ts")];
    await using proxy = await startProxy({ upstream: server.address, filters, workers });
    using client = await connect(proxy.port);
    await writeText(client, "x");
    assert.equal(await readText(client, 3), "bax");
  });
}

Deno.test("a changed module has another version, and is imported again", async () => {
  await using folder = await Folder.with({ "a.js": prefixing("a") });
  const config = decodeConfig({
    services: [{ name: "test", listen: 0, upstream: "127.0.0.1:1", filters: [folder.path("a.js")] }],
  });
  const [first] = (await withFilterModules(config)).services[0]!.filters;
  assert.deepEqual((await withFilterModules(config)).services[0]!.filters, [first]);
  await Deno.writeTextFile(folder.path("a.js"), "export default 1;");
  await Deno.utime(folder.path("a.js"), new Date(), new Date(first!.version + 1000));
  await assert.rejects(withFilterModules(config), {
    message: /a\.js": its default export is not a function that makes a filter/,
  });
});

Deno.test("every module that cannot be imported is named, with its place", async () => {
  await using folder = await Folder.with({
    "a.js": "export default () => undefined;",
    "bad.js": "export default (",
    "bad.ts": "export default () => ({});\n  error here",
    "alone.js": 'import "./missing.js";\nexport default () => ({});',
  });
  const filters = ["missing.js", "a.js", "bad.js", "bad.ts", "alone.js"].map((name) => folder.path(name));
  const services = [{ name: "test", listen: 0, upstream: "127.0.0.1:1", filters }];
  const error = await startProxy({ services }).then(() => assert.fail("started"), (cause) => cause);
  assert.ok(error instanceof ConfigError);
  assert.deepEqual(error.problems.map(({ path }) => path).sort(), [
    "services[0].filters[0]",
    "services[0].filters[2]",
    "services[0].filters[3]",
    "services[0].filters[4]",
  ]);
  assert.match(error.message, /missing\.js": no such file/);
  assert.match(error.message, /bad\.js": .*(Expression expected|Unexpected)/);
  assert.match(error.message, /bad\.ts": SyntaxError: .* \(2:\d+\)$/m);
  assert.match(error.message, /alone\.js": Module not found ".*missing\.js"/);
  assert.doesNotMatch(error.message, /\\u000a|version=/);
});

class Folder implements AsyncDisposable {
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
  }

  static async with(files: Readonly<Record<string, string>>): Promise<Folder> {
    const root = await Deno.makeTempDir({ prefix: "sluice-filters-" });
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(join(root, name), text);
    return new Folder(root);
  }

  path(name: string): string {
    return join(this.#root, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#root, { recursive: true });
  }
}
