import assert from "node:assert/strict";
import { join } from "node:path";
import { decodeConfig } from "../../../../src/config/decode.ts";
import { checkDiscoveryFiles, DiscoveryFiles } from "../../../../src/runtime/files/discovery_files.ts";
import { eventually } from "../../../support/eventually.ts";
import { temporaryDirectory } from "../../../support/program/directory.ts";

function textOf(...targets: string[]): string {
  return JSON.stringify([{ targets }]);
}

Deno.test("DiscoveryFiles.watch() reads at once, after each change, and at a reload", async () => {
  await using folder = await temporaryDirectory();
  const path = join(folder.path, "targets.json");
  await Deno.writeTextFile(path, textOf("10.0.0.1:80"));
  const files = new DiscoveryFiles();
  const stop = new AbortController();
  const seen: (number | string)[] = [];
  const watching = files.watch([path], async () => {
    seen.push(await files.endpoints(path).then(({ length }) => length, ({ message }) => message));
  }, stop.signal);
  const reads = (result: number | string) =>
    eventually(`${result}`, () => seen.at(-1), (last) => last === result);
  await reads(1);

  await Deno.writeTextFile(`${path}.new`, textOf("10.0.0.1:80", "10.0.0.2:80"));
  await Deno.rename(`${path}.new`, path);
  await reads(2);
  assert.deepEqual(await files.reload(), []);

  await Deno.writeTextFile(path, "[\n5]");
  const problem = `${path}:2: Expected a mapping with targets, got 5`;
  await reads(problem);
  assert.deepEqual(await files.reload(), [`Keeping the endpoints in use. ${problem}`]);

  stop.abort();
  await watching;
  const count = seen.length;
  assert.deepEqual(await files.reload(), []);
  assert.equal(seen.length, count);
});

Deno.test("checkDiscoveryFiles() names each file that cannot be used, wherever it is", async () => {
  await using folder = await temporaryDirectory();
  const good = join(folder.path, "good.json");
  const bad = join(folder.path, "bad.json");
  await Deno.writeTextFile(good, textOf("10.0.0.1:80", "10.0.0.2:80"));
  await Deno.writeTextFile(bad, "5");
  const service = (name: string, listen: number, settings: object) => ({ name, listen, ...settings });
  const config = decodeConfig({
    upstreams: { "my.db": { discovery: { file: bad } }, good: { discovery: { file: good } } },
    services: [
      service("a", 5000, { upstream: "my.db" }),
      service("b", 5001, {
        upstream: "good",
        routes: [{ source_ip: "10.0.0.1", upstream: { discovery: { file: "/nonexistent/x" } } }],
        mirror: { upstream: { discovery: { file: "/nonexistent/y" } } },
      }),
    ],
  });
  const error = await checkDiscoveryFiles(config).then(() => assert.fail("it was read"), (error) => error);
  assert.deepEqual(error.problems.map(({ path, message }: Record<string, string>) => [path, message]), [
    [
      'upstreams["my.db"].discovery.file',
      `${bad}:1: Expected a list of mappings with targets, such as [{ "targets": ["10.0.0.1:5432"] }], got 5`,
    ],
    [
      "services[1].routes[0].upstream.discovery.file",
      'Cannot read "/nonexistent/x": no such file (check the path)',
    ],
    [
      "services[1].mirror.upstream.discovery.file",
      'Cannot read "/nonexistent/y": no such file (check the path)',
    ],
  ]);
  const known = new Set([bad, "/nonexistent/x", "/nonexistent/y"]);
  assert.deepEqual([...await checkDiscoveryFiles(config, known)], [[good, 2]]);
});
