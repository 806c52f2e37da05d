/** The files of the page: all are served, and it requests nothing else. */

import assert from "node:assert/strict";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { pageFiles } from "../../../../src/admin/page/page.ts";

const FOLDER = fileURLToPath(new URL("../../../../src/admin/page/", import.meta.url));
/** The files that scripts and the page refer to. */
const REFERENCE = /(?:from|src=|href=)\s*"([\w./]+\.(?:js|css|svg))"/g;

Deno.test("every file of the page is served, and each is used by another", async () => {
  const files = await pageFiles();
  const served = [...filesIn(FOLDER), "/uplot.js", "/uplot.css"];
  assert.deepEqual([...files.keys()].sort(), ["/", ...served].sort());

  const parts = [...files].filter(([path]) => !path.startsWith("/uplot"));
  const used = parts.flatMap(([path, { body }]) =>
    [...body.matchAll(REFERENCE)].map(([, reference]) => new URL(reference!, `http://page${path}`).pathname)
  );
  assert.deepEqual([...new Set(used)].sort(), [...files.keys()].filter((path) => path !== "/").sort());
});

Deno.test("the files of the page have their types, and uPlot is that of its package", async () => {
  const files = await pageFiles();
  assert.equal(files.get("/")?.type, "text/html; charset=utf-8");
  assert.equal(files.get("/styles/page.css")?.type, "text/css; charset=utf-8");
  assert.equal(files.get("/page.js")?.type, "text/javascript; charset=utf-8");
  assert.equal(files.get("/favicon.svg")?.type, "image/svg+xml");
  assert.match(
    files.get("/uplot.js")!.body,
    /^\/\*! https:\/\/github\.com\/leeoniya\/uPlot \(v1\.6\.32\) \*\//,
  );
});

Deno.test("the page has nothing that its content policy would block", async () => {
  for (const [path, { body }] of await pageFiles()) {
    if (path.startsWith("/uplot")) continue;
    assert.doesNotMatch(body, /\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval)\b/, path);
    if (path === "/") assert.doesNotMatch(body, /<style|<script>|\sstyle=|\son\w+=|https?:/);
  }
});

/** The scripts, style sheets and pictures in a folder and those below it, as paths of the page. */
function filesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    if (isDirectory) return filesIn(path);
    return /\.(js|css|svg)$/.test(name) ? [`/${relative(FOLDER, path).replaceAll(sep, "/")}`] : [];
  });
}
