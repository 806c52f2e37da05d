/** The import map of tests/offline against the imports of deno.json. */

import assert from "node:assert/strict";
import offline from "../offline/import_map.json" with { type: "json" };
import config from "../../deno.json" with { type: "json" };
import page from "../../src/admin/page/browser.json" with { type: "json" };

const real: Record<string, string> = config.imports;
const standIns: Record<string, string> = offline.imports;

/** deno.json names a package once; a plain import map has to name each of its modules. */
const packageOf = (name: string) => /^@std\/\w+/.exec(name)?.[0] ?? name;

Deno.test("import maps have the same packages", () => {
  const packages = new Set(Object.keys(standIns).map(packageOf));
  assert.deepEqual([...packages].sort(), Object.keys(real).sort());
});

Deno.test("import maps have the same npm packages, in exact versions", () => {
  const npm = Object.entries(real).filter(([, target]) => target.startsWith("npm:"));
  assert.ok(npm.length > 0);
  for (const [name, target] of npm) {
    assert.equal(standIns[name], target, name);
    // "npm:/package@1.2.3/" gives a package's files, for which an import map has a key that ends in a slash.
    const [start, end] = name.endsWith("/") ? ["npm:/", "/"] : ["npm:", "(/[\\w./-]+\\.js)?"];
    assert.match(target, new RegExp(`^${start}(@[\\w.-]+/)?[\\w.-]+@\\d+\\.\\d+\\.\\d+${end}$`), name);
  }
});

Deno.test("import maps give each JSR package a range and its modules a stand-in", async () => {
  const others = Object.entries(real).filter(([, target]) => !target.startsWith("npm:"));
  assert.deepEqual(others.map(([name]) => name).sort(), ["@std/cli", "@std/log", "@std/yaml"]);
  for (const [name, target] of others) {
    assert.match(target, new RegExp(`^jsr:${name}@\\^\\d+\\.\\d+\\.\\d+$`));
  }
  const modules = Object.entries(standIns).filter(([, target]) => !target.startsWith("npm:"));
  for (const [name, target] of modules) {
    const standIn = new URL(target, new URL("../offline/", import.meta.url));
    assert.ok((await Deno.stat(standIn)).isFile, name);
  }
});

Deno.test("the page's scripts are checked against the uPlot that is served", () => {
  for (const [name, target] of Object.entries(page.imports)) assert.equal(target, real[name], name);
});
