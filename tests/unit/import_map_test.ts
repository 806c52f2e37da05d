/** The import map of tests/offline against the imports of deno.json. */

import assert from "node:assert/strict";
import offline from "../offline/import_map.json" with { type: "json" };
import config from "../../deno.json" with { type: "json" };

const real: Record<string, string> = config.imports;
const standIns: Record<string, string> = offline.imports;

Deno.test("import maps have the same keys", () => {
  assert.deepEqual(Object.keys(standIns).sort(), Object.keys(real).sort());
});

Deno.test("import maps have the same npm packages, in exact versions", () => {
  const npm = Object.entries(real).filter(([, target]) => target.startsWith("npm:"));
  assert.ok(npm.length > 0);
  for (const [name, target] of npm) {
    assert.equal(standIns[name], target, name);
    // "npm:/package@1.2.3/" gives a package's files, for which an import map has a key that ends in a slash.
    const [start, end] = name.endsWith("/") ? ["npm:/", "/"] : ["npm:", ""];
    assert.match(target, new RegExp(`^${start}(@[\\w.-]+/)?[\\w.-]+@\\d+\\.\\d+\\.\\d+${end}$`), name);
  }
});

Deno.test("import maps give each JSR package a range and a stand-in", async () => {
  const others = Object.entries(real).filter(([, target]) => !target.startsWith("npm:"));
  assert.deepEqual(others.map(([name]) => name).sort(), ["@std/cli", "@std/log", "@std/yaml"]);
  for (const [name, target] of others) {
    assert.match(target, new RegExp(`^jsr:${name}@\\^\\d+\\.\\d+\\.\\d+$`));
    const standIn = new URL(standIns[name]!, new URL("../offline/", import.meta.url));
    assert.ok((await Deno.stat(standIn)).isFile, name);
  }
});
