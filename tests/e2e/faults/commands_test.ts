/** Faults from the command line, before and while the program runs. */

import assert from "node:assert/strict";
import { connect, echo, readText, upstream, writeText } from "../../support/peers/sockets.ts";
import { runSluice, Sluice } from "../../support/program/program.ts";

Deno.test("--fault acts on the service of the quick form", async () => {
  await using server = upstream(echo);
  const replace = "replace,find=hello,replacement=HELLO,first=1";
  await using sluice = await Sluice.start([
    `0=${server.address}`,
    "--fault",
    replace,
    "--fault=drip,delay=1ms",
  ]);
  assert.equal(await exchange(sluice.port()), "HELLO");
  assert.equal(await exchange(sluice.port()), "hello");
});

Deno.test("a fault that cannot be used ends the program with code 2, and names it", async () => {
  const { code, stderr } = await runSluice(["0=1", "--fault", "latency,latncy=5s"]);
  assert.match(stderr, /\n {2}--fault latency,latncy=5s: Unknown key "latncy": did you mean "latency"\?/);
  assert.equal(code, 2);
});

Deno.test("sluice fault adds, lists, changes and removes faults of a running proxy", async () => {
  await using server = upstream(echo);
  const service = `{ name: db, listen: "127.0.0.1:0", upstream: "${server.address}" }`;
  await using sluice = await Sluice.withConfig(
    `faults: true\nadmin: { listen: "127.0.0.1:0" }\nservices: [${service}]\n`,
  );
  const ask = async (...words: string[]) => {
    const { code, stdout, stderr } = await runSluice(["fault", ...words, "--admin", sluice.ready.admin!]);
    return { code, text: stdout.trimEnd() + stderr.trimEnd() };
  };
  assert.deepEqual(await ask("list", "db"), { code: 0, text: "No faults" });
  const added = await ask(
    "add",
    "db",
    "replace",
    "find=hello",
    "replacement=hex:4f",
    "direction=both",
    "name=o",
  );
  assert.equal(added.code, 0, added.text);
  assert.equal(await exchange(sluice.port(), 1), "O");
  assert.deepEqual((await ask("list", "db")).text.split("\n"), [
    "FAULT  TYPE     STATE  APPLIED  FROM  SETTINGS",
    "o      replace  on           1  API   find=hello replacement=O direction=both",
  ]);
  assert.match(
    (await ask("update", "db", "o", "enabled=false", "first=3")).text,
    /\no +replace +off .* first=3$/,
  );
  assert.equal(await exchange(sluice.port()), "hello");
  const unknown = await ask("update", "db", "o", "lossrate=1");
  assert.deepEqual([unknown.code, /lossrate: Unknown key/.test(unknown.text)], [1, true], unknown.text);
  assert.deepEqual(await ask("remove", "db", "o"), { code: 0, text: "Removed o" });
  assert.deepEqual(await ask("remove", "db", "o"), {
    code: 1,
    text: 'sluice: Service "db" has no fault "o"',
  });
});

Deno.test("sluice fault ends with code 1 where the configuration has no faults", async () => {
  const admin = 'admin: { listen: "127.0.0.1:0" }';
  await using sluice = await Sluice.withConfig(
    `${admin}\nservices: [{ name: db, listen: "127.0.0.1:0", upstream: "127.0.0.1:1" }]\n`,
  );
  const { code, stderr } = await runSluice(["fault", "add", "db", "down", "--admin", sluice.ready.admin!]);
  assert.match(stderr, /the configuration has none and does not say "faults: true"/);
  assert.equal(code, 1);
});

Deno.test("the same seed makes the same decisions, another one does not", async () => {
  await using server = upstream(echo);
  const fault = "replace,find=hello,replacement=HELLO,probability=0.5";
  const decisions = async (seed: readonly string[], env: Record<string, string>) => {
    await using sluice = await Sluice.start([`0=${server.address}`, "--fault", fault, ...seed], { env });
    await sluice.logged(`follow from the seed ${seed[1] ?? env["SLUICE_SEED"]}`);
    const answers: string[] = [];
    for (let count = 0; count < 20; count++) answers.push(await exchange(sluice.port()));
    return answers.join();
  };
  const first = await decisions(["--seed", "42"], {});
  assert.ok(first.includes("hello") && first.includes("HELLO"), first);
  assert.equal(await decisions([], { SLUICE_SEED: "42" }), first);
  assert.equal(await decisions(["--seed", "42"], { SLUICE_SEED: "43" }), first);
  assert.notEqual(await decisions(["--seed", "43"], {}), first);
});

async function exchange(port: number, length = "hello".length): Promise<string> {
  using client = await connect(port);
  await writeText(client, "hello");
  return await readText(client, length);
}
