import assert from "node:assert/strict";
import { join } from "node:path";
import { formatAddress } from "../../../../src/net/address.ts";
import { readEndpointFile } from "../../../../src/runtime/files/endpoint_file.ts";
import { temporaryDirectory } from "../../../support/program/directory.ts";

/** The endpoints in a file with this text, or what is wrong with it; `~` is its path. */
async function read(text: string | Uint8Array): Promise<string[]> {
  await using folder = await temporaryDirectory();
  const path = join(folder.path, "targets");
  await Deno.writeFile(path, typeof text === "string" ? new TextEncoder().encode(text) : text);
  try {
    const endpoints = await readEndpointFile(path);
    return endpoints.map(({ address, ...settings }) =>
      `${formatAddress(address)} ${JSON.stringify(settings)}`
    );
  } catch (error) {
    return (error as { problems: string[] }).problems.map((problem) => problem.replaceAll(path, "~"));
  }
}

Deno.test("readEndpointFile() reads JSON and YAML as Prometheus does, and only labels of its own", async () => {
  const json = `[
\t{ "targets": ["10.0.0.1:80", "[2001:db8::1]:80"], "labels": { "job": "web", "tier": "front" } },
\t{ "targets": [], "labels": {} },
\t{ "targets": ["db.internal:81"], "labels": { "sluice_weight": "2", "sluice_tier": "1" } },
\t{ "targets": ["unix:/run/a.sock"], "labels": { "sluice_max_connections": 9, "sluice_drain": "true" } }
]`;
  const expected = [
    '10.0.0.1:80 {"weight":1,"tier":0}',
    '[2001:db8::1]:80 {"weight":1,"tier":0}',
    'db.internal:81 {"weight":2,"tier":1}',
    'unix:/run/a.sock {"weight":1,"tier":0,"maxConnections":9,"drain":true}',
  ];
  assert.deepEqual(await read(json), expected);
  const yaml = `# written by a script
- targets: [10.0.0.1:80, "[2001:db8::1]:80"]
  labels: { job: web, tier: front }
- targets: []
- targets:
    - db.internal:81
  labels: { sluice_weight: 2, sluice_tier: "1", sluice_drain: false }
- targets: ["unix:/run/a.sock"]
  labels: { sluice_max_connections: "9", sluice_drain: true }
`;
  assert.deepEqual(await read(yaml), expected);
  assert.deepEqual(await read("\ufeff[]"), []);
});

Deno.test("readEndpointFile() names everything that is wrong, with its line", async () => {
  assert.deepEqual(
    await read(`- targets: [10.0.0.1, "10.0.0.2:0", 5432]
- target: [10.0.0.3:80]
- targets: [10.0.0.4:80]
  labels:
    sluice_wieght: 2
    sluice_tier: 10
    sluice_weight: 0
    sluice_drain: soon
    sluice_max_connections: -1
- targets: ["10.0.0.4:80"]
  labels: [a]
- 10.0.0.5:80
`),
    [
      '~:1: Cannot parse address "10.0.0.1": the port is missing, write "10.0.0.1:5432"',
      '~:1: Cannot connect to port 0 in "10.0.0.2:0": expected 1-65535',
      '~:1: Expected a target such as "10.0.0.1:5432", got 5432',
      '~:2: Expected a mapping with targets, got {"target":["10.0.0.3:80"]}',
      '~:5: Unknown label "sluice_wieght": did you mean "sluice_weight"?',
      "~:6: Expected a whole number from 0 to 9, got 10",
      "~:7: Expected a whole number from 1 to 1000, got 0",
      '~:8: Expected true or false, got "soon"',
      "~:9: Expected a whole number from 0 to 1000000, got -1",
      '~:11: Expected a mapping of labels, got ["a"]',
      "~: and 2 more",
    ],
  );
  assert.deepEqual(await read('[\n  { "targets": ["10.0.0.1:80", "10.0.0.1:80"] }\n]'), [
    '~:2: Cannot use the target "10.0.0.1:80" twice',
  ]);
});

Deno.test("readEndpointFile() refuses what is no list, half of a file, and what cannot be read", async () => {
  const expected =
    'Expected a list of mappings with targets, such as [{ "targets": ["10.0.0.1:5432"] }], got';
  assert.deepEqual(await read(""), [`~:1: ${expected} nothing`]);
  assert.deepEqual(await read('{"targets": ["10.0.0.1:80"]}'), [
    `~:1: ${expected} {"targets":["10.0.0.1:80"]}`,
  ]);
  assert.deepEqual(await read(`"${"a".repeat(200)}"`), [`~:1: ${expected} "${"a".repeat(99)}…`]);
  const [half] = await read('[\n  { "targets": ["10.0.0.1:80"\n');
  assert.match(half!, /^~:\d: Cannot parse YAML: /);
  assert.deepEqual(await read(new Uint8Array([0x5b, 0xff, 0x5d])), [
    'Cannot read "~": it is not UTF-8 text, save it with that encoding',
  ]);
  await assert.rejects(readEndpointFile("/nonexistent/targets.json"), {
    message: 'Cannot read "/nonexistent/targets.json": no such file (check the path)',
  });
});
