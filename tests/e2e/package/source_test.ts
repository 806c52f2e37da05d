/**
 * The program from its sources, as `deno run main.ts` starts it. The other tests may start the bundled one, which has
 * the same code in other files: here is what loads files by itself, which are threads, commands and the page.
 */

import assert from "node:assert/strict";
import { runSluice, Sluice, sluiceCommand } from "../../support/program/program.ts";
import { connect, echo, readText, upstream, writeText } from "../../support/peers/sockets.ts";

Deno.test("main.ts serves with threads, an admin interface and its page, and runs every kind of command", async () => {
  await using server = upstream(echo);
  const config = await Deno.makeTempFile({ prefix: "sluice-source-", suffix: ".yaml" });
  try {
    await Deno.writeTextFile(
      config,
      `admin: { listen: 127.0.0.1:0 }\nservices: [{ name: test, listen: 127.0.0.1:0, upstream: "${server.address}" }]\n`,
    );
    const command = sluiceCommand({ fromSource: true });
    await using sluice = await Sluice.start(["-c", config], { command, workers: 2 });
    const admin = sluice.ready.admin!;
    for (let client = 0; client < 8; client++) {
      using conn = await connect(sluice.port());
      await writeText(conn, "ping");
      assert.equal(await readText(conn, 4), "ping");
    }
    const page = await fetch(`http://${admin}/`);
    assert.match(await page.text(), /<title>sluice/);
    for (
      const { args, prints } of [
        { args: ["check", config], prints: /test/ },
        { args: ["status", "--admin", admin], prints: /test/ },
        { args: ["version"], prints: /^sluice \d/ },
        { args: ["completions", "bash"], prints: /complete / },
        { args: ["man"], prints: /\.TH / },
      ]
    ) {
      const { code, stdout, stderr } = await runSluice(args, { command });
      assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
      assert.match(stdout, prints);
    }
    assert.equal((await sluice.stop()).code, 0);
  } finally {
    await Deno.remove(config);
  }
});
