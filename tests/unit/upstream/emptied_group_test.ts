/** A group whose source says that there are no endpoints any more. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "../../support/eventually.ts";
import { ControlledGroup } from "../../support/fakes/upstream_parts.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";

Deno.test("Group whose source has no endpoint is ready, and gives clients none", async () => {
  await using folder = await temporaryDirectory();
  const path = join(folder.path, "targets.json");
  const write = async (...targets: string[]) => {
    await Deno.writeTextFile(`${path}.new`, JSON.stringify([{ targets }]));
    await Deno.rename(`${path}.new`, path);
  };
  await write("192.0.2.1:80");
  await using fixture = new ControlledGroup({ endpoints: [], discovery: { file: path } });
  const keys = () => fixture.controller.endpoints.map(({ key }) => key).join();
  assert.deepEqual(fixture.controller.notReady, ["group: no endpoint is known yet"]);
  fixture.controller.start();
  await eventually("an endpoint", keys, (found) => found === "192.0.2.1:80");
  assert.deepEqual(fixture.controller.notReady, []);

  await write();
  await eventually("none", keys, (found) => found === "");
  assert.deepEqual(fixture.controller.notReady, []);
  assert.equal(fixture.group.enter({ sourceAddress: "" }, []), "unknown");
  const { source, description, failures, error } = fixture.controller.discovery!;
  assert.deepEqual({ source, description, failures, error }, {
    source: "file",
    description: `the file ${path}`,
    failures: 0,
    error: undefined,
  });

  await write("192.0.2.2:80");
  await eventually("another", keys, (found) => found === "192.0.2.2:80");
});
