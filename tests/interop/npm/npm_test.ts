/**
 * The package for Node.js: this builds it, packs it, installs it in an empty folder, and uses it there as its users do.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parsePage } from "../../support/docs/page.ts";
import { findProgram } from "../../support/interop.ts";
import { LineReader } from "../../support/peers/line_reader.ts";
import { add, install, installed, VERSIONS } from "./project_packages.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const PROJECT = fileURLToPath(new URL("project/", import.meta.url));
/** Five seconds by default, which is too short for a start beside the other tests. Jest then waits for the proxy forever. */
const TIMEOUT = "--testTimeout=60000";
const ignore = findProgram("npm") === undefined;

Deno.test({
  name: `the npm package runs in Node.js 20, 22 and 24, Vitest and Jest${
    ignore ? " (skipped: apt install npm)" : ""
  }`,
  ignore,
  fn: async (t) => {
    const folder = installed ?? await Deno.makeTempDir({ prefix: "sluice-npm-" });
    const run = (program: string, ...args: string[]) => runIn(folder, program, args);
    try {
      await runIn(ROOT, Deno.execPath(), ["task", "npm", "--check"]);
      const manifest = JSON.parse(await Deno.readTextFile(join(ROOT, "dist/npm-check/package.json")));
      // The packages of the project have it too.
      assert.deepEqual(manifest.dependencies, { deno: Deno.version.deno });
      const packed = await run("npm", "pack", "--silent", join(ROOT, "dist/npm-check"));
      for await (const { name } of Deno.readDir(PROJECT)) {
        await Deno.copyFile(join(PROJECT, name), join(folder, name));
      }
      if (installed === undefined) await install(folder);
      await add(folder, [`./${packed.trim()}`]);
      await t.step("its types are right in a project with TypeScript", async () => {
        assert.equal(await run("npx", "tsc", "--project", "."), "");
      });
      await t.step("in Vitest", async () => {
        assert.match(await run("npx", "vitest", "run", TIMEOUT, "vitest.test.ts"), /2 passed/);
      });
      await t.step("the test of docs/npm.md, as printed, in Vitest", async () => {
        // As TypeScript, which Vitest translates: Node.js itself knows `await using` from version 24 on.
        await Deno.writeTextFile(join(folder, "docs.test.ts"), await testOfPage());
        assert.match(await run("npx", "vitest", "run", TIMEOUT, "docs.test.ts"), /1 passed/);
      });
      await t.step("in Jest", async () => {
        const args = [
          "--experimental-vm-modules",
          "node_modules/jest/bin/jest.js",
          TIMEOUT,
          "--testMatch",
          "**/jest.test.mjs",
        ];
        assert.match(await run("node", ...args), /1 passed/);
      });
      for (const version of VERSIONS) {
        await t.step(`in the test runner of Node.js ${version}`, async () => {
          const node = join(folder, "node_modules", `node${version}`, "bin/node");
          assert.match(await run(node, "--version"), new RegExp(`^v${version}\\.`));
          assert.match(await run(node, "--test", "node.test.mjs"), /^(# |ℹ )pass 5$/m);
        });
        await t.step(`npx sluice in Node.js ${version}`, () => serves(folder, manifest.name, version));
      }
    } finally {
      if (installed === undefined) await Deno.remove(folder, { recursive: true });
    }
  },
});

/** The test that docs/npm.md prints, with a database that answers, and a client of it that does not wait for long. */
async function testOfPage(): Promise<string> {
  const page = parsePage("docs/npm.md", await Deno.readTextFile(join(ROOT, "docs/npm.md")));
  const [block, ...others] = page.blocks.filter(({ language }) => language === "js");
  assert.deepEqual(others, []);
  const code = block!.code.replace('"127.0.0.1:5432"', "`127.0.0.1:${server.address().port}`");
  assert.notEqual(code, block!.code);
  return `import { once } from "node:events";
import net from "node:net";
const server = net.createServer((socket) => void socket.pipe(socket).on("error", () => {}));
await once(server.listen(0, "127.0.0.1"), "listening");
server.unref();
function queryThrough(port) {
  const client = net.connect(port, "127.0.0.1", () => client.write("query"));
  return new Promise((resolve, reject) => {
    client.once("data", resolve).setTimeout(500, () => reject(new Error("timed out")));
  }).finally(() => client.destroy());
}
${code}`;
}

/** Waits until the program is ready, and asserts that SIGTERM ends it as it ends sluice itself. */
async function serves(folder: string, name: string, version: number): Promise<void> {
  const child = new Deno.Command(join(folder, "node_modules", `node${version}`, "bin/node"), {
    args: [join(folder, "node_modules", name, "bin.js"), "0=127.0.0.1:5432", "--print-ready"],
    cwd: folder,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [out, err] = [new LineReader(child.stdout), new LineReader(child.stderr)];
  const ready = JSON.parse(await out.find(() => true));
  (await Deno.connect({ port: Number(ready.services[0].listen[0].split(":")[1]) })).close();
  child.kill("SIGTERM");
  const { code } = await child.status;
  await Promise.all([out.done, err.done]);
  assert.equal(code, 0, err.text);
}

async function runIn(cwd: string, program: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1", FORCE_COLOR: "0", CI: "true" },
    stdin: "null",
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.ok(success, `${program} ${args.join(" ")}:\n${out}\n${err}`);
  return program === "npm" || program === Deno.execPath() ? out! : out! + err!;
}
